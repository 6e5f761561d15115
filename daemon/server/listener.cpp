#include "daemon/server/listener.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/server/connection.hpp"

namespace coffer::server {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

/// Connections beyond the limit that are still let in, to be told why they are sent away.
constexpr std::size_t kSurplusConnections = 64;
/// After a failed accept, mostly for want of descriptors: time for some connections to end.
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr int kBacklog = 1024;

std::string address_text(const asio::ip::address& address) {
    if (!address.is_v6()) return address.to_string();
    auto v6 = address.to_v6();
    if (v6.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_string();
    v6.scope_id(0);  // the interface of a link-local address is no part of what policies compare
    return v6.to_string();
}

ConnectionMaker maker_of(const ListenerConfig& config, const ServerContext& server) {
    if (config.protocol == ListenerProtocol::native) {
        return [](ConnectionParts parts) { return std::make_shared<Connection>(std::move(parts)); };
    }
    if (server.aws_connections) return server.aws_connections;
    throw ListenError("listener '" + config.name +
                      "' has the protocol \"aws\", which this program does not speak");
}

}  // namespace

Listener::Listener(asio::io_context& control, IoShards& shards, ListenerConfig config,
                   std::shared_ptr<const ServerContext> server, KeyLoader load_key)
    : shards_(shards),
      config_(std::move(config)),
      networks_(config_.allowed_networks),
      make_connection_(maker_of(config_, *server)),
      load_key_(std::move(load_key)),
      tls_(TlsContext::load(config_.tls, load_key_, config_.protocol)),
      acceptor_(control),
      pause_(control) {
    if (server->limits.connections_per_second > 0) {
        rate_.emplace(server->limits.connections_per_second, server->limits.connections_per_second);
    }
    auto context = std::make_shared<ListenerContext>();
    context->server = std::move(server);
    context->name = config_.name;
    context_ = std::move(context);
    context_->policy->set(load_policy());
    bind();
}

access::PolicyPtr Listener::load_policy() const {
    if (config_.policy.empty()) return nullptr;
    const ServerContext& server = *context_->server;
    return load_listener_policy(config_.policy, "arn:aws:coffer:" + server.region + ":" + server.account +
                                                    ":listener/" + config_.name);
}

void Listener::bind() {
    boost::system::error_code error;
    const tcp::endpoint endpoint(asio::ip::make_address(config_.address), config_.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(kBacklog, error);
    if (!error) return;
    throw ListenError("listener '" + config_.name + "' cannot listen on " + config_.address + " port " +
                      std::to_string(config_.port) + ": " + error.message() +
                      "; change 'address' or 'port' of this [[listener]], or stop what uses them");
}

void Listener::start() {
    log_listening();
    log_outdated_lists();
    asio::co_spawn(acceptor_.get_executor(), accept_loop(shared_from_this()), asio::detached);
}

void Listener::log_listening() const {
    context_->server->log->info("listening", {{"listener", std::string_view(config_.name)},
                                              {"address", std::string_view(config_.address)},
                                              {"port", std::int64_t{port()}}});
}

void Listener::stop() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
}

std::uint16_t Listener::port() const {
    boost::system::error_code ignored;
    return acceptor_.local_endpoint(ignored).port();
}

std::shared_ptr<const TlsContext> Listener::tls() const {
    const std::lock_guard lock(tls_mutex_);
    return tls_;
}

bool Listener::reload() {
    // Each on its own: a slip in one must not keep a revocation or a restriction in the other from taking
    // effect.
    const bool certificates = reload_certificates();
    const bool policy = reload_policy();
    context_->server->metrics->reload(certificates && policy);
    return certificates && policy;
}

bool Listener::reload_policy() {
    if (config_.policy.empty()) return true;
    const ServerContext& server = *context_->server;
    try {
        context_->policy->set(load_policy());
    } catch (const Error& error) {
        server.log->error(
            "the listener's policy was not reloaded; the old one stays in force",
            {{"listener", std::string_view(config_.name)}, {"reason", std::string_view(error.what())}});
        return false;
    }
    server.log->info("the listener's policy was reloaded", {{"listener", std::string_view(config_.name)}});
    return true;
}

bool Listener::reload_certificates() {
    const ServerContext& server = *context_->server;
    std::shared_ptr<const TlsContext> fresh;
    try {
        fresh = TlsContext::load(config_.tls, load_key_, config_.protocol);
        // Whoever fetches lists may have fetched an old one: with it in force everybody would be refused.
        const auto lost = fresh->lists_lost(std::chrono::system_clock::now(), *tls());
        if (!lost.empty()) {
            throw TlsSetupError(
                lost.front() +
                ", and the one in use is still good: put a current list there and send SIGHUP. A start takes "
                "what the files have");
        }
    } catch (const Error& error) {
        server.log->error(
            "certificates were not reloaded; the old ones stay in use",
            {{"listener", std::string_view(config_.name)}, {"reason", std::string_view(error.what())}});
        return false;
    }
    {
        const std::lock_guard lock(tls_mutex_);
        tls_ = fresh;
    }
    shards_.for_each_connection([fresh, context = context_](ClientConnection& connection) {
        if (&connection.listener() == context.get()) connection.verify_again(fresh);
    });
    server.log->info("certificates were reloaded", {{"listener", std::string_view(config_.name)}});
    log_outdated_lists();
    return true;
}

void Listener::log_outdated_lists() const {
    for (const auto& line : tls()->outdated_lists(std::chrono::system_clock::now())) {
        const std::string reason = line + ": put a current list there and send SIGHUP";
        context_->server->log->error(
            "every client of a CA is refused, because its revocation list (crl) is not current",
            {{"listener", std::string_view(config_.name)}, {"reason", std::string_view(reason)}});
    }
}

asio::awaitable<void> Listener::accept_loop([[maybe_unused]] std::shared_ptr<Listener> self) {
    while (acceptor_.is_open()) {
        co_await wait_for_token();
        if (!acceptor_.is_open()) break;
        IoShard& shard = shards_.least_loaded();
        tcp::socket socket(shard.io());
        tcp::endpoint peer;
        boost::system::error_code error;
        co_await acceptor_.async_accept(socket, peer, asio::redirect_error(asio::use_awaitable, error));
        if (!error) {
            take(std::move(socket), peer, shard);
            continue;
        }
        if (!note_accept_error(error)) break;
        pause_.expires_after(kAcceptPause);
        co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    }
}

/// More connections a second than allowed wait in the kernel's backlog.
asio::awaitable<void> Listener::wait_for_token() {
    while (rate_ && acceptor_.is_open()) {
        const auto wait = rate_->wait_time(std::chrono::steady_clock::now());
        if (wait.count() == 0) break;
        pause_.expires_after(wait);
        boost::system::error_code ignored;
        co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
}

bool Listener::note_accept_error(const boost::system::error_code& error) {
    if (!acceptor_.is_open() || error == asio::error::operation_aborted) return false;
    const ServerContext& server = *context_->server;
    server.metrics->connection_refused(config_.name, "accept_failed");
    if (server.stranger_lines->take(std::chrono::steady_clock::now())) {
        const std::string reason = error.message();
        server.log->warning(
            "a connection could not be accepted",
            {{"listener", std::string_view(config_.name)}, {"reason", std::string_view(reason)}});
    }
    return true;
}

void Listener::refuse(const tcp::endpoint& peer, std::string_view code, std::string_view message) const {
    const ServerContext& server = *context_->server;
    server.metrics->connection_refused(config_.name, std::string(code));
    if (server.refusals == nullptr) return;
    access::Caller caller;
    caller.listener = config_.name;
    caller.source_address = address_text(peer.address());
    server.refusals->refused({secrets::RefusedKind::connection, code, message, caller});
}

void Listener::refuse_stranger(const tcp::endpoint& peer) const {
    const ServerContext& server = *context_->server;
    refuse(peer, "network", "the address is outside of the listener's allowed networks");
    if (!server.stranger_lines->take(std::chrono::steady_clock::now())) return;
    const std::string source = address_text(peer.address());
    server.log->info("a connection from outside of the listener's allowed networks was closed",
                     {{"listener", std::string_view(config_.name)}, {"source", std::string_view(source)}});
}

void Listener::take(tcp::socket socket, const tcp::endpoint& peer, IoShard& shard) {
    // Before the rate is charged: strangers must not use up what others may have.
    if (!networks_.allows(peer.address())) {
        refuse_stranger(peer);
        return;  // and the socket closes
    }
    if (rate_) (void)rate_->take(std::chrono::steady_clock::now());
    const ServerContext& server = *context_->server;
    const std::size_t most = server.limits.max_connections;
    const std::size_t own_most = config_.max_connections > 0 ? config_.max_connections : most;
    const std::size_t all = shards_.connections();
    const std::size_t own = context_->open->load();
    if (all >= most + kSurplusConnections || own >= own_most + kSurplusConnections) {
        refuse(peer, "limit", "there are as many connections as there may be");
        return;  // and the socket closes
    }
    const bool surplus = all >= most || own >= own_most;
    shard.expect_connection();
    context_->open->fetch_add(1);
    server.metrics->connection_opened(config_.name);
    asio::post(shard.io(), [socket = std::move(socket), source = address_text(peer.address()),
                            context = context_, tls = tls(), make = make_connection_, &shard,
                            surplus]() mutable {
        try {
            make({std::move(socket), std::move(source), context, std::move(tls), shard, surplus})->start();
        } catch (const std::exception& error) {
            shard.connection_gone();
            context->open->fetch_sub(1);
            context->server->metrics->connection_closed(context->name);
            context->server->log->error("a connection could not be set up",
                                        {{"reason", std::string_view(error.what())}});
        }
    });
}

}  // namespace coffer::server
