#include "daemon/secrets/pipeline.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "daemon/access/access_denied.hpp"
#include "daemon/audit/journal_errors.hpp"
#include "daemon/secrets/audit_trail.hpp"
#include "daemon/secrets/error_mapping.hpp"
#include "daemon/secrets/errors.hpp"
#include "daemon/secrets/operation_set.hpp"
#include "daemon/secrets/request_record.hpp"
#include "daemon/secrets/service.hpp"
#include "proto/names.hpp"
#include "proto/validator.hpp"

namespace coffer::secrets {

using boost::asio::awaitable;

namespace {

template <class Message>
void require_limits(const Message& request) {
    if (auto violation = proto::validation_error(request)) throw ServiceError(v1::VALIDATION, *violation);
}

/// As policies name it: "secretsmanager:GetSecretValue".
std::string action_of(const v1::Request& request) {
    const auto source = event_source(proto::operation_message(request));
    return std::string(source.substr(0, source.find('.'))) + ":" +
           std::string(proto::operation_name(request.operation_case()));
}

/// Whoever is nobody here may do nothing, whatever the operation. The refusal says why to its owner: the
/// certificate's name is in it already.
void require_known(const CallContext& call, const v1::Request& request) {
    if (call.caller.rights) return;
    if (call.caller.session_expired) {
        throw ServiceError(v1::EXPIRED_TOKEN, "The security token included in the request is expired");
    }
    throw access::AccessDenied("User: " + call.caller.shown() +
                               " is not authorized to perform: " + action_of(request) + " because " +
                               (call.caller.refusal.empty() ? "it is not known" : call.caller.refusal));
}

/// A policy that cannot be relied upon may have denied anything.
void require_listener(const CallContext& call, const v1::Request& request) {
    const auto& refusal = call.caller.stored_listener.refusal;
    if (refusal.empty()) return;
    throw access::AccessDenied("User: " + call.caller.shown() + " is not authorized to perform: " +
                               action_of(request) + " because " + refusal);
}

/// Hands an operation of another part on.
awaitable<void> hand_on(OperationSet& set, Call call, std::unique_ptr<v1::Request> request,
                        v1::Response& response) {
    require_limits(*proto::operation_message(*request));
    std::shared_ptr<const v1::Request> shared = std::move(request);
    co_await set.perform(std::move(call), std::move(shared), response);
}

/// Calls the operation that the request names and puts its answer into `response`.
awaitable<void> dispatch(SecretsService& service, Call call, std::unique_ptr<v1::Request> request,
                         v1::Response& response) {
    const auto operation = request->operation_case();
// One line for each operation: check its limits, run it, move its answer into the field of the same name.
#define COFFER_OPERATION(CASE, name)                                                                 \
    case v1::Request::CASE: {                                                                        \
        require_limits(request->name());                                                             \
        auto answer = co_await service.name(std::move(call), std::move(*request->mutable_##name())); \
        *response.mutable_##name() = std::move(answer);                                              \
        co_return;                                                                                   \
    }
    switch (operation) {
        COFFER_OPERATION(kGetSecretValue, get_secret_value)
        COFFER_OPERATION(kBatchGetSecretValue, batch_get_secret_value)
        COFFER_OPERATION(kCreateSecret, create_secret)
        COFFER_OPERATION(kPutSecretValue, put_secret_value)
        COFFER_OPERATION(kUpdateSecret, update_secret)
        COFFER_OPERATION(kUpdateSecretVersionStage, update_secret_version_stage)
        COFFER_OPERATION(kDescribeSecret, describe_secret)
        COFFER_OPERATION(kListSecrets, list_secrets)
        COFFER_OPERATION(kListSecretVersionIds, list_secret_version_ids)
        COFFER_OPERATION(kDeleteSecret, delete_secret)
        COFFER_OPERATION(kRestoreSecret, restore_secret)
        COFFER_OPERATION(kRotateSecret, rotate_secret)
        COFFER_OPERATION(kCancelRotateSecret, cancel_rotate_secret)
        COFFER_OPERATION(kTagResource, tag_resource)
        COFFER_OPERATION(kUntagResource, untag_resource)
        COFFER_OPERATION(kPutResourcePolicy, put_resource_policy)
        COFFER_OPERATION(kGetResourcePolicy, get_resource_policy)
        COFFER_OPERATION(kDeleteResourcePolicy, delete_resource_policy)
        COFFER_OPERATION(kValidateResourcePolicy, validate_resource_policy)
        COFFER_OPERATION(kGetRandomPassword, get_random_password)
        case v1::Request::OPERATION_NOT_SET:
            throw ServiceError(v1::UNKNOWN_OPERATION,
                               "The request names no operation that this version of Coffer knows.");
        default:
            throw not_implemented(proto::operation_name(operation));
    }
#undef COFFER_OPERATION
}

}  // namespace

OperationSet* Pipeline::other_with(v1::Request::OperationCase operation) const noexcept {
    const auto found =
        std::ranges::find_if(others_, [operation](const auto* set) { return set->has(operation); });
    return found == others_.end() ? nullptr : *found;
}

/// Whoever has not shown who it is must not fill the journal.
void Pipeline::tell_refused(const CallContext& call, const v1::Response& response) const {
    if (refusals_ == nullptr || !response.has_error()) return;
    const auto& error = response.error();
    refusals_->refused({RefusedKind::request, proto::error_name(error.code()), error.message(), call.caller});
}

void Pipeline::tell_failed_parts(const CallContext& call) const {
    for (const auto& [part, failure] : call.record->parts) {
        // What can be tried again failed the whole request, and is told with it.
        if (!failure || failure->error.retryable()) continue;
        if (failure->integrity) observer_->integrity_failure(*part, failure->internal);
        observer_->part_failed(*part, failure->error.code(), failure->internal);
    }
}

awaitable<void> Pipeline::carry_out(Call call, std::unique_ptr<v1::Request> request, v1::Response& response) {
    const auto operation = request->operation_case();
    auto* other = other_with(operation);
    if (!call->record->stranger) require_known(*call, *request);
    require_listener(*call, *request);
    if (other != nullptr) {
        co_await hand_on(*other, std::move(call), std::move(request), response);
    } else {
        co_await dispatch(service_, std::move(call), std::move(request), response);
    }
}

awaitable<v1::Response> Pipeline::answer(CallContext context, std::unique_ptr<v1::Request> request) {
    const auto started = std::chrono::steady_clock::now();
    const auto operation = request->operation_case();
    v1::Response response;
    response.set_id(request->id());
    response.set_request_id(context.request_id);
    context.record = std::make_shared<RequestRecord>();
    if (listeners_) context.caller.stored_listener = listeners_->stored_listener(context.caller.listener);
    const auto call = std::make_shared<const CallContext>(std::move(context));
    const auto* other = other_with(operation);
    const bool for_operators = other != nullptr && other->for_operators();
    call->record->stranger = other != nullptr && other->takes_strangers(operation);

    std::string internal;
    const auto fail = [&](const std::exception_ptr& error) {
        auto failure = error_of(error);
        if (failure.integrity) observer_->integrity_failure(*call, failure.internal);
        internal = std::move(failure.internal);
        // Not the answer that was made already, if one was: it may hold a secret, and must not leave.
        response.clear_result();
        *response.mutable_error() = std::move(failure.error);
    };
    bool recorded = trail_ != nullptr;
    try {
        if (trail_ != nullptr) trail_->begin(*call, *request, for_operators);
        co_await carry_out(call, std::move(request), response);
    } catch (const audit::AuditUnavailable&) {
        recorded = false;
        fail(std::current_exception());
    } catch (...) {
        fail(std::current_exception());
    }
    try {
        if (recorded && call->record->stranger) {
            tell_refused(*call, response);
        } else if (recorded) {
            co_await trail_->finish(call, response, for_operators);
        }
    } catch (...) {
        fail(std::current_exception());
    }
    tell_failed_parts(*call);
    const auto code = response.has_error() ? response.error().code() : v1::ERROR_CODE_UNSPECIFIED;
    observer_->request_done(*call, operation, code, internal, std::chrono::steady_clock::now() - started);
    co_return response;
}

}  // namespace coffer::secrets
