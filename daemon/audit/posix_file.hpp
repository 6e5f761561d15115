#pragma once
// The few file calls that the journal stands on, with typed errors: which call, which file, which errno.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "daemon/base/errors.hpp"
#include "daemon/base/fd.hpp"

namespace coffer::audit {

/// A file call failed. `what()` is e.g. "fdatasync journal-0000000001.log: Input/output error".
class FileError : public Error {
public:
    FileError(std::string_view call, std::string_view file, int code);
    [[nodiscard]] int code() const noexcept { return code_; }
    /// No space or no quota: the fault that passes when somebody tidies up.
    [[nodiscard]] bool no_space() const noexcept;

private:
    int code_;
};

/// Of files that Coffer writes for itself.
inline constexpr mode_t kFileMode = 0600;

/// open(2) with O_CLOEXEC. Throws FileError.
[[nodiscard]] Fd open_file(const std::filesystem::path& file, int flags, mode_t mode = 0);
/// openat(2) with O_CLOEXEC. Throws FileError.
[[nodiscard]] Fd open_file_at(int directory, const std::string& name, int flags, mode_t mode = 0);
/// pread(2) until `size` bytes or the end of the file; the number of bytes read. Throws FileError.
[[nodiscard]] std::size_t read_at(int fd, char* to, std::size_t size, std::uint64_t offset,
                                  std::string_view name);
/// pwrite(2) until all of `bytes` is written, however short each write is. Throws FileError.
void write_at(int fd, std::string_view bytes, std::uint64_t offset, std::string_view name);
/// fdatasync(2). Throws FileError.
void sync_data(int fd, std::string_view name);
/// fsync(2), for directories. Throws FileError.
void sync_all(int fd, std::string_view name);
/// Replaces `file` in one step, so that whoever opens it reads all of the old or all of the new content. Its
/// mode is `mode`, whatever the umask is. The folder is not synced. Throws FileError.
void replace_file(const std::filesystem::path& file, std::string_view content, mode_t mode = kFileMode);
/// ftruncate(2). Throws FileError.
void truncate_file(int fd, std::uint64_t size, std::string_view name);
/// The size of an open file, in bytes. Throws FileError.
[[nodiscard]] std::uint64_t file_size(int fd, std::string_view name);

}  // namespace coffer::audit
