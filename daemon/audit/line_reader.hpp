#pragma once
// Lines of a segment file, one after the other, with a bounded buffer. Knows nothing of records.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/audit/posix_file.hpp"

namespace coffer::audit {

/// Not thread-safe. The file may grow meanwhile.
class LineReader {
public:
    /// A line with the place of its first byte. `text` has no line feed and is valid until the next call.
    struct Line {
        std::string_view text;
        std::uint64_t offset = 0;
        bool complete = true;   ///< ended by a line feed; false only for what stands last in the file
        bool too_long = false;  ///< over `line_bytes_max`; `text` is its beginning
    };

    /// Begins at byte `offset` and reads no further than byte `end`. Throws Error when the file cannot be
    /// opened.
    LineReader(const std::filesystem::path& file, std::uint64_t offset, std::size_t line_bytes_max,
               std::uint64_t end = UINT64_MAX);

    /// The next line that is complete, or too long; nothing at the end. After nothing, a later call goes on
    /// where the file has grown. Throws Error when the file cannot be read.
    [[nodiscard]] std::optional<Line> next();
    /// What stands after the last line feed; nothing when nothing does. To be asked after next() gave
    /// nothing.
    [[nodiscard]] std::optional<Line> rest();
    /// Where the next line begins.
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

private:
    [[nodiscard]] bool fill();

    Fd fd_;
    std::string name_;
    std::size_t line_bytes_max_;
    std::uint64_t end_;
    std::uint64_t offset_;    // of the first byte that was not handed out
    std::string buffer_;      // bytes from offset_ on, after `used_`
    std::size_t used_ = 0;    // handed out already
    std::size_t looked_ = 0;  // bytes after used_ known to hold no line feed
};

}  // namespace coffer::audit
