#include "daemon/rotation/socket_deadline.hpp"

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
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

std::uint64_t received_bytes(int socket) noexcept {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
    return info.tcpi_bytes_received;
}

SocketDeadline::SocketDeadline(int socket, Deadline deadline, std::uint64_t most_bytes)
    : copy_(::fcntl(socket, F_DUPFD_CLOEXEC, 0)), most_bytes_(most_bytes) {
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

void SocketDeadline::follow(int socket) {
    const std::unique_lock lock(mutex_);
    if (::dup3(socket, copy_, O_CLOEXEC) < 0) throw std::system_error(errno, std::generic_category(), "dup");
}

void SocketDeadline::watch(const std::stop_token& stop, Deadline deadline) {
    constexpr std::chrono::milliseconds kLookAgain{20};
    const bool counts = most_bytes_ != std::numeric_limits<std::uint64_t>::max();
    std::unique_lock lock(mutex_);
    while (true) {
        const auto until =
            counts ? std::min(deadline, std::chrono::steady_clock::now() + kLookAgain) : deadline;
        // False at that time: nobody asked for the end before.
        wake_.wait_until(lock, stop, until, [] { return false; });
        if (stop.stop_requested()) return;
        if (counts && received_bytes(copy_) > most_bytes_) got_too_much_ = true;
        // Again and again: the socket may be another one the next time.
        if (got_too_much_ || std::chrono::steady_clock::now() >= deadline) {
            ::shutdown(copy_, SHUT_RDWR);
            deadline = std::chrono::steady_clock::now() + kLookAgain;
        }
    }
}

}  // namespace coffer::rotation
