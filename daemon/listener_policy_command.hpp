#pragma once
// cofferd remove-listener-policy: opens a listener that its stored policy closes, from the machine itself.

#include <string>

#include "daemon/server/config.hpp"

namespace coffer::daemon {

/// Opens the token and the database, removes the policy, says so. Throws Error that says what to do.
void remove_listener_policy(const server::Config& config, const std::string& listener);

}  // namespace coffer::daemon
