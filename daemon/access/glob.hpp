#pragma once
// The wildcards of the policy language: `*` for any characters, also none, and `?` for exactly one.
//
// A pattern is held as text in which two bytes that UTF-8 never uses stand for the wildcards, so that
// whatever is put in place of a variable is literal.

#include <string>
#include <string_view>

namespace coffer::access {

/// Stands for `*` in a pattern.
inline constexpr char kManyMark = '\xFF';
/// Stands for `?` in a pattern.
inline constexpr char kOneMark = '\xFE';

/// `text` with its wildcards as marks.
[[nodiscard]] std::string to_glob(std::string_view text);

/// Whether `text` matches the whole of `pattern`, by case. `?` is one character (code point), not one byte.
/// Takes no memory. Never backtracks over a `*` once what follows it has been found, so the work is at most
/// the product of both lengths, and proportional to their sum when no `?` stands between two `*`.
[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view text) noexcept;

/// Whether everything that `inner` matches is matched by `outer`. May say no where the answer is yes, never
/// the reverse.
[[nodiscard]] bool glob_covers(std::string_view outer, std::string_view inner) noexcept;

}  // namespace coffer::access
