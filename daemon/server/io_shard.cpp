#include "daemon/server/io_shard.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "daemon/base/thread_name.hpp"
#include "daemon/base/vector_registers.hpp"
#include "daemon/server/client_connection.hpp"

namespace coffer::server {

namespace {

/// What one recv takes at most, and one record's plaintext (RFC 8446, 5.1: 2^14 bytes).
constexpr std::size_t kCiphertextBytes = 64U * 1024;
constexpr std::size_t kPlaintextBytes = 16U * 1024;

std::chrono::milliseconds tick_for(std::chrono::milliseconds shortest) {
    return std::clamp(shortest / 4, std::chrono::milliseconds(5), std::chrono::milliseconds(250));
}

}  // namespace

IoShard::IoShard(std::chrono::milliseconds tick)
    : work_(boost::asio::make_work_guard(io_)),
      timer_(io_),
      tick_(tick),
      ciphertext_(kCiphertextBytes),
      plaintext_(kPlaintextBytes),
      last_tick_(std::chrono::steady_clock::now()) {
    boost::asio::post(io_, [this] { this->tick(); });
    thread_ = std::thread([this] { io_.run(); });
    name_thread(thread_, "io");
}

IoShard::~IoShard() {
    stop();
}

void IoShard::add(std::shared_ptr<ClientConnection> connection) {
    connections_.insert(std::move(connection));
}

void IoShard::remove(const std::shared_ptr<ClientConnection>& connection) {
    if (connections_.erase(connection) > 0) connection_gone();
}

void IoShard::for_each_connection(std::function<void(ClientConnection&)> visit) {
    boost::asio::post(io_, [this, visit = std::move(visit)] {
        // A visit may end a connection and so remove it.
        const std::vector<std::shared_ptr<ClientConnection>> all(connections_.begin(), connections_.end());
        for (const auto& connection : all) connection->shielded([&] { visit(*connection); });
    });
}

void IoShard::tick() {
    const Deadline now = std::chrono::steady_clock::now();
    last_tick_.store(now, std::memory_order_relaxed);
    const std::vector<std::shared_ptr<ClientConnection>> all(connections_.begin(), connections_.end());
    for (const auto& connection : all) connection->shielded([&] { connection->check_limits(now); });
    forget_vector_registers();
    timer_.expires_after(tick_);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) this->tick();
    });
}

void IoShard::stop() {
    work_.reset();
    io_.stop();
    if (thread_.joinable()) thread_.join();
}

IoShards::IoShards(unsigned count, std::chrono::milliseconds shortest) {
    for (unsigned i = 0; i < count; ++i) shards_.push_back(std::make_unique<IoShard>(tick_for(shortest)));
}

IoShard& IoShards::least_loaded() noexcept {
    return **std::min_element(shards_.begin(), shards_.end(),
                              [](const auto& a, const auto& b) { return a->load() < b->load(); });
}

std::size_t IoShards::connections() const noexcept {
    std::size_t sum = 0;
    for (const auto& shard : shards_) sum += shard->load();
    return sum;
}

bool IoShards::alive(std::chrono::milliseconds limit) const noexcept {
    const Deadline now = std::chrono::steady_clock::now();
    return std::all_of(shards_.begin(), shards_.end(),
                       [&](const auto& shard) { return now - shard->last_tick() < limit; });
}

void IoShards::for_each_connection(const std::function<void(ClientConnection&)>& visit) {
    for (const auto& shard : shards_) shard->for_each_connection(visit);
}

void IoShards::stop() {
    for (const auto& shard : shards_) shard->stop();
}

}  // namespace coffer::server
