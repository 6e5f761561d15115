#include "daemon/listener_policy_command.hpp"

#include <fmt/format.h>

#include "daemon/backend_configs.hpp"
#include "daemon/iam/remove_listener_policy.hpp"
#include "daemon/machine_backends.hpp"

namespace coffer::daemon {

void remove_listener_policy(const server::Config& config, const std::string& listener) {
    const auto seen_file = seen_manifest_file(config.audit);
    const auto seen = seen_file ? seen_file->load() : std::nullopt;
    MachineBackends backends(config);
    iam::remove_listener_policy(backends.database(), listener, seen, backends.leave_event(),
                                backends.deadline());
    fmt::print(
        "No policy is stored for listener {} any more; that of the configuration's file stays in force.\n",
        listener);
}

}  // namespace coffer::daemon
