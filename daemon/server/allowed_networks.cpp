#include "daemon/server/allowed_networks.hpp"

#include <algorithm>

#include "daemon/base/errors.hpp"

namespace coffer::server {

namespace asio = boost::asio;

namespace {

access::IpRange range_of(const asio::ip::address& address) {
    const auto v6 =
        address.is_v4() ? asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4()) : address.to_v6();
    access::IpRange range;
    const auto bytes = v6.to_bytes();
    std::copy(bytes.begin(), bytes.end(), range.address.begin());
    range.v4 = v6.is_v4_mapped();
    return range;
}

}  // namespace

std::optional<std::string> network_problem(std::string_view text) {
    const auto range = access::parse_ip_range(text);
    const std::string written = "\"" + std::string(text) + "\"";
    if (!range) {
        return written +
               " is not a network in CIDR notation, such as \"10.0.0.0/8\" or \"2001:db8::/32\", nor an "
               "IPv4 or IPv6 address (a prefix has at most 32 or 128 bits; names are not looked up)";
    }
    if (range->has_host_bits()) {
        return written +
               " has bits set after its prefix: write the network's first address, or a longer prefix";
    }
    return std::nullopt;
}

AllowedNetworks::AllowedNetworks(std::span<const std::string> blocks) {
    for (const auto& block : blocks) {
        if (const auto problem = network_problem(block)) throw Error("allowed_networks: " + *problem);
        ranges_.push_back(*access::parse_ip_range(block));
    }
}

bool AllowedNetworks::allows(const asio::ip::address& address) const {
    if (ranges_.empty()) return true;
    const auto caller = range_of(address);
    return std::any_of(ranges_.begin(), ranges_.end(),
                       [&](const auto& range) { return range.contains(caller); });
}

}  // namespace coffer::server
