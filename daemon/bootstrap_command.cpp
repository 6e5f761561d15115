#include "daemon/bootstrap_command.hpp"

#include <fmt/format.h>

#include "daemon/backend_configs.hpp"
#include "daemon/iam/bootstrap.hpp"
#include "daemon/iam/identities.hpp"
#include "daemon/machine_backends.hpp"

namespace coffer::daemon {

void bootstrap(const server::Config& config, const BootstrapOptions& options) {
    auto identity = iam::parse_identity(options.identity);
    if (!options.issuer.empty()) identity.issuer = options.issuer;
    if (const auto objection = iam::objection_to(identity)) throw Error("--issuer: " + *objection);
    const auto seen_file = seen_manifest_file(config.audit);
    const auto seen = seen_file ? seen_file->load() : std::nullopt;
    MachineBackends backends(config);
    const auto arn =
        iam::bootstrap(backends.database(), config.node.account, options.name, identity, options.recover,
                       backends.clock().now(), seen, backends.leave_event(), backends.deadline());
    fmt::print("{} is made: {}, with the policy AdministratorAccess\n", arn, iam::describe(identity));
}

}  // namespace coffer::daemon
