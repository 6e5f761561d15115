#include "daemon/secrets/error_mapping.hpp"

#include "crypto/hsm.hpp"
#include "daemon/access/access_denied.hpp"
#include "daemon/audit/journal_errors.hpp"
#include "daemon/base/errors.hpp"
#include "daemon/secrets/errors.hpp"

namespace coffer::secrets {

namespace {

MappedError mapped(v1::ErrorCode code, const std::string& message, bool retryable,
                   std::string internal = {}) {
    MappedError result;
    result.error.set_code(code);
    result.error.set_message(message);
    result.error.set_retryable(retryable);
    result.internal = std::move(internal);
    return result;
}

}  // namespace

MappedError error_of(const std::exception_ptr& exception) noexcept try {
    std::rethrow_exception(exception);
} catch (const ServiceError& e) {
    return mapped(e.code(), e.what(), e.retryable());
} catch (const access::AccessDenied& e) {
    return mapped(v1::ACCESS_DENIED, e.what(), false);
} catch (const Overloaded& e) {
    return mapped(v1::THROTTLING, "Rate exceeded", true, e.what());
} catch (const DeadlineExceeded& e) {
    return mapped(v1::DEADLINE_EXCEEDED, "The request was not answered before its deadline.", true, e.what());
} catch (const crypto::UnknownMasterKey& e) {
    return mapped(v1::DECRYPTION_FAILURE,
                  "Secrets Manager can't decrypt the secret value: the master key that it is encrypted under "
                  "is not in the "
                  "token.",
                  false, e.what());
} catch (const audit::AuditUnavailable& e) {
    return mapped(
        v1::SERVICE_UNAVAILABLE,
        "The request was not answered because it cannot be recorded: the audit journal takes no events "
        "at the moment. Try again, and tell the service's operators.",
        true, e.what());
} catch (const Unavailable& e) {
    return mapped(v1::SERVICE_UNAVAILABLE, "A part that the service needs is not available now. Try again.",
                  true, e.what());
} catch (const IntegrityError& e) {
    auto result = mapped(
        v1::DECRYPTION_FAILURE,
        "The stored secret failed its integrity check: it was altered outside of the service. It is not "
        "returned; the service's log has the details.",
        false, e.what());
    result.integrity = true;
    return result;
} catch (const std::exception& e) {
    return mapped(v1::INTERNAL_SERVICE_ERROR, "An error occurred on the server side.", true, e.what());
} catch (...) {
    return mapped(v1::INTERNAL_SERVICE_ERROR, "An error occurred on the server side.", true,
                  "an exception of an unknown type");
}

}  // namespace coffer::secrets
