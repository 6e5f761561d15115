#include "client/client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "client/async_client.hpp"
#include "client/wipe.hpp"

namespace coffer::client {

namespace asio = boost::asio;

/// The event loop, its thread, and the client that lives there.
class Client::Engine {
public:
    explicit Engine(Config config) : work_(asio::make_work_guard(context_)) {
        async_.emplace(context_.get_executor(), std::move(config));
        thread_ = std::thread([this] { context_.run(); });
    }
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    ~Engine() {
        async_.reset();
        work_.reset();
        thread_.join();  // once the connections are closed and every call has been told
    }

    [[nodiscard]] AsyncClient& async() noexcept { return *async_; }

    /// Blocks until the coroutine is done.
    template <class T>
    T wait_for(asio::awaitable<T> coroutine) {
        return asio::co_spawn(context_, std::move(coroutine), asio::use_future).get();
    }

private:
    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::optional<AsyncClient> async_;
    std::thread thread_;
};

Client::Client(Config config) : engine_(std::make_unique<Engine>(std::move(config))) {}
Client::~Client() = default;

v1::HelloReply Client::hello() {
    return engine_->wait_for(engine_->async().hello());
}

crypto::SecretBytes Client::get_secret(const std::string& secret_id) {
    v1::GetSecretValueRequest request;
    request.set_secret_id(secret_id);
    const Wiped response(get_secret_value(std::move(request)));
    return crypto::SecretBytes::copy_of(std::string_view(
        response->has_secret_binary() ? response->secret_binary() : response->secret_string()));
}

v1::Response Client::call(v1::Request request, CallOptions options) {
    return engine_->wait_for(engine_->async().call(std::move(request), std::move(options)));
}

#define COFFER_DEFINE_OPERATION(method, Name)                                                      \
    v1::Name##Response Client::method(v1::Name##Request request, CallOptions options) {            \
        return engine_->wait_for(engine_->async().method(std::move(request), std::move(options))); \
    }
COFFER_FOR_EACH_OPERATION(COFFER_DEFINE_OPERATION)
#undef COFFER_DEFINE_OPERATION

}  // namespace coffer::client
