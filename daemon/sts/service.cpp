#include "daemon/sts/service.hpp"

#include "daemon/sts/operations.hpp"

namespace coffer::sts {

bool StsService::has(v1::Request::OperationCase operation) const noexcept {
    return operation == v1::Request::kAssumeRole || operation == v1::Request::kGetCallerIdentity ||
           operation == v1::Request::kGetSessionToken;
}

boost::asio::awaitable<void> StsService::perform(secrets::Call call,
                                                 std::shared_ptr<const v1::Request> request,
                                                 v1::Response& response) {
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

}  // namespace coffer::sts
