#pragma once
// Destroys secrets whose recovery window is over.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "crypto/hsm.hpp"
#include "daemon/base/time.hpp"
#include "daemon/secrets/audit_trail.hpp"
#include "storage/database.hpp"

namespace coffer::secrets {

/// A thread that looks for due secrets every `interval`. On any number of nodes at once: each secret is
/// locked and looked at again before it is purged, and one whose seal is broken is never purged.
class PurgeWorker {
public:
    struct Events {
        std::function<void(const std::string& name)> purged;
        /// A secret, or the search for due ones, failed; tried again at the next round.
        std::function<void(const std::string& what, const std::string& reason)> failed;
    };

    /// `trail` may be null: then no events are written.
    PurgeWorker(storage::Database& database, crypto::Hsm& hsm, const Clock& clock, AuditTrail* trail,
                std::chrono::milliseconds interval, Events events);
    ~PurgeWorker();
    PurgeWorker(const PurgeWorker&) = delete;
    PurgeWorker& operator=(const PurgeWorker&) = delete;

    /// One round, on the calling thread; for tests and the worker itself. Ends early when `stop` is asked
    /// for. Returns how many were purged.
    std::size_t run_once(const std::stop_token& stop = {});

    /// Ends after the secret at hand.
    void stop();

private:
    bool purge(const std::string& name, Timestamp now);
    void run(const std::stop_token& stop);

    storage::Database& database_;
    crypto::Hsm& hsm_;
    const Clock& clock_;
    AuditTrail* const trail_;
    const std::chrono::milliseconds interval_;
    const Events events_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::jthread thread_;  // last: it uses the others
};

}  // namespace coffer::secrets
