#pragma once
// A connection string with several hosts, as one for each. libpq goes to the next host by itself when one
// refuses; one that is silent it leaves only in its blocking mode (connect_timeout), which nothing here uses.

#include <cstddef>
#include <string>
#include <vector>

#include "storage/conninfo.hpp"

namespace coffer::storage {

/// What to try, in its order. Each has one host at most, or what libpq is to refuse.
struct ConnectionTarget {
    std::size_t host = 0;  ///< its place in the list
    std::vector<ConninfoValue> parameters;
};

/// The targets of `parameters`, beginning with the host at `first`. Of target_session_attrs=prefer-standby
/// each host comes twice: as a standby, and then as whatever it is. Without a list of hosts, or with lists
/// that do not match, one target: libpq reads it.
[[nodiscard]] std::vector<ConnectionTarget> connection_targets(const std::vector<ConninfoValue>& parameters,
                                                               std::size_t first);

/// Which host of a connection string was connected to last in this process; 0 before. Thread-safe.
[[nodiscard]] std::size_t last_good_host(const std::string& conninfo);
void remember_good_host(const std::string& conninfo, std::size_t host);

}  // namespace coffer::storage
