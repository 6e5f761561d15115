#include "daemon/audit/reserve.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "daemon/audit/journal_directory.hpp"

namespace coffer::audit {

namespace {
constexpr mode_t kMode = 0600;
/// Taken in pieces, so that a disk with room for a part of it gives that part.
constexpr std::uint64_t kPieceBytes = 256 * 1024;
}  // namespace

void Reserve::open_in(int directory) {
    fd_.reset();
    bytes_ = 0;
    if (bytes_full_ == 0) return;
    const std::string name(kReserveName);
    fd_ = open_file_at(directory, name, O_RDWR | O_CREAT, kMode);
    bytes_ = file_size(fd_.get(), name);
    (void)refill();
}

bool Reserve::refill() noexcept {
    if (!fd_) return bytes_full_ == 0;
    while (bytes_ < bytes_full_) {
        const auto piece = std::min(kPieceBytes, bytes_full_ - bytes_);
        if (::fallocate(fd_.get(), 0, static_cast<off_t>(bytes_), static_cast<off_t>(piece)) != 0)
            return false;
        bytes_ += piece;
    }
    return true;
}

bool Reserve::release(std::uint64_t bytes) noexcept {
    if (!fd_ || bytes_ == 0) return false;
    const auto left = bytes_ - std::min(bytes, bytes_);
    if (::ftruncate(fd_.get(), static_cast<off_t>(left)) != 0) return false;
    bytes_ = left;
    // Some file systems give blocks back only with the transaction that frees them.
    (void)::fsync(fd_.get());
    return true;
}

}  // namespace coffer::audit
