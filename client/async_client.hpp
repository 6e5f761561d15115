#pragma once
// The client for programs that run Boost.Asio: one coroutine for each operation. Many calls may be under way
// at once; they share a few connections.
//
//     v1::GetSecretValueRequest request;
//     request.set_secret_id("app/db");
//     auto response = co_await client.get_secret_value(std::move(request));

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>

#include "client/config.hpp"
#include "client/errors.hpp"
#include "client/operations.hpp"
#include "coffer/v1/frame.pb.h"

namespace coffer::client {

class Pool;

/// Nothing is connected until the first call. Connections are kept and reused; lost ones are replaced.
///
/// Calls throw ServiceError, ConnectionError (and what derives from it), DeadlineExceeded, OutcomeUnknown,
/// Overloaded, ProtocolError, ConfigError (a certificate file that cannot be used). What is retryable and
/// safe to repeat has been repeated by then, within the deadline.
///
/// Thread-safe. A coroutine that calls may run on any executor; it is resumed there. Cancelling it does not
/// cancel the call, whose deadline bounds it.
class AsyncClient {
public:
    /// `executor` does the client's own work. It must not run handlers concurrently: that of an io_context
    /// which one thread runs, or a strand. Throws ConfigError when something needed is not configured.
    AsyncClient(boost::asio::any_io_executor executor, Config config);
    AsyncClient(const AsyncClient&) = delete;
    AsyncClient& operator=(const AsyncClient&) = delete;
    /// Closes the connections; calls under way fail with ConnectionError.
    ~AsyncClient();

    /// Connects, if need be, and returns what the daemon says about itself and about us.
    boost::asio::awaitable<v1::HelloReply> hello();

    /// Any operation, as the oneof of `request` says; its id and deadline_ms are the client's to set. The
    /// result is never an error (those are thrown) and always of the request's operation.
    boost::asio::awaitable<v1::Response> call(v1::Request request, CallOptions options);
    boost::asio::awaitable<v1::Response> call(v1::Request request);

    // CreateSecret, PutSecretValue, UpdateSecret and RotateSecret get a client_request_token if they have
    // none. Responses hold secrets in the clear: see wipe.hpp.
#define COFFER_DECLARE_OPERATION(method, Name)                                                         \
    boost::asio::awaitable<v1::Name##Response> method(v1::Name##Request request, CallOptions options); \
    boost::asio::awaitable<v1::Name##Response> method(v1::Name##Request request);
    COFFER_FOR_EACH_OPERATION(COFFER_DECLARE_OPERATION)
#undef COFFER_DECLARE_OPERATION

private:
    std::shared_ptr<Pool> pool_;
};

}  // namespace coffer::client
