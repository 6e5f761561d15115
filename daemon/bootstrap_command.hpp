#pragma once
// cofferd bootstrap: the first administrator, from the machine itself.

#include <string>

#include "daemon/server/config.hpp"

namespace coffer::daemon {

struct BootstrapOptions {
    std::string identity;
    std::string issuer;
    std::string name = "admin";
    /// There are principals, and none of them can administer any more.
    bool recover = false;
};

/// Opens the token and the database, makes the user, prints what it made. Throws Error that says what to do.
void bootstrap(const server::Config& config, const BootstrapOptions& options);

}  // namespace coffer::daemon
