#include "daemon/usage/usage_observer.hpp"

#include "daemon/secrets/request_record.hpp"
#include "proto/names.hpp"

namespace coffer::usage {

namespace {

/// A session counts for the role or user that it is of: its own name may be another each time.
std::string_view counted_as(const access::Principal& principal) {
    return principal.issuer_arn.empty() ? principal.arn : principal.issuer_arn;
}

}  // namespace

void UsageObserver::request_done(const secrets::CallContext& context, v1::Request::OperationCase operation,
                                 v1::ErrorCode code, std::string_view internal,
                                 std::chrono::nanoseconds took) {
    const auto& rights = context.caller.rights;
    std::span<const std::string> secrets;
    if (context.record) secrets = context.record->resources;
    recorder_.record(rights ? counted_as(rights->principal) : kNobody, proto::operation_name(operation),
                     clock_.now(), code != v1::ERROR_CODE_UNSPECIFIED, secrets);
    next_->request_done(context, operation, code, internal, took);
}

}  // namespace coffer::usage
