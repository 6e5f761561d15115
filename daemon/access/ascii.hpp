#pragma once
// Letters without a locale: names of actions and condition keys are ASCII and compare without regard to case.

#include <algorithm>
#include <string>
#include <string_view>

namespace coffer::access {

[[nodiscard]] constexpr char to_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
[[nodiscard]] constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
[[nodiscard]] constexpr bool is_letter(char c) noexcept {
    return to_lower(c) >= 'a' && to_lower(c) <= 'z';
}
[[nodiscard]] constexpr bool is_alphanumeric(char c) noexcept {
    return is_digit(c) || is_letter(c);
}

/// ASCII letters in lower case, every other byte as it is.
[[nodiscard]] inline std::string to_lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](char c) { return to_lower(c); });
    return out;
}

/// Equal but for the case of ASCII letters.
[[nodiscard]] constexpr bool equals_ignore_case(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return to_lower(x) == to_lower(y); });
}

}  // namespace coffer::access
