#include "daemon/usage/usage_observer.hpp"

#include <string>
#include <vector>

#include "daemon/secrets/request_record.hpp"
#include "proto/names.hpp"

namespace coffer::usage {

namespace {

/// A session counts for the role or user that it is of: its own name may be another each time.
std::string_view counted_as(const access::Principal& principal) {
    return principal.issuer_arn.empty() ? principal.arn : principal.issuer_arn;
}

/// The secrets of parts that failed by themselves. They count as such where the whole did not fail.
std::vector<std::string> secrets_of_failed_parts(const secrets::RequestRecord& record) {
    std::vector<std::string> arns;
    for (const auto& part : record.parts) {
        if (!part.failure) continue;
        const auto& resources = part.call->record->resources;
        arns.insert(arns.end(), resources.begin(), resources.end());
    }
    return arns;
}

}  // namespace

void UsageObserver::request_done(const secrets::CallContext& context, v1::Request::OperationCase operation,
                                 v1::ErrorCode code, std::string_view internal,
                                 std::chrono::nanoseconds took) {
    const auto& rights = context.caller.rights;
    std::span<const std::string> secrets;
    std::vector<std::string> refused;
    if (context.record) {
        secrets = context.record->resources;
        refused = secrets_of_failed_parts(*context.record);
    }
    recorder_.record(rights ? counted_as(rights->principal) : kNobody, proto::operation_name(operation),
                     clock_.now(), code != v1::ERROR_CODE_UNSPECIFIED, secrets, refused);
    next_->request_done(context, operation, code, internal, took);
}

}  // namespace coffer::usage
