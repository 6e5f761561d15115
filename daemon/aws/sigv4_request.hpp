#pragma once
// A request of HTTP as its signature covers it. Views only: whoever received the bytes keeps them.

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "daemon/base/bytes.hpp"

namespace coffer::aws {

struct HttpHeader {
    std::string_view name;  ///< in whichever case it was sent
    std::string_view value;
};

struct HttpRequestView {
    std::string_view method;
    std::string_view path;   ///< as on the wire, percent-encoded, without the query
    std::string_view query;  ///< as on the wire, without '?'
    std::span<const HttpHeader> headers;
    ByteView body;
};

[[nodiscard]] constexpr char lower_ascii(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Whether the names of two headers are the same one; `lower` is in small letters.
[[nodiscard]] constexpr bool is_header(std::string_view name, std::string_view lower) noexcept {
    return std::ranges::equal(name, lower, {}, lower_ascii);
}

/// How often the header `lower` was sent.
[[nodiscard]] constexpr std::size_t times_sent(std::span<const HttpHeader> headers, std::string_view lower) {
    return static_cast<std::size_t>(std::ranges::count_if(
        headers, [lower](const auto& header) { return is_header(header.name, lower); }));
}

/// The values of the header `lower`, in the order in which they were sent.
[[nodiscard]] inline std::vector<std::string_view> header_values(std::span<const HttpHeader> headers,
                                                                 std::string_view lower) {
    std::vector<std::string_view> values;
    for (const auto& header : headers) {
        if (is_header(header.name, lower)) values.push_back(header.value);
    }
    return values;
}

}  // namespace coffer::aws
