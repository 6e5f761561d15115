#include "client/async_client.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <random>
#include <utility>

#include "client/pool.hpp"
#include "client/retry.hpp"
#include "client/wipe.hpp"
#include "daemon/base/await.hpp"
#include "daemon/base/uuid.hpp"
#include "proto/names.hpp"

namespace coffer::client {

namespace {

namespace asio = boost::asio;
using asio::awaitable;
using FramePtr = std::shared_ptr<v1::Frame>;
using PoolPtr = std::shared_ptr<Pool>;

/// As AWS's SDKs do: one token for each logical call, the same for all of its repetitions.
void add_token(v1::Request& request) {
    const auto add = [](auto& message) {
        if (!message.has_client_request_token()) message.set_client_request_token(Uuid::random().text());
    };
    switch (request.operation_case()) {
        case v1::Request::kCreateSecret:
            return add(*request.mutable_create_secret());
        case v1::Request::kPutSecretValue:
            return add(*request.mutable_put_secret_value());
        case v1::Request::kUpdateSecret:
            return add(*request.mutable_update_secret());
        case v1::Request::kRotateSecret:
            return add(*request.mutable_rotate_secret());
        default:
            return;
    }
}

/// Wipes the values of a request that writes, however the call ends.
class RequestWiper {
public:
    explicit RequestWiper(FramePtr frame) : frame_(std::move(frame)) {}
    RequestWiper(const RequestWiper&) = delete;
    RequestWiper& operator=(const RequestWiper&) = delete;
    ~RequestWiper() {
        auto& request = *frame_->mutable_request();
        if (request.has_create_secret()) wipe(*request.mutable_create_secret());
        if (request.has_put_secret_value()) wipe(*request.mutable_put_secret_value());
        if (request.has_update_secret()) wipe(*request.mutable_update_secret());
    }

private:
    FramePtr frame_;
};

/// The response, or its error as an exception.
v1::Response require_success(v1::Response response, const v1::Request& request) {
    if (response.has_error()) {
        const auto& error = response.error();
        throw ServiceError(error.code(), std::string(proto::error_name(error.code())), error.message(),
                           error.retryable(), response.request_id());
    }
    // An operation has the same field number in Request and in Response.
    if (static_cast<int>(response.result_case()) != static_cast<int>(request.operation_case())) {
        throw ProtocolError("the daemon answered " +
                            std::string(proto::operation_name(request.operation_case())) +
                            " with something else");
    }
    return response;
}

[[noreturn]] void throw_outcome_unknown(const std::exception_ptr& failure, const v1::Request& request) {
    std::string why;
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        why = error.what();
    }
    throw OutcomeUnknown("whether " + std::string(proto::operation_name(request.operation_case())) +
                         " was carried out is not known, and repeating it blindly is not safe; look with "
                         "DescribeSecret (" +
                         why + ")");
}

std::chrono::milliseconds random_wait(std::chrono::milliseconds ceiling) {
    std::random_device random;
    return std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(0, ceiling.count())(random));
}

awaitable<v1::Response> send_once(PoolPtr pool, FramePtr frame, Deadline deadline) {
    auto start = [pool, frame, deadline](Completion<v1::Response> done) {
        pool->submit(frame, deadline, std::move(done));
    };
    v1::Response response = co_await await_completion<v1::Response>(std::move(start));
    co_return require_success(std::move(response), frame->request());
}

/// Sends until there is an answer, or no sense in it.
awaitable<v1::Response> send_until(PoolPtr pool, FramePtr frame, Deadline deadline) {
    const auto& request = frame->request();
    for (unsigned attempt = 1;; ++attempt) {
        std::exception_ptr failure;
        try {
            v1::Response response = co_await send_once(pool, frame, deadline);
            co_return response;
        } catch (...) {
            failure = std::current_exception();
        }
        const Verdict verdict = judge(failure, is_repeatable(request));
        if (verdict == Verdict::outcome_unknown) throw_outcome_unknown(failure, request);
        const auto wait = random_wait(backoff_ceiling(pool->config(), attempt));
        const bool in_time = std::chrono::steady_clock::now() + wait < deadline;
        if (verdict == Verdict::give_up || attempt >= pool->config().attempts_max || !in_time) {
            std::rethrow_exception(failure);
        }
        asio::steady_timer timer(co_await asio::this_coro::executor, wait);
        co_await timer.async_wait(asio::use_awaitable);
    }
}

/// The token of the configured role's session, which is begun when there is none.
awaitable<std::string> role_token(PoolPtr pool, std::string trace_id, Deadline deadline) {
    if (auto token = pool->role().token()) co_return std::move(*token);
    auto frame = std::make_shared<v1::Frame>();
    auto& request = *frame->mutable_request();
    request.set_trace_id(std::move(trace_id));
    auto& assume = *request.mutable_assume_role();
    assume.set_role_arn(pool->config().role);
    assume.set_role_session_name(pool->config().role_session_name);
    assume.set_duration_seconds(RoleSession::kLength.count());
    const auto asked = std::chrono::steady_clock::now();
    v1::Response answer = co_await send_until(pool, std::move(frame), deadline);
    const Wiped<v1::Response> response(std::move(answer));
    pool->role().keep(response->assume_role(), asked);
    co_return response->assume_role().credentials().session_token();
}

awaitable<v1::Response> send(PoolPtr pool, FramePtr frame, CallOptions options) {
    const RequestWiper wiper(frame);
    const auto time = options.deadline.count() > 0 ? options.deadline : pool->config().deadline;
    const Deadline deadline = std::chrono::steady_clock::now() + time;
    auto& request = *frame->mutable_request();
    if (!options.trace_id.empty()) request.set_trace_id(options.trace_id);
    add_token(request);
    std::string token;
    if (!pool->config().role.empty()) {
        token = co_await role_token(pool, options.trace_id, deadline);
        request.set_session_token(token);
    }
    try {
        v1::Response response = co_await send_until(pool, frame, deadline);
        co_return response;
    } catch (const ServiceError& error) {
        if (error.code() == v1::EXPIRED_TOKEN) pool->role().forget(token);
        throw;
    }
}

template <class Request, class Response>
awaitable<Response> typed(PoolPtr pool, Request request, CallOptions options,
                          Request* (v1::Request::*operation)(), Response* (v1::Response::*result)()) {
    auto frame = std::make_shared<v1::Frame>();
    (frame->mutable_request()->*operation)()->Swap(&request);
    v1::Response response = co_await send(std::move(pool), std::move(frame), std::move(options));
    Response typed_response;
    typed_response.Swap((response.*result)());
    co_return typed_response;
}

}  // namespace

AsyncClient::AsyncClient(asio::any_io_executor executor, Config config) {
    require_usable(config);
    pool_ = std::make_shared<Pool>(std::move(executor), std::move(config));
}

AsyncClient::~AsyncClient() {
    pool_->close();
}

awaitable<v1::HelloReply> AsyncClient::hello() {
    return await_completion<v1::HelloReply>(
        [pool = pool_](Completion<v1::HelloReply> done) { pool->hello(std::move(done)); });
}

awaitable<v1::Response> AsyncClient::call(v1::Request request, CallOptions options) {
    auto frame = std::make_shared<v1::Frame>();
    frame->mutable_request()->Swap(&request);
    return send(pool_, std::move(frame), std::move(options));
}

awaitable<v1::Response> AsyncClient::call(v1::Request request) {
    return call(std::move(request), CallOptions{});
}

#define COFFER_DEFINE_OPERATION(method, Name)                                                              \
    awaitable<v1::Name##Response> AsyncClient::method(v1::Name##Request request, CallOptions options) {    \
        return typed<v1::Name##Request, v1::Name##Response>(pool_, std::move(request), std::move(options), \
                                                            &v1::Request::mutable_##method,                \
                                                            &v1::Response::mutable_##method);              \
    }                                                                                                      \
    awaitable<v1::Name##Response> AsyncClient::method(v1::Name##Request request) {                         \
        return method(std::move(request), CallOptions{});                                                  \
    }
COFFER_FOR_EACH_OPERATION(COFFER_DEFINE_OPERATION)
#undef COFFER_DEFINE_OPERATION

}  // namespace coffer::client
