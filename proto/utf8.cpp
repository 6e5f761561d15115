#include "proto/utf8.hpp"

#include <algorithm>
#include <boost/nowide/utf/utf.hpp>
#include <cstdint>
#include <cstring>

namespace coffer::proto {

namespace {

using Utf8 = boost::nowide::utf::utf_traits<char>;

constexpr std::size_t kWordBytes = sizeof(std::uint64_t);

/// How many bytes at the head of `text` are ASCII, counted in whole words: nearly all of a secret, and eight
/// times as fast as character by character.
std::size_t ascii_prefix(std::string_view text) noexcept {
    constexpr std::uint64_t kHighBits = 0x8080808080808080U;
    std::size_t at = 0;
    while (at + kWordBytes <= text.size()) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + at, kWordBytes);
        if ((word & kHighBits) != 0) break;
        at += kWordBytes;
    }
    return at;
}

bool well_formed(boost::nowide::utf::code_point c) noexcept {
    return c != boost::nowide::utf::illegal && c != boost::nowide::utf::incomplete;
}

}  // namespace

std::optional<std::size_t> utf8_length(std::string_view text) noexcept {
    std::size_t characters = 0;
    while (!text.empty()) {
        const std::size_t ascii = ascii_prefix(text);
        characters += ascii;
        text.remove_prefix(ascii);
        // A word that is not all ASCII, or the last few bytes: one character after the other.
        const char* at = text.data();
        const char* const end = at + text.size();
        const char* const word_end = at + std::min(text.size(), kWordBytes);
        while (at < word_end) {
            if (!well_formed(Utf8::decode(at, end))) return std::nullopt;
            ++characters;
        }
        text.remove_prefix(static_cast<std::size_t>(at - text.data()));
    }
    return characters;
}

bool is_control(char32_t c) noexcept {
    constexpr char32_t kLatinControlsEnd = 0xA0;
    if (c < kLatinControlsEnd) return c < 0x20 || c >= 0x7F;
    return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069);
}

std::string printable(std::string_view text, std::size_t max_characters) {
    std::string out;
    const char* at = text.data();
    const char* const end = at + text.size();
    for (std::size_t count = 0; at < end; ++count) {
        if (count == max_characters) return out + "...";
        const char* next = at;
        const auto c = Utf8::decode(next, end);
        if (!well_formed(c)) {
            out.push_back('?');
            ++at;  // the decoder may have eaten the head of a character that is whole
            continue;
        }
        if (is_control(c)) {
            out.push_back('?');
        } else {
            out.append(at, next);
        }
        at = next;
    }
    return out;
}

}  // namespace coffer::proto
