// The load on the AWS endpoint: GetSecretValue over keep-alive HTTPS connections, one call in flight on each.
// Requests are signed before the clock starts and sent again and again, as the time-window of signatures lets
// them be: what is measured is the daemon, which verifies each. Secrets are those that coffer-load stored.

#include <openssl/ssl.h>

#include <CLI/CLI.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "aws_request.hpp"
#include "daemon/base/errors.hpp"
#include "figures.hpp"
#include "stored_secrets.hpp"

namespace {

using namespace coffer;
namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using bench::Clock;

/// A signature is good for five minutes; the figures of one run fit into four.
constexpr double kSecondsMax = 60;

struct Options {
    std::string address = "127.0.0.1";
    std::string server_name = "localhost";
    std::uint16_t port = 0;
    std::string ca;
    double seconds = 3;
    std::vector<int> in_flight = {1, 8, 64};
};

std::string from_environment(const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
    if (value == nullptr || *value == '\0') {
        throw Error(std::string(name) + " is not set: eval \"$(deploy/appliance.sh env)\"");
    }
    return value;
}

class AwsLoad {
public:
    explicit AwsLoad(const Options& options)
        : options_(options),
          endpoint_(asio::ip::make_address(options.address), options.port),
          duration_(
              std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds))) {
        context_.load_verify_file(options.ca);
        context_.set_verify_mode(ssl::verify_peer);
        context_.set_verify_callback(ssl::host_name_verification(options.server_name));
        const auto secret = from_environment("AWS_SECRET_ACCESS_KEY");
        const bench::AwsCredentials credentials{from_environment("AWS_ACCESS_KEY_ID"),
                                                crypto::SecretBytes::copy_of(std::string_view(secret)),
                                                from_environment("AWS_DEFAULT_REGION")};
        const auto host = options.server_name + ":" + std::to_string(options.port);
        const auto now = SystemClock().now();
        for (std::int64_t i = 0; i < bench::kHotSecrets; ++i) {
            const auto body = R"({"SecretId":")" + bench::name_of(i) + R"("})";
            requests_.push_back(bench::signed_request(credentials, host, "GetSecretValue", body, now));
        }
    }

    [[nodiscard]] bench::Row measure(int in_flight) {
        asio::io_context io{1};
        bench::Latencies latencies;
        std::exception_ptr failure;
        Clock::time_point start;
        int waiting = in_flight;
        for (int i = 0; i < in_flight; ++i) {
            asio::co_spawn(io, work(waiting, start, latencies), [&](const std::exception_ptr& e) {
                if (e && !failure) failure = e;
                if (e) io.stop();
            });
        }
        io.run();
        if (failure) std::rethrow_exception(failure);
        return bench::make_row("aws_get_hot", in_flight, std::move(latencies), Clock::now() - start);
    }

private:
    using Stream = ssl::stream<tcp::socket>;

    /// One connection. The clock starts when the last of them has connected and read once.
    asio::awaitable<void> work(int& waiting, Clock::time_point& start, bench::Latencies& latencies) {
        const auto executor = co_await asio::this_coro::executor;
        Stream stream(executor, context_);
        co_await stream.next_layer().async_connect(endpoint_, asio::use_awaitable);
        stream.next_layer().set_option(tcp::no_delay(true));
        std::string indicated =
            options_.server_name;  // what the macro SSL_set_tlsext_host_name does, without its cast
        if (SSL_ctrl(stream.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                     indicated.data()) != 1) {
            throw Error("OpenSSL takes no server name");
        }
        co_await stream.async_handshake(ssl::stream_base::client, asio::use_awaitable);
        boost::beast::flat_buffer buffer;
        co_await call(stream, buffer);
        start = Clock::now();
        --waiting;
        while (waiting > 0 || Clock::now() < start + duration_) {
            const auto before = Clock::now();
            co_await call(stream, buffer);
            if (waiting == 0 && before >= start) latencies.add(Clock::now() - before);
        }
        stream.next_layer().set_option(asio::socket_base::linger(true, 0));
    }

    asio::awaitable<void> call(Stream& stream, boost::beast::flat_buffer& buffer) {
        const auto& request = requests_[next_++ % requests_.size()];
        co_await asio::async_write(stream, asio::buffer(request), asio::use_awaitable);
        http::response<http::string_body> answer;
        co_await http::async_read(stream, buffer, answer, asio::use_awaitable);
        if (answer.result() != http::status::ok) {
            throw Error("GetSecretValue was answered with " + std::to_string(answer.result_int()) + ": " +
                        answer.body().substr(0, 300));
        }
    }

    const Options& options_;
    tcp::endpoint endpoint_;
    Clock::duration duration_;
    ssl::context context_{ssl::context::tls_client};
    std::vector<std::string> requests_;
    std::size_t next_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    CLI::App app(
        "Measures GetSecretValue through a cofferd's AWS endpoint, as the user of AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY");
    Options options;
    app.add_option("--address", options.address);
    app.add_option("--server-name", options.server_name, "Name that the certificate must be for");
    app.add_option("--port", options.port)->required();
    app.add_option("--ca", options.ca, "PEM file of the CA of the daemon's certificate")->required();
    app.add_option("--seconds", options.seconds, "For each figure")->check(CLI::Range(0.1, kSecondsMax));
    app.add_option("--in-flight", options.in_flight, "Numbers of calls in flight")->delimiter(',');
    CLI11_PARSE(app, argc, argv);
    try {
        AwsLoad load(options);
        for (const int in_flight : options.in_flight) bench::print_row(std::cout, load.measure(in_flight));
        return 0;
    } catch (const std::exception& e) {
        std::cerr << "coffer-aws-load: " << e.what() << "\n";
        return 1;
    }
}
