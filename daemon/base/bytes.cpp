#include "daemon/base/bytes.hpp"

#include <stdexcept>

namespace coffer {

std::string to_hex(ByteView bytes) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const auto b : bytes) {
        out.push_back(kDigits[b >> 4U]);
        out.push_back(kDigits[b & 0x0FU]);
    }
    return out;
}

namespace {
std::uint8_t nibble(char c) {
    if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
    throw std::invalid_argument("not a hexadecimal digit");
}
}  // namespace

Bytes from_hex(std::string_view hex) {
    if (hex.size() % 2 != 0) throw std::invalid_argument("hexadecimal text has an odd length");
    Bytes out;
    out.reserve(hex.size() / 2);
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        out.push_back(static_cast<std::uint8_t>((nibble(hex[i]) << 4U) | nibble(hex[i + 1])));
    }
    return out;
}

void CanonicalEncoder::tag(char type, std::uint64_t number) {
    out_.push_back(static_cast<std::uint8_t>(type));
    for (int shift = 56; shift >= 0; shift -= 8) {
        out_.push_back(static_cast<std::uint8_t>(number >> static_cast<unsigned>(shift)));
    }
}

CanonicalEncoder& CanonicalEncoder::text(std::string_view value) {
    tag('s', value.size());
    out_.insert(out_.end(), value.begin(), value.end());
    return *this;
}

CanonicalEncoder& CanonicalEncoder::bytes(ByteView value) {
    tag('b', value.size());
    out_.insert(out_.end(), value.begin(), value.end());
    return *this;
}

CanonicalEncoder& CanonicalEncoder::number(std::int64_t value) {
    tag('n', static_cast<std::uint64_t>(value));
    return *this;
}

CanonicalEncoder& CanonicalEncoder::boolean(bool value) {
    out_.push_back(value ? 'T' : 'F');
    return *this;
}

CanonicalEncoder& CanonicalEncoder::absent() {
    out_.push_back('-');
    return *this;
}

CanonicalEncoder& CanonicalEncoder::list(std::size_t count) {
    tag('l', count);
    return *this;
}

}  // namespace coffer
