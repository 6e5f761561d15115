#pragma once
// Who is calling, as a front door established it before any operation runs.

#include <string>

#include "daemon/access/rights.hpp"

namespace coffer::access {

struct Caller {
    /// The principal's name, e.g. "spiffe://bank.example/app/payments" or "app-a".
    std::string principal;
    /// Name of the listener that the request came through.
    std::string listener;
    /// The peer's address without port, as text.
    std::string source_address;
    /// What it may do; never null when an operation runs.
    RightsPtr rights{};
    /// The policy of the listener; null for none.
    PolicyPtr listener_policy{};
};

}  // namespace coffer::access
