#include "daemon/rotation/socket_deadline.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>

namespace coffer::rotation {

short poll_until(int socket, short events, Deadline deadline) {
    using std::chrono::milliseconds;
    constexpr milliseconds kAtMost{3'600'000};  // of one call of poll()
    while (true) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) return 0;
        pollfd waited{socket, events, 0};
        const int ready = ::poll(&waited, 1, static_cast<int>(std::min(left, kAtMost).count()));
        if (ready > 0) return waited.revents;
        if (ready < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
    }
}

SocketDeadline::SocketDeadline(int socket, Deadline deadline) : copy_(::fcntl(socket, F_DUPFD_CLOEXEC, 0)) {
    if (copy_ < 0) throw std::system_error(errno, std::generic_category(), "dup");
    try {
        watcher_ = std::jthread([this, deadline](const std::stop_token& stop) { watch(stop, deadline); });
    } catch (...) {
        ::close(copy_);
        throw;
    }
}

SocketDeadline::~SocketDeadline() {
    watcher_.request_stop();
    watcher_.join();
    ::close(copy_);
}

void SocketDeadline::watch(const std::stop_token& stop, Deadline deadline) {
    std::unique_lock lock(mutex_);
    // False at the deadline: nobody asked for the end before.
    wake_.wait_until(lock, stop, deadline, [] { return false; });
    if (!stop.stop_requested()) ::shutdown(copy_, SHUT_RDWR);
}

}  // namespace coffer::rotation
