#include "daemon/bootstrap_command.hpp"

#include <fmt/format.h>

#include <chrono>

#include "daemon/audit_parts.hpp"
#include "daemon/backend_configs.hpp"
#include "daemon/iam/bootstrap.hpp"
#include "daemon/iam/identities.hpp"
#include "daemon/secrets/token_seal_keeper.hpp"
#include "storage/master_key_repository.hpp"

namespace coffer::daemon {

namespace {

constexpr std::chrono::seconds kPatience{30};

/// That this is the token whose seals the database has.
void require_same_token(storage::Database& database, Deadline deadline) {
    try {
        static_cast<void>(wait_for<Done>([&](Completion<Done> done) {
            database.read<Done>(
                {Priority::read, deadline},
                [](storage::ReadTransaction& tx) {
                    static_cast<void>(storage::MasterKeyRepository::all(tx));
                    return Done{};
                },
                std::move(done));
        }));
    } catch (const IntegrityError& error) {
        throw Error(std::string("the seals in the database are not those of this token: ") + error.what());
    }
}

}  // namespace

void bootstrap(const server::Config& config, const BootstrapOptions& options) {
    auto identity = iam::parse_identity(options.identity);
    if (!options.issuer.empty()) identity.issuer = options.issuer;
    if (const auto objection = iam::objection_to(identity)) throw Error("--issuer: " + *objection);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    const auto hsm = crypto::Hsm::open(hsm_config(config.hsm), nullptr);
    const auto database =
        storage::Database::open(database_config(config.database, config.audit.enabled),
                                std::make_shared<secrets::TokenSealKeeper>(hsm->seals()), nullptr);
    require_same_token(*database, deadline);
    const SystemClock clock;
    secrets::LeaveEvent leave_event;
    if (config.audit.enabled) {
        leave_event = secrets::leave_event(outbox_rows(config, *hsm, deadline), event_maker(config, clock));
    }
    const auto arn = iam::bootstrap(*database, config.node.account, options.name, identity, options.recover,
                                    clock.now(), leave_event, deadline);
    fmt::print("{} is made: {}, with the policy AdministratorAccess\n", arn, iam::describe(identity));
    database->close();
    hsm->close();
}

}  // namespace coffer::daemon
