#pragma once
// What a journal's directory holds, and under which names.
//
//     journal-NNNNNNNNNN.log   segments: numbers of ten digits, from 1, without gaps
//     head                     the newest signed checkpoint, one line (checkpoint.hpp)
//     lock                     empty; locked (flock) by the one process that writes
//     reserve                  zeros: space for operators' events when the disk is full

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coffer::audit {

inline constexpr std::string_view kHeadName = "head";
inline constexpr std::string_view kHeadTemporaryName = "head.new";
inline constexpr std::string_view kLockName = "lock";
inline constexpr std::string_view kReserveName = "reserve";

/// The head file is one checkpoint and a line feed; anything longer is not one. In bytes.
inline constexpr std::size_t kHeadBytesMax = 8192;

[[nodiscard]] std::string segment_name(std::uint64_t number);
/// The number in a segment's name; nothing for other names.
[[nodiscard]] std::optional<std::uint64_t> segment_number(std::string_view name) noexcept;

struct DirectoryListing {
    std::vector<std::uint64_t> segments;  ///< ascending
    bool has_head = false;
    bool has_lock = false;
    bool has_reserve = false;
    std::vector<std::string> others;  ///< names that are none of these, sorted
};

/// Throws Error that names the directory and the reason when it cannot be read.
[[nodiscard]] DirectoryListing list_directory(const std::filesystem::path& directory);

/// The same of a directory that is, or was, a journal's. Throws Error also when neither a segment nor a head
/// is there.
[[nodiscard]] DirectoryListing list_journal(const std::filesystem::path& directory);

/// The text of a small file, or nothing when there is none. Throws Error when it is longer than `bytes_max`
/// or cannot be read.
[[nodiscard]] std::optional<std::string> read_small_file(const std::filesystem::path& file,
                                                         std::size_t bytes_max);

}  // namespace coffer::audit
