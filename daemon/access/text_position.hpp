#pragma once
// Where in a policy document something stands, for errors and findings.

#include <cstdint>

namespace coffer::access {

/// A place in a text. Both counts begin at 1; a column is a character (a Unicode code point; a tab is one), a
/// line ends with a line feed.
struct TextPosition {
    std::uint32_t line = 1;
    std::uint32_t column = 1;

    [[nodiscard]] bool operator==(const TextPosition&) const = default;
    [[nodiscard]] bool operator<(const TextPosition& that) const noexcept {
        return line != that.line ? line < that.line : column < that.column;
    }
};

}  // namespace coffer::access
