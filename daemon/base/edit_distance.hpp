#pragma once
// How far two words are apart, for "did you mean": messages about names that are not known.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace coffer {

/// Levenshtein's distance: how many bytes to insert, delete or replace to make `b` of `a`. O(|a| |b|).
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The word of `known` that is nearest to `unknown`, when it is near enough to be meant: at most two changes,
/// or a third of the letters of `unknown`. Empty when none is; the first of several. Refers into `known`.
[[nodiscard]] std::string_view nearest_word(std::string_view unknown, const std::vector<std::string>& known);

}  // namespace coffer
