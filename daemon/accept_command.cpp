#include "daemon/accept_command.hpp"

#include <fmt/format.h>

#include "daemon/backend_configs.hpp"
#include "daemon/iam/accept.hpp"
#include "daemon/machine_backends.hpp"

namespace coffer::daemon {

namespace {

/// What this node has seen, as far as it can be told.
struct Known {
    std::optional<iam::SeenManifest> seen;
    /// Why it cannot.
    std::string damage;
};

Known known_of(const iam::SeenManifestFile& file) {
    try {
        return {file.load(), {}};
    } catch (const iam::SeenManifestDamaged& error) {
        return {std::nullopt, error.what()};
    }
}

void describe(const server::Config& config, const Known& known, const iam::StoredState& state) {
    fmt::print("The database has revision {}: {} users, groups, roles and policies", state.revision,
               state.believed);
    if (state.faults > 0) fmt::print(", and {} that are not believed", state.faults);
    fmt::print(".\n");
    if (!known.damage.empty()) {
        fmt::print("This node cannot tell what it has seen: {}.\n", known.damage);
    } else if (known.seen) {
        fmt::print("This node has seen revision {}.\n", known.seen->revision);
    } else {
        fmt::print("This node has seen none yet.\n");
    }
    if (!state.older && known.damage.empty()) {
        fmt::print("There is nothing to accept.\n");
        return;
    }
    fmt::print(
        "What was changed since is lost when you accept this, denials and removals included. To accept it:\n"
        "  cofferd accept-principals --config {} --revision {}\n",
        config.file.string(), state.revision);
}

}  // namespace

void accept_principals(const server::Config& config, std::optional<std::int64_t> revision) {
    const auto file = seen_manifest_file(config.audit);
    if (!file) {
        throw Error(
            "this node keeps no record of what it has seen, so it refuses nothing for its age: there is "
            "nothing to accept ([audit] 'state_directory' is not set)");
    }
    const auto known = known_of(*file);
    MachineBackends backends(config);
    const auto state = iam::stored_state(backends.database(), known.seen, backends.deadline());
    if (!revision) return describe(config, known, state);
    if (!state.older && known.damage.empty()) {
        throw Error(
            fmt::format("revision {} in the database is not older than what this node has seen: there is "
                        "nothing to accept",
                        state.revision));
    }
    const auto accepted = iam::accept_stored(backends.database(), known.seen, *revision,
                                             backends.leave_event(), backends.deadline());
    // A daemon that runs replaces a file that it can read.
    if (!known.damage.empty()) file->save(accepted);
    fmt::print(
        "Revision {} is accepted, as revision {}; nodes take it at once. A node that has seen more refuses "
        "it: "
        "run this there as well.\n",
        *revision, accepted.revision);
}

}  // namespace coffer::daemon
