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

short poll_until(int socket, short events, Patience patience) {
    using std::chrono::milliseconds;
    constexpr milliseconds kAtMost{3'600'000};  // of one call of poll()
    while (!patience.is_over()) {
        const auto left =
            std::chrono::ceil<milliseconds>(patience.next_look() - std::chrono::steady_clock::now());
        pollfd waited{socket, events, 0};
        const int ready =
            ::poll(&waited, 1, static_cast<int>(std::clamp(left, milliseconds(0), kAtMost).count()));
        if (ready > 0) return waited.revents;
        if (ready < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
    }
    return 0;
}

std::uint64_t received_bytes(int socket) noexcept {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
    return info.tcpi_bytes_received;
}

SocketDeadline::SocketDeadline(int socket, Patience patience, std::uint64_t most_bytes)
    : copy_(::fcntl(socket, F_DUPFD_CLOEXEC, 0)), most_bytes_(most_bytes) {
    if (copy_ < 0) throw std::system_error(errno, std::generic_category(), "dup");
    try {
        watcher_ = std::jthread([this, patience](const std::stop_token& stop) { watch(stop, patience); });
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

void SocketDeadline::watch(const std::stop_token& stop, Patience patience) {
    constexpr std::chrono::milliseconds kLookAgain{20};
    const bool counts = most_bytes_ != std::numeric_limits<std::uint64_t>::max();
    std::unique_lock lock(mutex_);
    bool is_cut = false;
    while (true) {
        const auto soon = std::chrono::steady_clock::now() + kLookAgain;
        const auto until = is_cut   ? soon
                           : counts ? std::min(patience.next_look(), soon)
                                    : patience.next_look();
        // False at that time: nobody asked for the end before.
        wake_.wait_until(lock, stop, until, [] { return false; });
        if (stop.stop_requested()) return;
        if (counts && received_bytes(copy_) > most_bytes_) got_too_much_ = true;
        // Again and again: the socket may be another one the next time.
        is_cut = is_cut || got_too_much_ || patience.is_over();
        if (is_cut) ::shutdown(copy_, SHUT_RDWR);
    }
}

}  // namespace coffer::rotation
