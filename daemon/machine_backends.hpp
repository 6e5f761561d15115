#pragma once
// Token and database for a command that is run on the machine itself, beside the daemon or in its place.

#include <memory>

#include "crypto/hsm.hpp"
#include "daemon/base/time.hpp"
#include "daemon/secrets/service_action.hpp"
#include "daemon/server/config.hpp"
#include "storage/database.hpp"

namespace coffer::daemon {

/// Open from its making to its end. Used by one thread.
class MachineBackends {
public:
    /// Throws Error that says what to do, also when the database has another token's seals.
    explicit MachineBackends(const server::Config& config);
    ~MachineBackends();
    MachineBackends(const MachineBackends&) = delete;
    MachineBackends& operator=(const MachineBackends&) = delete;

    [[nodiscard]] storage::Database& database() noexcept { return *database_; }
    [[nodiscard]] const Clock& clock() const noexcept { return clock_; }
    /// What stores the event of a change along with it; empty where the configuration turns events off.
    [[nodiscard]] const secrets::LeaveEvent& leave_event() const noexcept { return leave_event_; }
    /// By when the whole command is to be done.
    [[nodiscard]] Deadline deadline() const noexcept { return deadline_; }

private:
    const SystemClock clock_{};
    const Deadline deadline_;
    std::unique_ptr<crypto::Hsm> hsm_;
    std::unique_ptr<storage::Database> database_;
    secrets::LeaveEvent leave_event_;
};

}  // namespace coffer::daemon
