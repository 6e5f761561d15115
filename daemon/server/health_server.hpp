#pragma once
// /healthz, /readyz and /metrics over plain HTTP, for load balancers, service managers and Prometheus, and
// revocation lists. No authentication and nothing secret; meant for the loopback or a management network.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/server/config.hpp"
#include "daemon/server/log.hpp"
#include "daemon/server/metrics.hpp"

namespace coffer::server {

/// One thing that readiness depends on.
struct Readiness {
    std::string part;  ///< "hsm", "database", "draining", …
    bool ready = false;
    std::string reason;  ///< why not; empty when ready
};

/// For one thread: that of the io_context it was made with.
///
/// `GET /healthz`: 200 while the process works. `GET /readyz`: 200 when every part is ready, else 503, with
/// JSON that says which is not and why. `GET /metrics`: Prometheus' text format. `GET /crl/NAME.crl`: the
/// revocation list of a certificate authority (DER).
class HealthServer : public std::enable_shared_from_this<HealthServer> {
public:
    /// What is at a path behind "/crl/"; nothing: there is no such list.
    using Lists = std::function<std::optional<std::string>(std::string_view path)>;

    /// `readiness` is asked at each /readyz, `lists` (may be empty) at each /crl/. Throws ListenError when
    /// the address cannot be bound.
    HealthServer(boost::asio::io_context& io, const HealthConfig& config, std::shared_ptr<Metrics> metrics,
                 std::function<std::vector<Readiness>()> readiness, Lists lists = {});

    void start();
    void stop();
    [[nodiscard]] std::uint16_t port() const;

private:
    /// A connection that is open.
    struct Place {
        boost::asio::ip::tcp::socket* socket;
        bool asked = false;   ///< a whole request came, and is being answered
        bool closed = false;  ///< another connection got its place
    };

    /// Closes the connection that has waited longest for a request to become whole, or else for its answer to
    /// be read: whoever sends half a request, or reads no answer, keeps nobody out.
    void make_room();
    boost::asio::awaitable<void> accept_loop(std::shared_ptr<HealthServer> self);
    boost::asio::awaitable<void> serve(std::shared_ptr<HealthServer> self,
                                       boost::asio::ip::tcp::socket socket);

    boost::asio::ip::tcp::acceptor acceptor_;
    std::shared_ptr<Metrics> metrics_;
    std::function<std::vector<Readiness>()> readiness_;
    Lists lists_;
    std::list<Place> places_;  ///< by when they began to wait
};

/// {"status":"ready"} or {"status":"not ready","reasons":{"hsm":"…"}}.
[[nodiscard]] std::string readiness_json(const std::vector<Readiness>& parts);

}  // namespace coffer::server
