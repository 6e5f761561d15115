#include "daemon/audit/utf8.hpp"

#include <algorithm>

namespace coffer::audit {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

/// Length of the well-formed UTF-8 sequence at the start of `text` (RFC 3629), 0 when there is none.
std::size_t sequence_length(std::string_view text) noexcept {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto tail = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
        return i < text.size() && at(i) >= low && at(i) <= high;
    };
    const unsigned c = at(0);
    if (c < 0x80) return 1;
    if (c >= 0xC2 && c <= 0xDF) return tail(1) ? 2 : 0;
    if (c >= 0xE0 && c <= 0xEF) {
        const unsigned low = c == 0xE0 ? 0xA0 : 0x80;
        const unsigned high = c == 0xED ? 0x9F : 0xBF;
        return tail(1, low, high) && tail(2) ? 3 : 0;
    }
    if (c >= 0xF0 && c <= 0xF4) {
        const unsigned low = c == 0xF0 ? 0x90 : 0x80;
        const unsigned high = c == 0xF4 ? 0x8F : 0xBF;
        return tail(1, low, high) && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

}  // namespace

Character next_character(std::string_view text) noexcept {
    const auto length = sequence_length(text);
    return length > 0 ? Character{text.substr(0, length), length} : Character{kReplacement, 1};
}

std::string clean_utf8(std::string_view input, std::size_t bytes_max) {
    std::string out;
    out.reserve(std::min(input.size(), bytes_max));
    while (!input.empty()) {
        const auto next = next_character(input);
        if (out.size() + next.shown.size() > bytes_max) break;
        out += next.shown;
        input.remove_prefix(next.bytes);
    }
    return out;
}

}  // namespace coffer::audit
