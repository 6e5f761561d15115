#pragma once
// Which addresses a listener's callers may come from. IPv4-mapped IPv6 addresses are IPv4 here as everywhere:
// a dual-stack socket shows IPv4 callers by them.

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/access/values.hpp"

namespace coffer::server {

/// Blocks in one list, at most.
inline constexpr std::size_t kMaxAllowedNetworks = 256;

/// What is wrong with `text` as a block in CIDR notation (RFC 4632, RFC 4291 section 2.3) or an address: host
/// bits that are set, a prefix that is too long, a name. Nothing for a good one.
[[nodiscard]] std::optional<std::string> network_problem(std::string_view text);

/// Immutable; thread-safe.
class AllowedNetworks {
public:
    /// None at all allow every address. Throws Error for a text that network_problem() objects to.
    explicit AllowedNetworks(std::span<const std::string> blocks);

    [[nodiscard]] bool allows(const boost::asio::ip::address& address) const;

private:
    std::vector<access::IpRange> ranges_;
};

}  // namespace coffer::server
