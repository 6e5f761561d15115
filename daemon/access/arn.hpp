#pragma once
// Amazon Resource Names: six parts between colons, the last of which may hold colons of its own.

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace coffer::access {

inline constexpr std::size_t kArnParts = 6;

/// The parts of "arn:partition:service:region:account:resource", as views into the text.
struct Arn {
    std::array<std::string_view, kArnParts> parts;

    [[nodiscard]] std::string_view partition() const noexcept { return parts[1]; }
    [[nodiscard]] std::string_view service() const noexcept { return parts[2]; }
    [[nodiscard]] std::string_view region() const noexcept { return parts[3]; }
    [[nodiscard]] std::string_view account() const noexcept { return parts[4]; }
    [[nodiscard]] std::string_view resource() const noexcept { return parts[5]; }
};

/// Splits at the first five colons; nothing when there are fewer or the first part is not "arn". Says nothing
/// about what the parts hold.
[[nodiscard]] std::optional<Arn> split_arn(std::string_view text) noexcept;

/// The same for a pattern in which the colons inside of `${...}` belong to a policy variable.
[[nodiscard]] std::optional<Arn> split_arn_pattern(std::string_view text) noexcept;

/// Twelve digits.
[[nodiscard]] bool is_account_id(std::string_view text) noexcept;

}  // namespace coffer::access
