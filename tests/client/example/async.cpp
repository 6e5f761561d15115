// The same for a program that runs Boost.Asio: two reads at once, over one connection.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <coffer/client/async_client.hpp>
#include <coffer/client/wipe.hpp>
#include <iostream>

namespace asio = boost::asio;
namespace client = coffer::client;

asio::awaitable<void> read(client::AsyncClient& coffer, std::string name) {
    coffer::v1::GetSecretValueRequest request;
    request.set_secret_id(name);
    client::CallOptions options;
    options.deadline = std::chrono::seconds(2);
    const client::Wiped response(co_await coffer.get_secret_value(std::move(request), std::move(options)));
    std::cout << name << " is at version " << response->version_id() << "\n";
}

int main() try {
    asio::io_context context(1);
    client::AsyncClient coffer(context.get_executor(), client::load_config());
    const auto report = [](std::exception_ptr failure) {
        try {
            if (failure) std::rethrow_exception(failure);
        } catch (const client::Error& error) {
            std::cerr << error.what() << "\n";
        }
    };
    asio::co_spawn(context, read(coffer, "app/db"), report);
    asio::co_spawn(context, read(coffer, "app/mail"), report);
    context.run_for(std::chrono::seconds(5));
} catch (const client::ConfigError& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
