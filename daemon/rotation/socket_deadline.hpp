#pragma once
// Waiting for a socket, and for libraries that wait by themselves: until a deadline and not longer.

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include "daemon/base/time.hpp"

namespace coffer::rotation {

/// What `socket` is ready for, of `events` (POLLIN, POLLOUT), or that it broke (POLLERR, POLLHUP). 0 at the
/// deadline, however often signals come.
[[nodiscard]] short poll_until(int socket, short events, Deadline deadline);

/// While it lives, the connection of `socket` is shut down when the deadline comes: whoever waits for the
/// peer, in a library that cannot be told until when, is woken. By its own copy of the descriptor, so that
/// the owner may close its own at any time.
class SocketDeadline {
public:
    SocketDeadline(int socket, Deadline deadline);
    ~SocketDeadline();
    SocketDeadline(const SocketDeadline&) = delete;
    SocketDeadline& operator=(const SocketDeadline&) = delete;

private:
    void watch(const std::stop_token& stop, Deadline deadline);

    const int copy_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::jthread watcher_;
};

}  // namespace coffer::rotation
