#pragma once
// All listeners together: started, reloaded and drained as one.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <vector>

#include "daemon/server/listener.hpp"

namespace coffer::server {

/// For one thread: that of the io_context it was made with.
class Server {
public:
    /// Binds every address. Throws as Listener does.
    Server(boost::asio::io_context& control, IoShards& shards, const std::vector<ListenerConfig>& listeners,
           std::shared_ptr<const ServerContext> context, const KeyLoader& load_key);

    void start();
    /// True when every listener took its new files.
    bool reload();

    /// Accepts no more, answers what is in flight, tells the clients, and closes what is left after
    /// `patience`. Done when no connection is left.
    boost::asio::awaitable<void> drain(std::chrono::milliseconds patience);

    [[nodiscard]] const std::vector<std::shared_ptr<Listener>>& listeners() const noexcept {
        return listeners_;
    }

private:
    boost::asio::io_context& control_;
    IoShards& shards_;
    std::shared_ptr<const ServerContext> context_;
    std::vector<std::shared_ptr<Listener>> listeners_;
};

/// When certificates and CRLs of the listeners run out; for Metrics::add_sampler. Thread-safe.
[[nodiscard]] std::vector<prometheus::MetricFamily> certificate_metrics(
    const std::vector<std::shared_ptr<Listener>>& listeners);

}  // namespace coffer::server
