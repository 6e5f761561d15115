#pragma once
// The token's keys in the running daemon: what keeps token and register together, what wraps data keys anew,
// and the operations.

#include <prometheus/metric_family.h>

#include <memory>
#include <vector>

#include "daemon/keys/key_keeper.hpp"
#include "daemon/keys/reseal_worker.hpp"
#include "daemon/keys/rewrap_worker.hpp"
#include "daemon/keys/service.hpp"
#include "daemon/server/config.hpp"
#include "daemon/server/log.hpp"

namespace coffer::daemon {

class KeyParts {
public:
    /// Starts working. What `parts` refers to must outlive it; its `changed` is set here.
    KeyParts(const server::Config& config, keys::KeyServiceParts parts, secrets::MasterKeys& master_keys,
             const secrets::LeaveEvent& leave_event,
             std::function<std::optional<storage::AuditSigner>()> journal_signer,
             std::function<void()> derive_keys, std::shared_ptr<server::Log> log);

    [[nodiscard]] keys::KeyService& service() noexcept { return service_; }
    [[nodiscard]] std::vector<prometheus::MetricFamily> metrics() const;

    /// Ends what it does by itself, before the front doors close.
    void stop();
    /// To be called when nobody asks for anything any more, while database and token are still there.
    void close();

private:
    const std::shared_ptr<server::Log> log_;
    keys::RewrapWorker rewrap_;
    keys::ResealWorker reseal_;
    keys::KeyKeeper keeper_;
    keys::KeyService service_;
};

}  // namespace coffer::daemon
