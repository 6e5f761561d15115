#include "crypto/private_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "daemon/base/errors.hpp"
#include "daemon/base/private_file_rule.hpp"

namespace coffer::crypto {

namespace {

class FileDescriptor {
public:
    explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const noexcept { return fd_; }

private:
    int fd_;
};

Error failure(std::string_view kind, const std::filesystem::path& file, std::string_view what) {
    return Error(fmt::format("the {} {} {}", kind, file.string(), what));
}

std::string errno_text() {
    return std::generic_category().message(errno);
}

void require_private(int fd, std::string_view kind, const std::filesystem::path& file) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) throw failure(kind, file, "cannot be examined: " + errno_text());
    if (const auto problem = privacy_problem(file, status)) throw failure(kind, file, *problem);
}

}  // namespace

SecretBytes read_private_file(const std::filesystem::path& file, std::string_view kind,
                              std::size_t size_max) {
    // Not blocking, so that a FIFO put in the file's place is refused and not waited for.
    const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (fd.get() < 0) throw failure(kind, file, "cannot be opened: " + errno_text());
    require_private(fd.get(), kind, file);

    SecretBytes content(size_max);
    std::size_t size = 0;
    while (size < size_max) {
        const ssize_t got = ::read(fd.get(), content.writable().data() + size, size_max - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw failure(kind, file, "cannot be read: " + errno_text());
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    content.truncate(size);
    return content;
}

}  // namespace coffer::crypto
