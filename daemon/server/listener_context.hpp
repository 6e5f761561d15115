#pragma once
// What every connection of a listener shares.

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>

#include "coffer/v1/frame.pb.h"
#include "daemon/secrets/pipeline.hpp"
#include "daemon/secrets/refusals.hpp"
#include "daemon/server/config.hpp"
#include "daemon/server/listener_policy.hpp"
#include "daemon/server/log.hpp"
#include "daemon/server/metrics.hpp"
#include "daemon/server/rate_limit.hpp"

namespace coffer::server {

/// Answers one request, on the executor it was called on. What it throws becomes an InternalServiceError.
using RequestHandler = std::function<boost::asio::awaitable<v1::Response>(
    secrets::CallContext context, std::unique_ptr<v1::Request> request)>;

class ClientConnection;
struct ConnectionParts;
/// Makes the connections of a protocol.
using ConnectionMaker = std::function<std::shared_ptr<ClientConnection>(ConnectionParts parts)>;

/// What the whole server shares. Immutable; what it points to is thread-safe.
struct ServerContext {
    RequestHandler handler;
    /// For listeners of the protocol "aws". Empty: there can be none.
    ConnectionMaker aws_connections;
    std::shared_ptr<secrets::RequestObserver> observer;
    /// Told of what is turned away; null for nobody. Must outlive every connection.
    secrets::RefusalObserver* refusals = nullptr;
    /// Who the owners of certificates are. Null: callers come without rights.
    std::shared_ptr<const access::CallerDirectory> callers;
    std::shared_ptr<Metrics> metrics;
    std::shared_ptr<Log> log;
    std::shared_ptr<PrincipalLimits> principals;
    /// Requests that nobody known made, by counted_network() of the address that they come from.
    std::shared_ptr<PrincipalLimits> strangers = std::make_shared<PrincipalLimits>(0, 0);
    /// How many lines strangers may cause in the log.
    std::shared_ptr<TokenBucket> stranger_lines;
    LimitsConfig limits;
    std::string account;
    std::string region;
    /// "cofferd/0.1.0", shown to clients.
    std::string software;
};

/// And what is the listener's own.
struct ListenerContext {
    std::shared_ptr<const ServerContext> server;
    std::string name;
    /// What may be done through it. Replaced by a reload.
    std::shared_ptr<ListenerPolicy> policy = std::make_shared<ListenerPolicy>();
    /// Connections that are open.
    std::shared_ptr<std::atomic<std::size_t>> open = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace coffer::server
