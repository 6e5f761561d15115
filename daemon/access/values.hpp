#pragma once
// Texts of conditions as what they mean: numbers, times, addresses, bytes. Each function reads the whole text
// or gives nothing.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "daemon/base/bytes.hpp"

namespace coffer::access {

/// An integer or a decimal, with sign, without exponent ("-12", "0.5"). Exact up to 2^53.
[[nodiscard]] std::optional<double> parse_number(std::string_view text) noexcept;

/// "true" or "false", in any case.
[[nodiscard]] std::optional<bool> parse_boolean(std::string_view text) noexcept;

/// A moment as microseconds since 1970-01-01 UTC. ISO 8601 as W3C's NOTE-datetime profiles it: YYYY, YYYY-MM,
/// YYYY-MM-DD, YYYY-MM-DDThh:mm, with seconds, with a fraction (cut at microseconds), the time followed by Z
/// or +hh:mm or -hh:mm (also without colon). Or seconds of the epoch, with a fraction and a sign; four digits
/// alone are a year.
[[nodiscard]] std::optional<std::int64_t> parse_date(std::string_view text) noexcept;

/// An IPv4 or IPv6 address or a range of them. IPv4-mapped IPv6 (::ffff:0:0/96) is IPv4.
struct IpRange {
    /// IPv4 in its mapped form, so that both families compare alike.
    std::array<std::uint8_t, 16> address{};
    /// Leading bits that count, of 128: an IPv4 prefix has 96 more than it is written with.
    unsigned prefix_bits = 128;
    bool v4 = false;

    /// Whether every address of `other` is in this range. No IPv4 address is in a range of IPv6, also not in
    /// ::/0.
    [[nodiscard]] bool contains(const IpRange& other) const noexcept;
    /// Whether bits after the prefix are set, as in 10.0.0.1/8.
    [[nodiscard]] bool has_host_bits() const noexcept;
};

/// An address, with a prefix length in CIDR notation or without.
[[nodiscard]] std::optional<IpRange> parse_ip_range(std::string_view text) noexcept;
/// An address alone.
[[nodiscard]] std::optional<IpRange> parse_ip_address(std::string_view text) noexcept;

/// Base64 with padding (RFC 4648, section 4), strict: no line breaks, unused bits zero.
[[nodiscard]] std::optional<Bytes> parse_base64(std::string_view text);

}  // namespace coffer::access
