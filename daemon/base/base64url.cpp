#include "daemon/base/base64url.hpp"

#include <algorithm>

namespace coffer {

namespace {

constexpr std::size_t kCharactersOfGroup = 4;
constexpr unsigned kBitsOfCharacter = 6;
constexpr unsigned kBitsOfByte = 8;

/// The character's value; -1 for one that is none of base64url's.
constexpr int digit_of(char c) noexcept {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '-') return 62;
    return c == '_' ? 63 : -1;
}

/// Bits of the last character that belong to no byte, for each length beyond whole groups.
constexpr int spare_bits(std::size_t beyond) noexcept {
    return beyond == 2 ? 0x0F : beyond == 3 ? 0x03 : 0;
}

}  // namespace

std::optional<std::size_t> base64url_size(std::string_view text) noexcept {
    const auto beyond = text.size() % kCharactersOfGroup;
    if (beyond == 1 || std::any_of(text.begin(), text.end(), [](char c) { return digit_of(c) < 0; })) {
        return std::nullopt;
    }
    if (beyond != 0 && (digit_of(text.back()) & spare_bits(beyond)) != 0) return std::nullopt;
    return text.size() / kCharactersOfGroup * 3 + (beyond == 0 ? 0 : beyond - 1);
}

void read_base64url(std::string_view text, std::span<std::uint8_t> out) noexcept {
    std::uint32_t bits = 0;
    unsigned count = 0;
    std::size_t at = 0;
    for (const char c : text) {
        bits = (bits << kBitsOfCharacter) | static_cast<std::uint32_t>(digit_of(c));
        count += kBitsOfCharacter;
        if (count < kBitsOfByte) continue;
        count -= kBitsOfByte;
        out[at++] = static_cast<std::uint8_t>(bits >> count);
    }
}

}  // namespace coffer
