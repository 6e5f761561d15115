#pragma once
// An open file descriptor, closed when it goes.

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace coffer {

/// Move-only.
class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) noexcept : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) {
            reset();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    ~Fd() { reset(); }
    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
    /// Closes it. Leaves errno as it is.
    void reset() noexcept {
        if (fd_ < 0) return;
        const int saved = errno;
        ::close(fd_);
        errno = saved;
        fd_ = -1;
    }

private:
    int fd_ = -1;
};

}  // namespace coffer
