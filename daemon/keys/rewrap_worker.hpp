#pragma once
// The thread that wraps anew whatever is under older generations than the newest of its master key.

#include <map>
#include <mutex>
#include <stop_token>

#include "daemon/base/round_thread.hpp"
#include "daemon/keys/rewrap_run.hpp"
#include "storage/master_key_repository.hpp"

namespace coffer::keys {

struct RewrapEvents {
    std::function<void(const std::string& key, std::uint32_t generation)> begun;
    std::function<void(const std::string& key, std::uint32_t generation, RewrapEnd end)> ended;
    std::function<void(const std::string& reason)> paused;
};

/// On any number of nodes at once. Works by itself until it is destroyed; where a run ends with data keys
/// that do not open, it tries those again after `kFailuresInterval`, or when the key is rotated again.
class RewrapWorker {
public:
    static constexpr std::chrono::minutes kFailuresInterval{10};
    static constexpr std::chrono::seconds kLookInterval{10};

    /// What `parts` refers to must outlive it.
    RewrapWorker(RewrapParts parts, RewrapOptions options, std::uint32_t per_second, RewrapEvents events);
    RewrapWorker(const RewrapWorker&) = delete;
    RewrapWorker& operator=(const RewrapWorker&) = delete;

    /// Looks at once whether there is something to do.
    void wake() noexcept { thread_.wake(); }
    /// One look on the calling thread, for tests. True when everything is under the newest generations.
    bool run_once(const std::stop_token& stop = {});
    [[nodiscard]] const RewrapCounters& counters() const noexcept { return counters_; }
    /// Ends after the batch at hand.
    void stop() { thread_.stop(); }

private:
    std::chrono::milliseconds round(const std::stop_token& stop);
    [[nodiscard]] bool may_try(const crypto::MasterKeyRef& to) const;

    const RewrapParts parts_;
    const RewrapOptions options_;
    const RewrapEvents events_;
    RateLimiter limiter_;
    RewrapCounters counters_;
    std::mutex round_mutex_;  ///< one look at a time
    std::map<crypto::MasterKeyRef, std::chrono::steady_clock::time_point> failed_at_;
    RoundThread thread_;  // last: it uses the others
};

}  // namespace coffer::keys
