#pragma once
// The calls that are under way and the few connections that carry them: which call goes where, which answer
// belongs to which call, and what happens to calls when time or a connection runs out. (Not installed.)

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

#include "client/config.hpp"
#include "client/connection.hpp"
#include "client/role_session.hpp"
#include "coffer/v1/frame.pb.h"
#include "daemon/base/outcome.hpp"
#include "daemon/base/time.hpp"

namespace coffer::client {

/// submit() and hello() may be called from any thread; the rest runs on the executor, which must not run
/// handlers concurrently.
class Pool final : public ConnectionOwner, public std::enable_shared_from_this<Pool> {
public:
    Pool(boost::asio::any_io_executor executor, Config config);

    /// Sends the request in `frame` once and calls `done` with the response (which may hold an error), or
    /// with ConnectionError, DeadlineExceeded or Overloaded. The pool sets the request's id and deadline_ms;
    /// the frame must not be touched until then.
    void submit(std::shared_ptr<v1::Frame> frame, Deadline deadline, Completion<v1::Response> done);

    /// Connects, if need be, and calls `done` with what the daemon said about itself and us.
    void hello(Completion<v1::HelloReply> done);

    /// Ends all connections; calls under way fail.
    void close();

    [[nodiscard]] const Config& config() const noexcept { return *config_; }
    [[nodiscard]] RoleSession& role() noexcept { return role_; }

private:
    using CallId = std::uint64_t;
    struct Call {
        std::shared_ptr<v1::Frame> frame;
        Deadline deadline;
        Completion<v1::Response> done;
        Connection* on = nullptr;  // null while it waits; never outlives the connection, see on_closed
    };

    void on_ready(Connection& connection) override;
    void on_response(Connection& connection, v1::Response response) override;
    void on_closed(Connection& connection, std::exception_ptr reason) override;

    void start(std::shared_ptr<v1::Frame> frame, Deadline deadline, Completion<v1::Response> done);
    [[nodiscard]] Connection* best_connection() const;
    [[nodiscard]] std::size_t room(const Connection& connection) const;
    [[nodiscard]] bool any_opening() const;
    void open_another();
    void send(CallId id, Connection& connection);
    void send_waiting();
    void finish(CallId id, Outcome<v1::Response> outcome);
    void fail_waiting(const std::exception_ptr& reason);
    void stop_waiting(CallId id);
    void watch(Deadline deadline);
    void on_time();
    void expire(CallId id);

    boost::asio::any_io_executor executor_;
    std::shared_ptr<const Config> config_;
    std::vector<std::shared_ptr<Connection>> connections_;
    std::unordered_map<CallId, Call> calls_;
    std::set<std::pair<Deadline, CallId>> deadlines_;
    std::deque<CallId> waiting_;
    std::vector<Completion<v1::HelloReply>> greeted_;
    boost::asio::steady_timer timer_;
    Deadline timer_at_ = Deadline::max();
    CallId next_id_ = 1;
    bool closed_ = false;
    RoleSession role_;
};

}  // namespace coffer::client
