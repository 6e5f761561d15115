#pragma once
// Text from outside as well-formed UTF-8 (RFC 3629).

#include <cstddef>
#include <string>
#include <string_view>

namespace coffer::audit {

/// The first character of a text: what it is shown as (U+FFFD where its first byte begins none), and how many
/// bytes of the text that stands for.
struct Character {
    std::string_view shown;
    std::size_t bytes = 1;
};

/// `text` must not be empty; the result may point into it.
[[nodiscard]] Character next_character(std::string_view text) noexcept;

/// `text` as well-formed UTF-8 of at most `bytes_max` bytes, cut between characters.
[[nodiscard]] std::string clean_utf8(std::string_view text, std::size_t bytes_max);

}  // namespace coffer::audit
