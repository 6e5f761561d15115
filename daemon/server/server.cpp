#include "daemon/server/server.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/server/client_connection.hpp"

namespace coffer::server {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds kDrainPoll{10};
/// After the sockets were closed: for the coroutines to notice.
constexpr std::chrono::milliseconds kAbortPatience{1'000};

asio::awaitable<void> wait_for(asio::io_context& io, std::chrono::milliseconds time) {
    asio::steady_timer timer(io, time);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<bool> wait_until_empty(asio::io_context& io, const IoShards& shards,
                                       std::chrono::milliseconds patience) {
    const Deadline until = std::chrono::steady_clock::now() + patience;
    while (shards.connections() > 0) {
        if (std::chrono::steady_clock::now() >= until) co_return false;
        co_await wait_for(io, kDrainPoll);
    }
    co_return true;
}

}  // namespace

Server::Server(asio::io_context& control, IoShards& shards, const std::vector<ListenerConfig>& listeners,
               std::shared_ptr<const ServerContext> context, const KeyLoader& load_key)
    : control_(control), shards_(shards), context_(std::move(context)) {
    for (const auto& listener : listeners) {
        listeners_.push_back(std::make_shared<Listener>(control, shards, listener, context_, load_key));
    }
}

void Server::start() {
    for (const auto& listener : listeners_) listener->start();
}

bool Server::reload() {
    bool all = true;
    for (const auto& listener : listeners_) all = listener->reload() && all;
    return all;
}

asio::awaitable<void> Server::drain(std::chrono::milliseconds patience) {
    for (const auto& listener : listeners_) listener->stop();
    shards_.for_each_connection([](ClientConnection& connection) { connection.drain(); });
    const bool answered = co_await wait_until_empty(control_, shards_, patience);
    if (answered) co_return;
    context_->log->warning(
        "not all requests were answered before the drain time-out; closing their connections");
    shards_.for_each_connection([](ClientConnection& connection) { connection.abort(); });
    co_await wait_until_empty(control_, shards_, kAbortPatience);
}

std::vector<prometheus::MetricFamily> certificate_metrics(
    const std::vector<std::shared_ptr<Listener>>& listeners) {
    const auto epoch_seconds = [](TlsContext::Time time) {
        return static_cast<double>(std::chrono::system_clock::to_time_t(time));
    };
    prometheus::MetricFamily certificates{"coffer_tls_certificate_expiry_timestamp_seconds",
                                          "When the listener's own certificate ends, in epoch seconds.",
                                          prometheus::MetricType::Gauge,
                                          {}};
    prometheus::MetricFamily lists{"coffer_tls_crl_expiry_timestamp_seconds",
                                   "When the first of the listener's CRLs is outdated, in epoch seconds.",
                                   prometheus::MetricType::Gauge,
                                   {}};
    for (const auto& listener : listeners) {
        const auto tls = listener->tls();
        prometheus::ClientMetric metric;
        metric.label = {{"listener", listener->name()}};
        metric.gauge.value = epoch_seconds(tls->certificate_expires());
        certificates.metric.push_back(metric);
        if (!tls->crl_outdated()) continue;
        metric.gauge.value = epoch_seconds(*tls->crl_outdated());
        lists.metric.push_back(metric);
    }
    return {certificates, lists};
}

}  // namespace coffer::server
