#pragma once
// One address that the daemon answers on: accepts, counts, and hands each socket to a thread.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "daemon/server/allowed_networks.hpp"
#include "daemon/server/io_shard.hpp"
#include "daemon/server/listener_context.hpp"
#include "daemon/server/tls_context.hpp"

namespace coffer::server {

/// The address cannot be listened on. `what()` says why and what to change.
class ListenError : public Error {
public:
    using Error::Error;
};

/// For one thread: that of the io_context it was made with.
class Listener : public std::enable_shared_from_this<Listener> {
public:
    /// Loads the certificates and the policy and binds the address, without accepting yet. Throws
    /// TlsSetupError, ListenerPolicyError, ListenError, or what `load_key` throws.
    Listener(boost::asio::io_context& control, IoShards& shards, ListenerConfig config,
             std::shared_ptr<const ServerContext> server, KeyLoader load_key);

    /// Accepts from now on. Called once.
    void start();
    /// Accepts no more. Connections stay.
    void stop();

    /// Reads certificate, key, client CAs and CRLs again. New connections get the new ones, and those that
    /// stand are checked against them. Reads the policy again, which is in force for the next request on any
    /// connection. When anything is wrong with the files of either, the old ones stay: false, and a line in
    /// the log.
    bool reload();

    /// The port that is listened on, also when the configuration said 0.
    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] const std::string& name() const noexcept { return config_.name; }
    /// That of the file that the configuration names; null for none. From any thread.
    [[nodiscard]] access::PolicyPtr policy() const { return context_->policy->get(); }
    /// What new connections get. From any thread.
    [[nodiscard]] std::shared_ptr<const TlsContext> tls() const;

private:
    boost::asio::awaitable<void> accept_loop(std::shared_ptr<Listener> self);
    boost::asio::awaitable<void> wait_for_token();
    void take(boost::asio::ip::tcp::socket socket, const boost::asio::ip::tcp::endpoint& peer,
              IoShard& shard);
    /// False when the error is the end of accepting.
    [[nodiscard]] bool note_accept_error(const boost::system::error_code& error);
    [[nodiscard]] access::PolicyPtr load_policy() const;
    [[nodiscard]] bool reload_certificates();
    [[nodiscard]] bool reload_policy();
    /// Close the socket by not keeping it.
    void refuse_stranger(const boost::asio::ip::tcp::endpoint& peer) const;
    void refuse(const boost::asio::ip::tcp::endpoint& peer, std::string_view code,
                std::string_view message) const;
    void bind();
    void log_listening() const;
    /// Whose clients are refused because of a revocation list that is not current.
    void log_outdated_lists() const;

    IoShards& shards_;
    const ListenerConfig config_;
    const AllowedNetworks networks_;
    std::shared_ptr<const ListenerContext> context_;
    const ConnectionMaker make_connection_;
    KeyLoader load_key_;
    mutable std::mutex tls_mutex_;
    std::shared_ptr<const TlsContext> tls_;
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::steady_timer pause_;
    std::optional<TokenBucket> rate_;
};

}  // namespace coffer::server
