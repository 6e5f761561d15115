#pragma once
// Usage in the running daemon: counting requests and secrets, and the operations that report both.

#include <functional>
#include <memory>
#include <string>

#include "daemon/base/time.hpp"
#include "daemon/server/config.hpp"
#include "daemon/server/log.hpp"
#include "daemon/usage/service.hpp"
#include "daemon/usage/snapshot_worker.hpp"
#include "daemon/usage/usage_observer.hpp"
#include "storage/database.hpp"
#include "storage/usage_recorder.hpp"

namespace coffer::daemon {

class UsageParts {
public:
    /// Starts counting. `database` and `clock` must outlive it.
    UsageParts(const server::Config& config, storage::Database& database, const Clock& clock,
               std::shared_ptr<server::Log> log);

    /// An observer that counts requests and tells `next`. Must not outlive these parts.
    [[nodiscard]] std::shared_ptr<secrets::RequestObserver> counted(
        std::shared_ptr<secrets::RequestObserver> next);
    /// Counts a rotation: the ARNs of the secret and of what rotated it. Must not outlive these parts.
    [[nodiscard]] std::function<void(const std::string& secret, const std::string& function)>
    rotation_counter();
    [[nodiscard]] usage::UsageService& service() noexcept { return service_; }

    /// To be called when nobody asks for anything any more, while the database is still there.
    void close();

private:
    const Clock& clock_;
    usage::UsageService service_;
    storage::UsageRecorder recorder_;
    usage::SnapshotWorker snapshots_;
};

}  // namespace coffer::daemon
