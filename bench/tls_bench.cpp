// New connections: TCP, a full TLS 1.3 handshake with both certificates, Hello. The daemon's answer to the
// Hello ends the measurement and not the client's end of the handshake, since in TLS 1.3 the client is done
// before the daemon has looked at its certificate.

#include <openssl/ssl.h>

#include <CLI/CLI.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <utility>

#include "coffer/v1/frame.pb.h"
#include "figures.hpp"
#include "proto/frame_codec.hpp"

namespace {

using namespace coffer;
namespace asio = boost::asio;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using bench::Clock;

struct Options {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;
    std::string ca;
    std::string certificate;
    std::string key;
    double seconds = 3;
};

class TlsBench {
public:
    explicit TlsBench(const Options& options)
        : endpoint_(asio::ip::make_address(options.address), options.port),
          duration_(
              std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds))) {
        context_.load_verify_file(options.ca);
        context_.use_certificate_chain_file(options.certificate);
        context_.use_private_key_file(options.key, ssl::context::pem);
        context_.set_verify_mode(ssl::verify_peer);
        SSL_CTX_set_min_proto_version(context_.native_handle(), TLS1_3_VERSION);
        SSL_CTX_set_session_cache_mode(context_.native_handle(), SSL_SESS_CACHE_OFF);

        v1::Frame hello;
        hello.mutable_hello()->set_min_version(1);
        hello.mutable_hello()->set_max_version(1);
        hello.mutable_hello()->set_client("coffer-tls-bench");
        proto::append_frame(hello, proto::kDefaultMaxFrameBytes, hello_);
    }

    [[nodiscard]] bench::Row measure(int in_flight) {
        asio::io_context io;
        bench::Latencies latencies;
        std::exception_ptr failure;
        const auto start = Clock::now();
        end_ = start + duration_;
        for (int i = 0; i < in_flight; ++i) {
            asio::co_spawn(io, connect_again_and_again(latencies),
                           [&failure, &io](const std::exception_ptr& e) {
                               if (e && !failure) failure = e;
                               if (e) io.stop();
                           });
        }
        io.run();
        if (failure) std::rethrow_exception(failure);
        return bench::make_row("tls_handshake", in_flight, std::move(latencies), Clock::now() - start);
    }

private:
    asio::awaitable<void> connect_again_and_again(bench::Latencies& latencies) {
        while (Clock::now() < end_) {
            const auto before = Clock::now();
            co_await connect_once();
            latencies.add(Clock::now() - before);
        }
    }

    asio::awaitable<void> connect_once() {
        const auto executor = co_await asio::this_coro::executor;
        ssl::stream<tcp::socket> stream(executor, context_);
        co_await stream.next_layer().async_connect(endpoint_, asio::use_awaitable);
        stream.next_layer().set_option(tcp::no_delay(true));
        co_await stream.async_handshake(ssl::stream_base::client, asio::use_awaitable);
        co_await asio::async_write(stream, asio::buffer(hello_), asio::use_awaitable);
        Bytes reply(proto::kLengthPrefixBytes);
        co_await asio::async_read(stream, asio::buffer(reply), asio::use_awaitable);
        // Closed at once: neither side waits for the other's farewell, and the port is free again.
        stream.next_layer().set_option(asio::socket_base::linger(true, 0));
    }

    tcp::endpoint endpoint_;
    Clock::duration duration_;
    ssl::context context_{ssl::context::tls_client};
    Bytes hello_;
    Clock::time_point end_;
};

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Measures how many connections a second a cofferd takes; its own limit must be off");
    Options options;
    app.add_option("--address", options.address);
    app.add_option("--port", options.port)->required();
    app.add_option("--ca", options.ca, "PEM file of the CA of the daemon's certificate")->required();
    app.add_option("--certificate", options.certificate, "PEM file of the client's certificate")->required();
    app.add_option("--key", options.key, "PEM file of the client's key")->required();
    app.add_option("--seconds", options.seconds, "For each figure")->check(CLI::PositiveNumber);
    CLI11_PARSE(app, argc, argv);
    try {
        TlsBench bench(options);
        for (const int in_flight : {1, 8, 64}) bench::print_row(std::cout, bench.measure(in_flight));
        return 0;
    } catch (const std::exception& e) {
        std::cerr << "coffer-tls-bench: " << e.what() << "\n";
        return 1;
    }
}
