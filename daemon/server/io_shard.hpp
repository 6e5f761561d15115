#pragma once
// The threads that serve connections. Each has an io_context of its own and the connections that were given
// to it, so that a connection is only ever touched by one thread and needs no locks.

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <unordered_set>
#include <vector>

#include "daemon/base/bytes.hpp"
#include "daemon/base/time.hpp"

namespace coffer::server {

class ClientConnection;

/// One thread with its connections. All but what says otherwise is for this thread alone.
class IoShard {
public:
    /// `tick` is how often the connections' time limits are looked at.
    explicit IoShard(std::chrono::milliseconds tick);
    ~IoShard();
    IoShard(const IoShard&) = delete;
    IoShard& operator=(const IoShard&) = delete;

    [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }

    void add(std::shared_ptr<ClientConnection> connection);
    void remove(const std::shared_ptr<ClientConnection>& connection);

    /// Buffers that a connection uses within one handler and leaves empty: read into, worked off, wiped.
    [[nodiscard]] Bytes& ciphertext() noexcept { return ciphertext_; }
    [[nodiscard]] Bytes& plaintext() noexcept { return plaintext_; }

    /// From any thread: runs `visit` for every connection, on this shard's thread.
    void for_each_connection(std::function<void(ClientConnection&)> visit);
    /// From any thread: connections given to this shard and not gone.
    [[nodiscard]] std::size_t load() const noexcept { return load_.load(std::memory_order_relaxed); }
    void expect_connection() noexcept { load_.fetch_add(1, std::memory_order_relaxed); }
    void connection_gone() noexcept { load_.fetch_sub(1, std::memory_order_relaxed); }
    /// From any thread: when the shard last looked at its connections, for the watchdog.
    [[nodiscard]] Deadline last_tick() const noexcept { return last_tick_.load(std::memory_order_relaxed); }

    /// Ends the thread after the handler that runs. Idempotent; not from the shard's own thread.
    void stop();

private:
    void tick();

    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    boost::asio::steady_timer timer_;
    const std::chrono::milliseconds tick_;
    std::unordered_set<std::shared_ptr<ClientConnection>> connections_;
    Bytes ciphertext_;
    Bytes plaintext_;
    std::atomic<std::size_t> load_{0};
    std::atomic<Deadline> last_tick_;
    std::thread thread_;
};

/// All of them. Thread-safe.
class IoShards {
public:
    /// `shortest` is the shortest time limit that connections have; it sets how often limits are looked at.
    IoShards(unsigned count, std::chrono::milliseconds shortest);

    [[nodiscard]] IoShard& least_loaded() noexcept;
    [[nodiscard]] std::vector<std::unique_ptr<IoShard>>& all() noexcept { return shards_; }
    [[nodiscard]] std::size_t connections() const noexcept;
    /// Whether every thread has done something within `limit`.
    [[nodiscard]] bool alive(std::chrono::milliseconds limit) const noexcept;
    void for_each_connection(const std::function<void(ClientConnection&)>& visit);
    void stop();

private:
    std::vector<std::unique_ptr<IoShard>> shards_;
};

}  // namespace coffer::server
