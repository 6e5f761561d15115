#pragma once
// One part of the secret cache under one lock: entries in the order of their use, and the loads under way.
// Internal to storage/.

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/base/job_queue.hpp"
#include "daemon/base/outcome.hpp"
#include "storage/records.hpp"

namespace coffer::storage {

/// A load under way and those who wait for it.
template <class Record>
struct Flight {
    using Ptr = std::shared_ptr<const Record>;
    struct Waiter {
        Completion<Ptr> completion;
        JobOptions options;
    };
    std::vector<Waiter> waiters;
    /// Of the job that loads; who would wait less long loads for himself.
    Deadline deadline;
    /// The state of the secret that a payload is loaded for.
    SecretId secret;
    std::int64_t revision = 0;
    /// Something changed since the load began: its result is not kept, and nobody joins any more.
    bool outdated = false;
};

using SecretFlight = Flight<StoredSecret>;
using PayloadFlight = Flight<StoredPayload>;

/// A cached secret with those of its payloads that were read.
struct CacheEntry {
    std::string name;
    std::shared_ptr<const StoredSecret> secret;
    std::vector<std::pair<VersionId, std::shared_ptr<const StoredPayload>>> payloads;
    std::size_t bytes = 0;
    std::chrono::steady_clock::time_point loaded;
};

/// Not thread-safe: callers hold `mutex`.
class CacheShard {
public:
    explicit CacheShard(std::size_t max_bytes) : max_bytes_(max_bytes) {}

    std::mutex mutex;

    /// The entry, now the most recently used; null when there is none.
    [[nodiscard]] CacheEntry* find(const std::string& name);
    /// The entry's payload if it is of this very state of the secret; null otherwise.
    [[nodiscard]] std::shared_ptr<const StoredPayload> find_payload(const StoredSecret& secret,
                                                                    const VersionId& version);

    /// Keeps the secret; payloads of the same revision stay with it.
    void store(std::shared_ptr<const StoredSecret> secret);
    /// Keeps the payload if the secret of this very state is there.
    void store_payload(const StoredSecret& secret, const VersionId& version,
                       std::shared_ptr<const StoredPayload> payload);

    /// Forgets the entry and makes the loads of it under way outdated.
    void invalidate(const std::string& name);
    void invalidate_all();
    /// How often something was invalidated: a load that nobody can join, and which therefore is in no list,
    /// is outdated when this has moved.
    [[nodiscard]] std::uint64_t invalidations() const noexcept { return invalidations_; }

    /// Flights that may be joined, by secret and by secret and version.
    struct Flights {
        std::shared_ptr<SecretFlight> secret;
        std::map<VersionId, std::shared_ptr<PayloadFlight>> payloads;
        [[nodiscard]] bool empty() const noexcept { return !secret && payloads.empty(); }
    };
    std::unordered_map<std::string, Flights> flights;
    /// Takes a flight that has landed out of the lists.
    void land(const std::string& name, const SecretFlight& flight);
    void land(const std::string& name, const VersionId& version, const PayloadFlight& flight);

    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::size_t entries() const noexcept { return by_name_.size(); }

private:
    using Entries = std::list<CacheEntry>;
    void erase(Entries::iterator entry);
    void evict();

    const std::size_t max_bytes_;
    std::size_t bytes_ = 0;
    std::uint64_t invalidations_ = 0;
    Entries entries_;                                                  ///< most recently used first
    std::unordered_map<std::string_view, Entries::iterator> by_name_;  ///< keys are the entries' names
};

}  // namespace coffer::storage
