#pragma once
// The ways in which programs spell a text within another one, undone: to find in what was said what is not
// written there as it is.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coffer::rotation {

enum class Spelling : std::uint8_t {
    backslashes,  ///< JSON's escapes, and those of programming languages and shells
    percent,      ///< RFC 3986, section 2.1, in either case
    form,         ///< the same, and a plus sign for a space
    entities,     ///< of HTML and XML: numbers, those of Latin 1, and those of ASCII's punctuation
};

inline constexpr std::array kSpellings{Spelling::backslashes, Spelling::percent, Spelling::form,
                                       Spelling::entities};

/// A text and, of each of its bytes, which part of the text that it was made of it stands for.
class SpelledText {
public:
    explicit SpelledText(std::string_view text);

    [[nodiscard]] std::string_view text() const noexcept { return text_; }
    /// Where byte `i` begins and ends in the first text of all.
    [[nodiscard]] std::size_t begin_of(std::size_t i) const { return begins_[i]; }
    [[nodiscard]] std::size_t end_of(std::size_t i) const { return ends_[i]; }
    /// The bytes that were spelled in the text that this was made of, in their order; of the first one all.
    [[nodiscard]] const std::vector<std::uint32_t>& fresh() const noexcept { return fresh_; }
    /// What the text says where everything is spelled so; nothing where nothing is. What may be cut off in
    /// the middle of a character at the end is left out. Takes time in proportion to the text.
    [[nodiscard]] std::optional<SpelledText> undone(Spelling spelling) const;

private:
    SpelledText() = default;

    std::string text_;
    std::vector<std::uint32_t> begins_;
    std::vector<std::uint32_t> ends_;
    std::vector<std::uint32_t> fresh_;
};

}  // namespace coffer::rotation
