#include "daemon/rotation/code_points.hpp"

namespace coffer::rotation {

std::optional<std::uint32_t> hex_code(std::string_view text, std::size_t digits) noexcept {
    if (text.size() < digits) return std::nullopt;
    std::uint32_t code = 0;
    for (const char c : text.substr(0, digits)) {
        code <<= 4U;
        if (c >= '0' && c <= '9') {
            code += static_cast<std::uint32_t>(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            code += static_cast<std::uint32_t>(c - 'a') + 10;
        } else if (c >= 'A' && c <= 'F') {
            code += static_cast<std::uint32_t>(c - 'A') + 10;
        } else {
            return std::nullopt;
        }
    }
    return code;
}

ReadCodePoint read_utf16(std::string_view behind) noexcept {
    constexpr std::uint32_t kHighFirst = 0xd800;
    constexpr std::uint32_t kLowFirst = 0xdc00;
    constexpr std::uint32_t kLowLast = 0xdfff;
    const auto first = hex_code(behind, 4).value_or(0);
    if (first < kHighFirst || first >= kLowFirst || !behind.substr(4).starts_with("\\u")) return {first, 4};
    const auto second = hex_code(behind.substr(6), 4).value_or(0);
    if (second < kLowFirst || second > kLowLast) return {first, 4};
    return {0x10000 + ((first - kHighFirst) << 10U) + (second - kLowFirst), 10};
}

std::size_t write_code_point(std::uint32_t code_point, char* to) noexcept {
    const auto tail = [code_point](unsigned shift) {
        return static_cast<char>(0x80U | ((code_point >> shift) & 0x3fU));
    };
    if (code_point < 0x80) {
        to[0] = static_cast<char>(code_point);
        return 1;
    }
    if (code_point < 0x800) {
        to[0] = static_cast<char>(0xc0U | (code_point >> 6U));
        to[1] = tail(0);
        return 2;
    }
    if (code_point < 0x10000) {
        to[0] = static_cast<char>(0xe0U | (code_point >> 12U));
        to[1] = tail(6);
        to[2] = tail(0);
        return 3;
    }
    to[0] = static_cast<char>(0xf0U | ((code_point >> 18U) & 7U));
    to[1] = tail(12);
    to[2] = tail(6);
    to[3] = tail(0);
    return 4;
}

}  // namespace coffer::rotation
