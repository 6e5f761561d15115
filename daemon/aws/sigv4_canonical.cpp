#include "daemon/aws/sigv4_canonical.hpp"

#include <algorithm>
#include <boost/url/encode.hpp>
#include <boost/url/pct_string_view.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

#include "daemon/aws/request_refused.hpp"
#include "daemon/aws/sigv4_split.hpp"

namespace coffer::aws {

namespace urls = boost::urls;

namespace {

constexpr std::string_view kSignatureParameter = "X-Amz-Signature";

std::string decoded(std::string_view text) {
    const auto valid = urls::make_pct_string_view(urls::string_view(text.data(), text.size()));
    if (!valid) {
        throw RequestRefused(
            error_names::kMalformedQueryString,
            "The query string contains a syntax error: each '%' must be followed by two hexadecimal "
            "digits");
    }
    return valid->decode();
}

std::string join(std::span<const std::string> parts, char with) {
    std::string joined;
    for (const auto& part : parts) {
        if (&part != parts.data()) joined += with;
        joined += part;
    }
    return joined;
}

constexpr bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t';
}

}  // namespace

QueryParameters parse_query(std::string_view query) {
    QueryParameters parameters;
    if (query.empty()) return parameters;
    if (static_cast<std::size_t>(std::ranges::count(query, '&')) >= kParametersMax) {
        throw RequestRefused(error_names::kValidation, "A query or a form must have at most " +
                                                           std::to_string(kParametersMax) + " parameters");
    }
    for (const auto part : split(query, '&')) {
        const auto equals = part.find('=');
        const auto value = equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
        parameters.emplace_back(decoded(part.substr(0, equals)), decoded(value));
    }
    return parameters;
}

std::string uri_encoded(std::string_view text) {
    return urls::encode(urls::string_view(text.data(), text.size()), urls::unreserved_chars);
}

std::string canonical_path(std::string_view path) {
    std::vector<std::string_view> kept;
    for (const auto segment : split(path, '/')) {
        if (segment.empty() || segment == ".") continue;
        if (segment != "..") {
            kept.push_back(segment);
        } else if (!kept.empty()) {
            kept.pop_back();
        }
    }
    std::string canonical = "/";
    for (const auto segment : kept) {
        if (canonical.size() > 1) canonical += '/';
        canonical += uri_encoded(segment);
    }
    if (!kept.empty() && path.ends_with('/')) canonical += '/';
    return canonical;
}

std::string canonical_query(const QueryParameters& parameters) {
    std::vector<std::pair<std::string, std::string>> encoded;
    for (const auto& [name, value] : parameters) {
        if (name != kSignatureParameter) encoded.emplace_back(uri_encoded(name), uri_encoded(value));
    }
    std::ranges::sort(encoded);
    std::string canonical;
    for (const auto& [name, value] : encoded) {
        if (!canonical.empty()) canonical += '&';
        canonical.append(name).append("=").append(value);
    }
    return canonical;
}

std::string canonical_value(std::string_view value) {
    std::string canonical;
    bool blank = false;
    for (const char c : value) {
        if (is_blank(c)) {
            blank = true;
            continue;
        }
        if (blank && !canonical.empty()) canonical += ' ';
        blank = false;
        canonical += c;
    }
    return canonical;
}

std::string canonical_headers(std::span<const HttpHeader> headers,
                              std::span<const std::string> signed_headers) {
    std::string canonical;
    for (const auto& name : signed_headers) {
        canonical.append(name).append(":");
        bool first = true;
        for (const auto value : header_values(headers, name)) {
            if (!first) canonical += ',';
            first = false;
            canonical += canonical_value(value);
        }
        canonical += '\n';
    }
    return canonical;
}

std::string canonical_request(const HttpRequestView& request, const QueryParameters& parameters,
                              std::span<const std::string> signed_headers, std::string_view body_hash) {
    std::string canonical(request.method);
    canonical.append("\n").append(canonical_path(request.path));
    canonical.append("\n").append(canonical_query(parameters));
    canonical.append("\n").append(canonical_headers(request.headers, signed_headers));
    canonical.append("\n").append(join(signed_headers, ';'));
    canonical.append("\n").append(body_hash);
    return canonical;
}

}  // namespace coffer::aws
