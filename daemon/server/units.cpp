#include "daemon/server/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace coffer::server {

namespace {

using Unit = std::pair<std::string_view, std::uint64_t>;

constexpr std::array<Unit, 5> kDurationUnits{
    {{"d", 24ULL * 60 * 60 * 1000}, {"h", 60ULL * 60 * 1000}, {"m", 60ULL * 1000}, {"s", 1000}, {"ms", 1}}};
constexpr std::array<Unit, 4> kSizeUnits{
    {{"GiB", 1ULL << 30U}, {"MiB", 1ULL << 20U}, {"KiB", 1ULL << 10U}, {"B", 1}}};
constexpr std::uint64_t kLongestMs = 100ULL * 366 * 24 * 60 * 60 * 1000;
constexpr std::uint64_t kLargestBytes = 1ULL << 62U;

/// The number at the head of `text` and the rest behind it; nothing when there is no number.
std::optional<std::pair<std::uint64_t, std::string_view>> split(std::string_view text) noexcept {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    return std::pair{number, text.substr(static_cast<std::size_t>(end - text.data()))};
}

template <std::size_t N>
std::optional<std::uint64_t> scaled(std::uint64_t number, std::string_view unit,
                                    const std::array<Unit, N>& units, std::uint64_t limit) noexcept {
    for (const auto& [name, factor] : units) {
        if (name != unit) continue;
        if (number > limit / factor) return std::nullopt;
        return number * factor;
    }
    return std::nullopt;
}

template <std::size_t N>
std::string shown(std::uint64_t value, const std::array<Unit, N>& units) {
    for (const auto& [name, factor] : units) {
        if (value != 0 && value % factor == 0) return std::to_string(value / factor) + std::string(name);
    }
    return "0" + std::string(units.back().first);
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept {
    const auto parts = split(text);
    if (!parts) return std::nullopt;
    const auto ms = scaled(parts->first, parts->second, kDurationUnits, kLongestMs);
    if (!ms) return std::nullopt;
    return std::chrono::milliseconds(*ms);
}

std::string duration_text(std::chrono::milliseconds value) {
    if (value.count() == 0) return "0s";
    return shown(static_cast<std::uint64_t>(value.count()), kDurationUnits);
}

std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
    const auto parts = split(text);
    if (!parts) return std::nullopt;
    return scaled(parts->first, parts->second.empty() ? "B" : parts->second, kSizeUnits, kLargestBytes);
}

std::string size_text(std::uint64_t bytes) {
    return shown(bytes, kSizeUnits);
}

std::optional<std::int64_t> parse_millionths(std::string_view text) noexcept {
    constexpr std::size_t kMostWhole = 9;
    constexpr std::size_t kDecimals = 6;
    const auto point = text.find('.');
    const auto whole = text.substr(0, point);
    const auto decimals = point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
    if (whole.empty() || whole.size() > kMostWhole || decimals.size() > kDecimals ||
        (point != std::string_view::npos && decimals.empty())) {
        return std::nullopt;
    }
    std::int64_t value = 0;
    const auto take = [&value](char c) {
        value = value * 10 + (c - '0');
        return c >= '0' && c <= '9';
    };
    if (!std::all_of(whole.begin(), whole.end(), take) ||
        !std::all_of(decimals.begin(), decimals.end(), take)) {
        return std::nullopt;
    }
    for (auto i = decimals.size(); i < kDecimals; ++i) value *= 10;
    return value;
}

}  // namespace coffer::server
