#include "daemon/access/values.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>

#include "daemon/access/ascii.hpp"

namespace coffer::access {
namespace {

constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr unsigned kMappedBits = 96;

/// Takes what a text begins with.
class Scanner {
public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    [[nodiscard]] bool end() const noexcept { return rest_.empty(); }
    [[nodiscard]] bool take(char c) noexcept {
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    /// Exactly `count` digits.
    [[nodiscard]] std::optional<int> digits(std::size_t count) noexcept {
        if (rest_.size() < count) return std::nullopt;
        int value = 0;
        for (std::size_t i = 0; i < count; ++i) {
            if (!is_digit(rest_[i])) return std::nullopt;
            value = value * 10 + (rest_[i] - '0');
        }
        rest_.remove_prefix(count);
        return value;
    }
    /// One digit or more as a fraction of a second, in microseconds.
    [[nodiscard]] std::optional<std::int64_t> fraction() noexcept {
        std::int64_t value = 0;
        std::int64_t unit = kMicrosPerSecond / 10;
        if (rest_.empty() || !is_digit(rest_.front())) return std::nullopt;
        while (!rest_.empty() && is_digit(rest_.front())) {
            value += (rest_.front() - '0') * unit;
            unit /= 10;
            rest_.remove_prefix(1);
        }
        return value;
    }

private:
    std::string_view rest_;
};

/// Z, +hh:mm, -hhmm: the offset in minutes.
std::optional<int> zone(Scanner& in) noexcept {
    if (in.take('Z') || in.take('z')) return 0;
    int sign = 1;
    if (in.take('-')) {
        sign = -1;
    } else if (!in.take('+')) {
        return std::nullopt;
    }
    const auto hours = in.digits(2);
    (void)in.take(':');
    const auto minutes = in.digits(2);
    if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    return sign * (*hours * 60 + *minutes);
}

/// hh:mm[:ss[.f]] and the zone, in microseconds since midnight UTC.
std::optional<std::int64_t> time_of_day(Scanner& in) noexcept {
    const auto hours = in.digits(2);
    if (!hours || *hours > 23 || !in.take(':')) return std::nullopt;
    const auto minutes = in.digits(2);
    if (!minutes || *minutes > 59) return std::nullopt;
    std::int64_t micros = (std::int64_t{*hours} * 60 + *minutes) * 60 * kMicrosPerSecond;
    if (in.take(':')) {
        const auto seconds = in.digits(2);
        if (!seconds || *seconds > 59) return std::nullopt;
        micros += *seconds * kMicrosPerSecond;
        if (in.take('.')) {
            const auto fraction = in.fraction();
            if (!fraction) return std::nullopt;
            micros += *fraction;
        }
    }
    const auto offset = zone(in);
    if (!offset || !in.end()) return std::nullopt;
    return micros - std::int64_t{*offset} * 60 * kMicrosPerSecond;
}

std::optional<std::int64_t> iso_date(std::string_view text) noexcept {
    Scanner in(text);
    const auto year = in.digits(4);
    if (!year) return std::nullopt;
    std::optional<int> month = 1;
    std::optional<int> day = 1;
    bool has_day = false;
    if (in.take('-')) {
        month = in.digits(2);
        if (!month) return std::nullopt;
        has_day = in.take('-');
        if (has_day) day = in.digits(2);
        if (!day) return std::nullopt;
    }
    const std::chrono::year_month_day date{std::chrono::year{*year},
                                           std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok()) return std::nullopt;
    const std::int64_t midnight =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::sys_days{date}.time_since_epoch())
            .count();
    if (in.end()) return midnight;
    if (!has_day || !(in.take('T') || in.take('t'))) return std::nullopt;
    const auto time = time_of_day(in);
    if (!time) return std::nullopt;
    return midnight + *time;
}

/// Seconds of the epoch; at most twelve digits, which no product below overflows.
std::optional<std::int64_t> epoch_date(std::string_view text) noexcept {
    constexpr std::size_t kMaxDigits = 12;
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    const auto whole = text.substr(0, text.find('.'));
    Scanner in(text);
    if (whole.empty() || whole.size() > kMaxDigits || !std::all_of(whole.begin(), whole.end(), is_digit)) {
        return std::nullopt;
    }
    std::int64_t seconds = 0;
    std::from_chars(whole.data(), whole.data() + whole.size(), seconds);
    std::int64_t micros = seconds * kMicrosPerSecond;
    if (whole.size() < text.size()) {
        Scanner rest(text.substr(whole.size() + 1));
        const auto fraction = rest.fraction();
        if (!fraction || !rest.end()) return std::nullopt;
        micros += *fraction;
    }
    return negative ? -micros : micros;
}

std::optional<IpRange> address(std::string_view text) noexcept {
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.empty() || text.size() >= terminated.size()) return std::nullopt;
    std::copy(text.begin(), text.end(), terminated.begin());
    IpRange range;
    std::array<std::uint8_t, 4> v4{};
    constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    if (inet_pton(AF_INET, terminated.data(), v4.data()) == 1) {
        std::copy(kMapped.begin(), kMapped.end(), range.address.begin());
        std::copy(v4.begin(), v4.end(), range.address.begin() + kMapped.size());
        range.v4 = true;
        return range;
    }
    if (inet_pton(AF_INET6, terminated.data(), range.address.data()) != 1) return std::nullopt;
    range.v4 = std::equal(kMapped.begin(), kMapped.end(), range.address.begin());
    return range;
}

}  // namespace

std::optional<double> parse_number(std::string_view text) noexcept {
    const auto digits = text.starts_with('-') || text.starts_with('+') ? text.substr(1) : text;
    const bool plain =
        !digits.empty() && is_digit(digits.front()) && is_digit(digits.back()) &&
        std::all_of(digits.begin(), digits.end(), [](char c) { return is_digit(c) || c == '.'; });
    if (!plain) return std::nullopt;
    double value = 0;
    const auto begin = text.starts_with('+') ? digits : text;
    const auto [end, error] = std::from_chars(begin.data(), begin.data() + begin.size(), value);
    if (error != std::errc{} || end != begin.data() + begin.size()) return std::nullopt;
    return value;
}

std::optional<bool> parse_boolean(std::string_view text) noexcept {
    if (equals_ignore_case(text, "true")) return true;
    if (equals_ignore_case(text, "false")) return false;
    return std::nullopt;
}

std::optional<std::int64_t> parse_date(std::string_view text) noexcept {
    if (const auto iso = iso_date(text)) return iso;
    return epoch_date(text);
}

bool IpRange::contains(const IpRange& other) const noexcept {
    if (other.v4 != v4 || other.prefix_bits < prefix_bits) return false;
    const auto bytes = prefix_bits / 8;
    if (std::memcmp(address.data(), other.address.data(), bytes) != 0) return false;
    const unsigned bits = prefix_bits % 8;
    if (bits == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xFFU << (8U - bits));
    return ((address[bytes] ^ other.address[bytes]) & mask) == 0;
}

bool IpRange::has_host_bits() const noexcept {
    for (unsigned bit = prefix_bits; bit < 128; ++bit) {
        if ((address[bit / 8] >> (7U - bit % 8U) & 1U) != 0) return true;
    }
    return false;
}

std::optional<IpRange> parse_ip_address(std::string_view text) noexcept {
    return address(text);
}

std::optional<IpRange> parse_ip_range(std::string_view text) noexcept {
    const auto slash = text.find('/');
    auto range = address(text.substr(0, slash));
    if (!range || slash == std::string_view::npos) return range;
    const auto prefix = text.substr(slash + 1);
    const bool written_as_v4 = text.substr(0, slash).find(':') == std::string_view::npos;
    if (prefix.empty() || prefix.size() > 3 || !std::all_of(prefix.begin(), prefix.end(), is_digit)) {
        return std::nullopt;
    }
    unsigned bits = 0;
    std::from_chars(prefix.data(), prefix.data() + prefix.size(), bits);
    if (bits > (written_as_v4 ? 32U : 128U)) return std::nullopt;
    range->prefix_bits = written_as_v4 ? bits + kMappedBits : bits;
    // ::ffff:0.0.0.0/80 is a range of IPv6, whatever its first address looks like.
    if (range->prefix_bits < kMappedBits) range->v4 = false;
    return range;
}

std::optional<Bytes> parse_base64(std::string_view text) {
    constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (text.size() % 4 != 0) return std::nullopt;
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    const auto digits = text.substr(0, text.size() - padding);
    Bytes out;
    std::uint32_t buffer = 0;
    unsigned bits = 0;
    for (const char c : digits) {
        const auto worth = kAlphabet.find(c);
        if (worth == std::string_view::npos) return std::nullopt;
        buffer = (buffer << 6U) | static_cast<std::uint32_t>(worth);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out.push_back(static_cast<std::uint8_t>(buffer >> bits));
            buffer &= (1U << bits) - 1U;
        }
    }
    if (buffer != 0) return std::nullopt;
    return out;
}

}  // namespace coffer::access
