#include "daemon/server/health_server.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include "daemon/server/listener.hpp"

namespace coffer::server {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

namespace {

constexpr std::size_t kMaxConnections = 64;
constexpr std::uint32_t kMaxHeaderBytes = 8U * 1024;
constexpr std::uint64_t kMaxBodyBytes = 1024;
/// For a whole request, from a connection's beginning or the request's first byte.
constexpr std::chrono::seconds kRequestTimeout{2};
/// For an answer to be read, and from there to the next request.
constexpr std::chrono::seconds kTimeout{10};
constexpr std::chrono::milliseconds kHealthAcceptPause{100};

using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

Response respond(const Request& request, http::status status, std::string_view type, std::string body) {
    Response response(status, request.version());
    response.set(http::field::content_type, std::string(type));
    response.set(http::field::cache_control, "no-store");
    response.keep_alive(request.keep_alive());
    // The length is that of the body also for HEAD, which leaves the body out.
    response.content_length(body.size());
    if (request.method() != http::verb::head) response.body() = std::move(body);
    return response;
}

Response answer(const Request& request, const Metrics& metrics,
                const std::function<std::vector<Readiness>()>& readiness, const HealthServer::Lists& lists) {
    const std::string_view target(request.target().data(), request.target().size());
    const std::string_view path = target.substr(0, target.find('?'));
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
        return respond(request, http::status::method_not_allowed, "text/plain", "GET or HEAD only\n");
    }
    if (path == "/healthz")
        return respond(request, http::status::ok, "application/json", "{\"status\":\"alive\"}\n");
    if (path == "/readyz") {
        const auto parts = readiness();
        const bool ready =
            std::all_of(parts.begin(), parts.end(), [](const auto& part) { return part.ready; });
        return respond(request, ready ? http::status::ok : http::status::service_unavailable,
                       "application/json", readiness_json(parts) + "\n");
    }
    if (path == "/metrics") {
        return respond(request, http::status::ok, "text/plain; version=0.0.4; charset=utf-8",
                       metrics.render());
    }
    if (lists && path.starts_with("/crl/")) {
        // RFC 5280, section 4.2.1.13: DER; RFC 2585, section 4.2: its type.
        if (auto list = lists(path)) {
            return respond(request, http::status::ok, "application/pkix-crl", std::move(*list));
        }
        return respond(request, http::status::not_found, "text/plain",
                       "there is no revocation list of that name\n");
    }
    return respond(request, http::status::not_found, "text/plain",
                   "there are /healthz, /readyz, /metrics and /crl/NAME.crl\n");
}

}  // namespace

std::string readiness_json(const std::vector<Readiness>& parts) {
    std::string reasons;
    for (const auto& part : parts) {
        if (part.ready) continue;
        if (!reasons.empty()) reasons += ',';
        append_quoted(reasons, part.part);
        reasons += ':';
        append_quoted(reasons, part.reason);
    }
    if (reasons.empty()) return R"({"status":"ready"})";
    return R"({"status":"not ready","reasons":{)" + reasons + "}}";
}

HealthServer::HealthServer(asio::io_context& io, const HealthConfig& config, std::shared_ptr<Metrics> metrics,
                           std::function<std::vector<Readiness>()> readiness, Lists lists)
    : acceptor_(io),
      metrics_(std::move(metrics)),
      readiness_(std::move(readiness)),
      lists_(std::move(lists)) {
    boost::system::error_code error;
    const tcp::endpoint endpoint(asio::ip::make_address(config.address), config.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(static_cast<int>(kMaxConnections), error);
    if (!error) return;
    throw ListenError("the health listener cannot listen on " + config.address + " port " +
                      std::to_string(config.port) + ": " + error.message() + "; change [health]");
}

void HealthServer::start() {
    asio::co_spawn(acceptor_.get_executor(), accept_loop(shared_from_this()), asio::detached);
}

void HealthServer::stop() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
}

std::uint16_t HealthServer::port() const {
    boost::system::error_code ignored;
    return acceptor_.local_endpoint(ignored).port();
}

asio::awaitable<void> HealthServer::accept_loop(std::shared_ptr<HealthServer> self) {
    while (acceptor_.is_open()) {
        tcp::socket socket(acceptor_.get_executor());
        boost::system::error_code error;
        co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
        if (error == asio::error::operation_aborted) break;
        if (error) {
            asio::steady_timer pause(acceptor_.get_executor(), kHealthAcceptPause);
            co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
            continue;
        }
        if (places_.size() >= kMaxConnections) make_room();
        asio::co_spawn(acceptor_.get_executor(), serve(self, std::move(socket)), asio::detached);
    }
}

void HealthServer::make_room() {
    auto place = std::find_if(places_.begin(), places_.end(),
                              [](const Place& each) { return !each.asked && !each.closed; });
    if (place == places_.end()) {
        place = std::find_if(places_.begin(), places_.end(), [](const Place& each) { return !each.closed; });
    }
    if (place == places_.end()) return;
    place->closed = true;
    boost::system::error_code ignored;
    place->socket->close(ignored);
}

asio::awaitable<void> HealthServer::serve([[maybe_unused]] std::shared_ptr<HealthServer> self,
                                          tcp::socket socket) {
    beast::tcp_stream stream(std::move(socket));
    const auto place = places_.insert(places_.end(), Place{&stream.socket()});
    beast::flat_buffer buffer(kMaxHeaderBytes + kMaxBodyBytes);
    boost::system::error_code error;
    stream.expires_after(kRequestTimeout);
    while (!error) {
        http::request_parser<http::string_body> parser;
        parser.header_limit(kMaxHeaderBytes);
        parser.body_limit(kMaxBodyBytes);
        // Beast's limit of headers begins anew with each piece, so what was taken is counted here.
        std::size_t taken = 0;
        while (!error && !parser.is_done() && taken <= kMaxHeaderBytes + kMaxBodyBytes) {
            const std::size_t piece = co_await http::async_read_some(
                stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
            if (taken == 0) stream.expires_after(kRequestTimeout);
            taken += piece;
        }
        if (error || !parser.is_done()) break;
        place->asked = true;
        Response response = answer(parser.get(), *metrics_, readiness_, lists_);
        stream.expires_after(kTimeout);
        co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, error));
        if (!response.keep_alive()) break;
        place->asked = false;
        places_.splice(places_.end(), places_, place);
        stream.expires_after(kTimeout);
    }
    boost::system::error_code ignored;
    stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
    places_.erase(place);
}

}  // namespace coffer::server
