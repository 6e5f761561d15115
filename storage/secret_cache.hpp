#pragma once
// Reads without the database: checked secrets and payloads, kept coherent by LISTEN/NOTIFY and by the
// node's own commits. It is triggers on the tables (secrets, versions, payloads, labels) that notify, not the
// daemon's statements, so a row altered by hand in psql is loaded, and its seal checked, at the next read.
// Bounded in bytes. One load for a missing entry, however many ask.

#include <chrono>
#include <memory>
#include <string>

#include "storage/database.hpp"
#include "storage/records.hpp"

namespace coffer::storage {

struct CacheConfig {
    std::size_t max_bytes = std::size_t{32} * 1024 * 1024;
    /// How long entries may be served while the database cannot be reached. 0 turns it off.
    std::chrono::milliseconds serve_stale_for{30'000};
    /// The version whose value is loaded along with a secret that is to be read.
    StagingLabel value_of{"AWSCURRENT"};
};

struct CacheStatistics {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t invalidations = 0;
    std::uint64_t stale_served = 0;
    std::size_t bytes = 0;
    std::size_t entries = 0;
    bool listening = false;
};

/// Thread-safe. While the LISTEN connection is down every read goes to the database; while the database
/// cannot be reached either, entries checked before are served for `serve_stale_for`. A change through
/// another node is seen within a second.
class SecretCache {
public:
    SecretCache(Database& database, CacheConfig config);
    ~SecretCache();
    SecretCache(const SecretCache&) = delete;
    SecretCache& operator=(const SecretCache&) = delete;

    using SecretPtr = std::shared_ptr<const StoredSecret>;
    using PayloadPtr = std::shared_ptr<const StoredPayload>;

    /// The entry if it may be used right now, without waiting; null otherwise. The hot path.
    [[nodiscard]] SecretPtr peek(const std::string& name);
    [[nodiscard]] PayloadPtr peek_payload(const StoredSecret& secret, const VersionId& version);

    /// What the caller of find() is after.
    enum class Wanted : std::uint8_t {
        secret,
        /// The value of the version that most readers want as well: it is loaded along, so that payload() has
        /// it.
        value,
    };
    /// The secret; null when there is none. Absence is not cached.
    void find(const std::string& name, JobOptions options, Completion<SecretPtr> completion,
              Wanted wanted = Wanted::secret);

    /// The payload of a version of `secret`; null when it has none. A payload belongs to the revision of the
    /// secret it was loaded with.
    void payload(const SecretPtr& secret, const VersionId& version, JobOptions options,
                 Completion<PayloadPtr> completion);

    /// Drops what it has of the secret: a payload of it turned out to be of no use any more.
    void forget(const std::string& name);

    [[nodiscard]] CacheStatistics statistics() const;

    /// Stops listening. Also done by the destructor.
    void close();

private:
    class Impl;
    std::shared_ptr<Impl> impl_;  ///< shared with loads under way
};

}  // namespace coffer::storage
