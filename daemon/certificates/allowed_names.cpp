#include "daemon/certificates/allowed_names.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace coffer::certificates {

namespace {

constexpr std::string_view kAnyLabel = "*.";
constexpr std::string_view kAnyLabels = "**.";
constexpr std::string_view kCommonName = "CN=";

[[noreturn]] void refuse_pattern(const std::string& pattern, std::string_view why) {
    throw CertificateError("\"" + pattern + "\" " + std::string(why));
}

[[noreturn]] void refuse_name(std::string_view name) {
    throw CertificateError("the name \"" + std::string(name) +
                           "\" is not one that this rotation function may have certified: see its "
                           "allowed_names in the configuration");
}

bool is_host_pattern(std::string_view pattern) noexcept {
    if (pattern.starts_with(kAnyLabels)) {
        pattern.remove_prefix(kAnyLabels.size());
    } else if (pattern.starts_with(kAnyLabel)) {
        pattern.remove_prefix(kAnyLabel.size());
    }
    return is_host_name(pattern, false);
}

std::vector<std::string> segments_of(std::string_view path) {
    std::vector<std::string> segments;
    while (true) {
        const auto slash = path.find('/');
        segments.emplace_back(path.substr(0, slash));
        if (slash == std::string_view::npos) return segments;
        path = path.substr(slash + 1);
    }
}

struct UriParts {
    std::string_view scheme;
    std::string_view host;
    std::vector<std::string> segments;
};

/// Of a URI or a pattern of one, which has "://".
UriParts parts_of(std::string_view uri) {
    const auto colon = uri.find("://");
    const auto rest = uri.substr(colon + 3);
    const auto slash = rest.find('/');
    UriParts parts{uri.substr(0, colon), rest.substr(0, slash), {}};
    if (slash != std::string_view::npos) parts.segments = segments_of(rest.substr(slash + 1));
    return parts;
}

bool segments_match(const std::vector<std::string>& path, const std::vector<std::string>& pattern) {
    const bool open = !pattern.empty() && pattern.back() == "**";
    if (open ? path.size() < pattern.size() : path.size() != pattern.size()) return false;
    const auto fixed = pattern.size() - (open ? 1 : 0);
    for (std::size_t i = 0; i < fixed; ++i) {
        if (pattern[i] == "*" ? path[i].empty() : path[i] != pattern[i]) return false;
    }
    return !open || !path.back().empty();
}

/// What separates parts of names: "*" does not reach over it.
bool separates(char c) noexcept {
    return c == '.' || c == ',' || c == '=' || c == '/';
}

/// "*" stands for any text without separators, also none.
bool glob_matches(std::string_view text, std::string_view pattern) noexcept {
    std::size_t at = 0;
    std::size_t in = 0;
    auto star = std::string_view::npos;
    std::size_t resumed = 0;
    while (at < text.size()) {
        if (in < pattern.size() && pattern[in] == '*') {
            star = in++;
            resumed = at;
        } else if (in < pattern.size() && pattern[in] == text[at]) {
            ++in;
            ++at;
        } else if (star != std::string_view::npos && !separates(text[resumed])) {
            in = star + 1;
            at = ++resumed;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', in) == std::string_view::npos;
}

std::vector<std::uint8_t> address_bytes(const std::string& text) {
    std::array<std::uint8_t, 16> bytes{};
    if (::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return {bytes.begin(), bytes.begin() + 4};
    if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return {bytes.begin(), bytes.end()};
    return {};
}

/// Bits of `address` behind the first `bits` are set: it is no network.
bool has_host_bits(const std::vector<std::uint8_t>& address, unsigned bits) {
    for (std::size_t i = 0; i < address.size(); ++i) {
        const auto here = std::min(bits, 8U);
        if ((address[i] & static_cast<std::uint8_t>(0xFFU >> here)) != 0) return true;
        bits -= here;
    }
    return false;
}

bool in_network(const std::vector<std::uint8_t>& address, const std::vector<std::uint8_t>& network,
                unsigned bits) {
    if (address.size() != network.size()) return false;
    for (std::size_t i = 0; i < address.size() && bits > 0; ++i) {
        const unsigned here = std::min(bits, 8U);
        const auto mask = static_cast<std::uint8_t>(0xFFU << (8U - here));
        if (((address[i] ^ network[i]) & mask) != 0) return false;
        bits -= here;
    }
    return true;
}

}  // namespace

bool host_matches(std::string_view name, std::string_view pattern) noexcept {
    const bool any = pattern.starts_with(kAnyLabels);
    if (!any && !pattern.starts_with(kAnyLabel)) return name == pattern;
    // With its dot: "notexample.com" does not end with ".example.com".
    const auto end = pattern.substr(any ? 2 : 1);
    if (name.size() <= end.size() || !name.ends_with(end)) return false;
    const auto before = name.substr(0, name.size() - end.size());
    return any || before.find('.') == std::string_view::npos;
}

AllowedNames::AllowedNames(const std::vector<std::string>& patterns, bool wildcards) : wildcards_(wildcards) {
    for (const auto& pattern : patterns) {
        if (pattern.starts_with(kCommonName)) {
            if (pattern.size() == kCommonName.size()) {
                refuse_pattern(pattern, "allows nothing: a common name is not empty");
            }
            common_names_.push_back(pattern.substr(kCommonName.size()));
        } else if (pattern.find("://") != std::string::npos) {
            add_uri(pattern);
        } else if (const auto at = pattern.rfind('@'); at != std::string::npos) {
            const auto mailbox = pattern.substr(0, at);
            if (at == 0 || (mailbox != "*" && mailbox.find('*') != std::string::npos) ||
                !is_host_pattern(pattern.substr(at + 1))) {
                refuse_pattern(pattern, "is no pattern of mailboxes, such as \"*@example.com\"");
            }
            emails_.push_back({mailbox, pattern.substr(at + 1)});
        } else if (pattern.find('/') != std::string::npos || !address_bytes(pattern).empty()) {
            add_network(pattern);
        } else {
            if (!is_host_pattern(pattern)) {
                refuse_pattern(pattern,
                               "is no pattern of names: \"app.example.com\", \"*.example.com\" (one label), "
                               "\"**.example.com\" (any number), \"10.0.0.0/8\", \"spiffe://domain/app/*\", "
                               "\"*@example.com\" or \"CN=app-*\", in small letters");
            }
            hosts_.push_back(pattern);
        }
    }
}

void AllowedNames::add_network(const std::string& pattern) {
    const auto slash = pattern.find('/');
    Network network{.address = address_bytes(pattern.substr(0, slash))};
    if (network.address.empty()) refuse_pattern(pattern, "is no IP address or network");
    const auto most = static_cast<unsigned>(network.address.size() * 8);
    network.bits = most;
    if (slash != std::string::npos) {
        const auto* const end = pattern.data() + pattern.size();
        const auto [stop, error] = std::from_chars(pattern.data() + slash + 1, end, network.bits);
        if (error != std::errc{} || stop != end || network.bits > most) {
            refuse_pattern(pattern, "is no network such as \"10.0.0.0/8\"");
        }
        if (has_host_bits(network.address, network.bits)) {
            refuse_pattern(pattern, "is no network: bits behind its length are set");
        }
    }
    networks_.push_back(std::move(network));
}

void AllowedNames::add_uri(const std::string& pattern) {
    auto parts = parts_of(pattern);
    const auto last = parts.segments.empty() ? parts.segments.end() : parts.segments.end() - 1;
    const bool star_within = std::ranges::any_of(parts.segments, [](const std::string& segment) {
        return segment != "*" && segment != "**" && segment.find('*') != std::string::npos;
    });
    const auto host = parts.host.substr(0, parts.host.find(':'));
    if (parts.scheme.empty() || !is_host_pattern(host) || star_within ||
        std::find(parts.segments.begin(), last, "**") != last) {
        refuse_pattern(pattern,
                       "is no pattern of URIs, such as \"spiffe://domain/app/*\": \"*\" is a whole segment, "
                       "\"**\" the last one");
    }
    uris_.push_back({std::string(parts.scheme), std::string(parts.host), std::move(parts.segments)});
}

bool AllowedNames::allows_dns(std::string_view name) const {
    if (name.starts_with(kAnyLabel)) {
        // It stands for every name with one label before the rest.
        const auto rest = name.substr(1);
        return wildcards_ && std::ranges::any_of(hosts_, [&](const std::string& pattern) {
                   return pattern == name ||
                          (pattern.starts_with(kAnyLabels) &&
                           (rest == pattern.substr(2) || rest.ends_with(pattern.substr(2))));
               });
    }
    return std::ranges::any_of(hosts_,
                               [name](const std::string& pattern) { return host_matches(name, pattern); });
}

bool AllowedNames::allows_ip(const std::string& text) const {
    const auto address = address_bytes(text);
    return std::ranges::any_of(networks_, [&](const Network& network) {
        return in_network(address, network.address, network.bits);
    });
}

bool AllowedNames::allows_uri(std::string_view uri) const {
    const auto parts = parts_of(uri);
    return std::ranges::any_of(uris_, [&](const Uri& pattern) {
        return parts.scheme == pattern.scheme && host_matches(parts.host, pattern.host) &&
               segments_match(parts.segments, pattern.segments);
    });
}

bool AllowedNames::allows_email(std::string_view email) const {
    const auto at = email.rfind('@');
    return std::ranges::any_of(emails_, [&](const Email& pattern) {
        return (pattern.mailbox == "*" || email.substr(0, at) == pattern.mailbox) &&
               host_matches(email.substr(at + 1), pattern.host);
    });
}

bool AllowedNames::allows_common_name(const SubjectNames& names) const {
    const auto& name = names.common_name;
    if (name.empty()) return true;
    // One of the other names, which are looked at by themselves, tells nobody anything else.
    for (const auto* kind : {&names.dns, &names.ips, &names.uris, &names.emails}) {
        if (std::ranges::find(*kind, name) != kind->end()) return true;
    }
    // Old software takes a common name for the host's: it must be allowed as such as well.
    std::string host(name);
    std::ranges::transform(host, host.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (!address_bytes(host).empty() && !allows_ip(host)) return false;
    if (host.find('.') != std::string::npos && is_host_name(host, true) && address_bytes(host).empty() &&
        !allows_dns(host)) {
        return false;
    }
    return std::ranges::any_of(common_names_,
                               [&](const std::string& pattern) { return glob_matches(name, pattern); });
}

void AllowedNames::require(const SubjectNames& names) const {
    for (const auto& name : names.dns) {
        if (!allows_dns(name)) refuse_name(name);
    }
    for (const auto& name : names.ips) {
        if (!allows_ip(name)) refuse_name(name);
    }
    for (const auto& name : names.uris) {
        if (!allows_uri(name)) refuse_name(name);
    }
    for (const auto& name : names.emails) {
        if (!allows_email(name)) refuse_name(name);
    }
    if (!allows_common_name(names)) refuse_name("CN=" + names.common_name);
}

}  // namespace coffer::certificates
