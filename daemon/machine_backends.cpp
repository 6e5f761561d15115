#include "daemon/machine_backends.hpp"

#include <chrono>

#include "daemon/audit_parts.hpp"
#include "daemon/backend_configs.hpp"
#include "daemon/keys/seal_generations.hpp"
#include "daemon/missing_keys.hpp"
#include "daemon/secrets/token_seal_keeper.hpp"
#include "storage/master_key_repository.hpp"

namespace coffer::daemon {

namespace {

constexpr std::chrono::seconds kStartPatience{30};

std::unique_ptr<crypto::Hsm> open_hsm(const server::Config& config) {
    try {
        return crypto::Hsm::open(hsm_config(config.hsm, config.audit.enabled), nullptr);
    } catch (const crypto::KeysMissing& error) {
        throw Error(explain(error, config.database));
    }
}

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

MachineBackends::MachineBackends(const server::Config& config)
    : deadline_(std::chrono::steady_clock::now() + kStartPatience),
      hsm_(open_hsm(config)),
      database_(storage::Database::open(database_config(config.database, config.audit.enabled),
                                        std::make_shared<secrets::TokenSealKeeper>(hsm_->seals()), nullptr)) {
    require_same_token(*database_, deadline_);
    keys::seal_under_active(*hsm_, *database_, deadline_);
    if (config.audit.enabled) {
        leave_event_ = secrets::leave_event(
            std::make_shared<const secrets::OutboxRows>(outbox_keys(*hsm_, deadline_), config.node.name),
            event_maker(config, clock_));
    }
}

MachineBackends::~MachineBackends() {
    database_->close();
    hsm_->close();
}

}  // namespace coffer::daemon
