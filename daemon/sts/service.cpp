#include "daemon/sts/service.hpp"

#include "daemon/iam/errors.hpp"
#include "daemon/secrets/request_record.hpp"
#include "daemon/sts/operations.hpp"
#include "daemon/sts/web_identity.hpp"

namespace coffer::sts {

bool StsService::has(v1::Request::OperationCase operation) const noexcept {
    return operation == v1::Request::kAssumeRole || operation == v1::Request::kAssumeRoleWithWebIdentity ||
           operation == v1::Request::kGetCallerIdentity || operation == v1::Request::kGetSessionToken;
}

boost::asio::awaitable<void> StsService::perform(secrets::Call call,
                                                 std::shared_ptr<const v1::Request> request,
                                                 v1::Response& response) {
    if (request->operation_case() == v1::Request::kAssumeRoleWithWebIdentity) {
        co_await perform_for_web_identity(std::move(call), std::move(request), response);
        co_return;
    }
    const auto directory = keeper_.directory();
    const StsWork work{*directory, tokens_, *call, clock_.now()};
    switch (request->operation_case()) {
        case v1::Request::kAssumeRole:
            *response.mutable_assume_role() = assume_role(work, request->assume_role());
            break;
        case v1::Request::kGetSessionToken:
            *response.mutable_get_session_token() = get_session_token(work, request->get_session_token());
            break;
        default:
            *response.mutable_get_caller_identity() =
                get_caller_identity(work, request->get_caller_identity());
    }
    co_return;
}

boost::asio::awaitable<void> StsService::perform_for_web_identity(secrets::Call call,
                                                                  std::shared_ptr<const v1::Request> request,
                                                                  v1::Response& response) {
    const auto& message = request->assume_role_with_web_identity();
    if (message.has_provider_id()) {
        throw iam::validation(
            "ProviderId is for OAuth 2.0 access tokens, which are not taken here. Leave it out for an OpenID "
            "Connect "
            "token.");
    }
    const WebIdentity identity = co_await providers_.identify(request, clock_.now());
    const auto directory = keeper_.directory();
    const auto& claims = identity.claims;
    call->record->identified(
        {provider_arn(directory->account(), identity.provider->name()), claims.audience(), claims.subject});
    call->record->concerns(message.role_arn());
    const StsWork work{*directory, tokens_, *call, clock_.now()};
    *response.mutable_assume_role_with_web_identity() =
        assume_role_with_web_identity(work, message, identity);
}

}  // namespace coffer::sts
