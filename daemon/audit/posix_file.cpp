#include "daemon/audit/posix_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace coffer::audit {

FileError::FileError(std::string_view call, std::string_view file, int code)
    : Error(std::string(call) + " " + std::string(file) + ": " + std::generic_category().message(code)),
      code_(code) {}

bool FileError::no_space() const noexcept {
    return code_ == ENOSPC || code_ == EDQUOT;
}

Fd open_file(const std::filesystem::path& file, int flags, mode_t mode) {
    Fd fd(::open(file.c_str(), flags | O_CLOEXEC, mode));
    if (!fd) throw FileError("open", file.string(), errno);
    return fd;
}

Fd open_file_at(int directory, const std::string& name, int flags, mode_t mode) {
    Fd fd(::openat(directory, name.c_str(), flags | O_CLOEXEC, mode));
    if (!fd) throw FileError("open", name, errno);
    return fd;
}

std::size_t read_at(int fd, char* to, std::size_t size, std::uint64_t offset, std::string_view name) {
    std::size_t done = 0;
    while (done < size) {
        const auto got = ::pread(fd, to + done, size - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw FileError("read", name, errno);
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    return done;
}

void write_at(int fd, std::string_view bytes, std::uint64_t offset, std::string_view name) {
    while (!bytes.empty()) {
        const auto put = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) throw FileError("write", name, errno);
        if (put == 0) throw FileError("write", name, EIO);
        bytes.remove_prefix(static_cast<std::size_t>(put));
        offset += static_cast<std::uint64_t>(put);
    }
}

void sync_data(int fd, std::string_view name) {
    if (::fdatasync(fd) != 0) throw FileError("fdatasync", name, errno);
}

void sync_all(int fd, std::string_view name) {
    if (::fsync(fd) != 0) throw FileError("fsync", name, errno);
}

void replace_file(const std::filesystem::path& file, std::string_view content, mode_t mode) {
    auto beside = file;
    beside += ".new";
    {
        const auto out = open_file(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode);
        if (::fchmod(out.get(), mode) != 0) throw FileError("fchmod", beside.string(), errno);
        write_at(out.get(), content, 0, beside.string());
        sync_data(out.get(), beside.string());
    }
    if (::rename(beside.c_str(), file.c_str()) != 0) throw FileError("rename", beside.string(), errno);
}

void truncate_file(int fd, std::uint64_t size, std::string_view name) {
    while (::ftruncate(fd, static_cast<off_t>(size)) != 0) {
        if (errno != EINTR) throw FileError("truncate", name, errno);
    }
}

std::uint64_t file_size(int fd, std::string_view name) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) throw FileError("stat", name, errno);
    return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace coffer::audit
