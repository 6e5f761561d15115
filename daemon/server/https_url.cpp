#include "daemon/server/https_url.hpp"

#include <algorithm>
#include <boost/url/parse.hpp>

namespace coffer::server {

namespace {

constexpr std::size_t kUrlMax = 255;

/// Visible ASCII without what a policy's condition key could not hold.
bool is_plain_url(std::string_view text) {
    return text.size() <= kUrlMax && std::ranges::all_of(text, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      std::string_view("-._~%/:?=&").find(c) != std::string_view::npos;
           });
}

}  // namespace

std::optional<boost::urls::url_view> https_address(const std::string& text) {
    const auto parsed = boost::urls::parse_absolute_uri(text);
    if (!parsed || !is_plain_url(text) || !text.starts_with("https://")) return std::nullopt;
    const boost::urls::url_view url = *parsed;
    const bool good = !url.has_userinfo() && !url.has_fragment() && !url.host().empty() &&
                      !(url.has_port() && url.port_number() == 0);
    if (!good) return std::nullopt;
    return url;
}

bool read_https_url(TableReader& reader, std::string_view key, HttpsUrl& address, TableReader::Need need) {
    std::string written;
    if (!reader.read_text(key, written, need)) return false;
    const auto url = https_address(written);
    if (!url) {
        reader.complain(
            key, "\"" + written + "\" must be an https address, such as \"https://issuer.example/keys\"");
        return false;
    }
    address.host = url->host();
    if (url->has_port()) address.port = url->port_number();
    address.target = std::string(url->encoded_target());
    if (address.target.empty() || address.target.front() != '/') address.target.insert(0, 1, '/');
    return true;
}

}  // namespace coffer::server
