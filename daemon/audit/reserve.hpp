#pragma once
// A file of zeros that is given up, piece by piece, when the disk is full, so that operators' events still
// find room.

#include <cstdint>

#include "daemon/audit/posix_file.hpp"

namespace coffer::audit {

/// Not thread-safe.
class Reserve {
public:
    /// `bytes_full` is what it has when it is whole. Takes nothing yet.
    explicit Reserve(std::uint64_t bytes_full) : bytes_full_(bytes_full) {}

    /// Opens the file in `directory` and fills it up as far as the disk has room. Throws FileError when it
    /// cannot be opened.
    void open_in(int directory);
    /// Fills up; false when the disk has no room for all of it.
    [[nodiscard]] bool refill() noexcept;
    /// Gives `bytes` back to the disk; false when there is nothing left.
    [[nodiscard]] bool release(std::uint64_t bytes) noexcept;
    [[nodiscard]] std::uint64_t missing_bytes() const noexcept {
        return bytes_full_ > bytes_ ? bytes_full_ - bytes_ : 0;
    }

private:
    std::uint64_t bytes_full_;
    std::uint64_t bytes_ = 0;
    Fd fd_;
};

}  // namespace coffer::audit
