#pragma once
// Waiting for a socket, and for libraries that wait by themselves: as long as somebody has patience.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <limits>
#include <mutex>
#include <stop_token>
#include <thread>

#include "daemon/rotation/patience.hpp"

namespace coffer::rotation {

/// What `socket` is ready for, of `events` (POLLIN, POLLOUT), or that it broke (POLLERR, POLLHUP). 0 when
/// patience is over, however often signals come.
[[nodiscard]] short poll_until(int socket, short events, Patience patience);

/// What a peer may send in one connection: libraries keep what a server says, some of it without a limit.
inline constexpr std::uint64_t kMostReceivedBytes = 1024 * 1024;

/// How many bytes have come in the TCP connection so far, read or not (TCP_INFO). 0 for other sockets.
[[nodiscard]] std::uint64_t received_bytes(int socket) noexcept;

/// While it lives, the connection of `socket` is shut down when patience is over: whoever waits for the
/// peer, in a library that cannot be told until when, is woken. By its own copy of the descriptor, so that
/// the owner may close its own at any time. Likewise, soon after more than `most_bytes` came.
class SocketDeadline {
public:
    SocketDeadline(int socket, Patience patience,
                   std::uint64_t most_bytes = std::numeric_limits<std::uint64_t>::max());
    ~SocketDeadline();
    SocketDeadline(const SocketDeadline&) = delete;
    SocketDeadline& operator=(const SocketDeadline&) = delete;

    /// From here on it is about this socket: a library that tries one address after the other has several.
    void follow(int socket);
    /// The connection was cut off for what the peer sent.
    [[nodiscard]] bool got_too_much() const noexcept { return got_too_much_; }

private:
    void watch(const std::stop_token& stop, Patience patience);

    const int copy_;
    const std::uint64_t most_bytes_;
    std::atomic<bool> got_too_much_{false};
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::jthread watcher_;
};

}  // namespace coffer::rotation
