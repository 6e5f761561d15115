#pragma once
// The wildcards of the policy language: `*` for any characters, also none, and `?` for exactly one.
//
// A pattern is held as text in which two bytes that UTF-8 never uses stand for the wildcards, so that
// whatever is put in place of a variable is literal.

#include <cstddef>
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
/// Never backtracks over a `*` once what follows it has been found. What follows it is searched in time
/// proportional to the text, or, where a `?` stands in the midst of it, at 64 places of the text at once
/// (GlobAnswer::looks). Takes memory only for a `?` and a text that is not ASCII.
[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view text) noexcept;

/// An answer with what it took.
struct GlobAnswer {
    bool matches = false;
    /// Characters of the pattern times the groups of 64 places that each was compared with. With n characters
    /// of text, p of pattern and m of its longest piece without `*`: at most p + n * m / 64.
    std::size_t looks = 0;
};

/// glob_matches(), counted.
[[nodiscard]] GlobAnswer glob_answer(std::string_view pattern, std::string_view text) noexcept;

/// Whether everything that `inner` matches is matched by `outer`. May say no where the answer is yes, never
/// the reverse.
[[nodiscard]] bool glob_covers(std::string_view outer, std::string_view inner) noexcept;

}  // namespace coffer::access
