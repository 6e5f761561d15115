#pragma once
// The thread that seals every row anew that is sealed under an older generation than the one in use.

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>

#include "crypto/hsm.hpp"
#include "daemon/base/round_thread.hpp"
#include "daemon/iam/directory_keeper.hpp"
#include "daemon/keys/rate_limiter.hpp"
#include "daemon/secrets/service_action.hpp"
#include "storage/database.hpp"
#include "storage/seal_key_repository.hpp"

namespace coffer::keys {

struct ResealParts {
    crypto::Hsm& hsm;
    storage::Database& database;
    iam::DirectoryKeeper& principals;
    const Clock& clock;
    secrets::LeaveEvent leave_event;
    std::string node;
};

struct ResealEvents {
    std::function<void(std::uint32_t generation)> begun;
    /// With how many rows that stay, since their seals are broken.
    std::function<void(std::uint32_t generation, std::int64_t failed)> ended;
    std::function<void(const std::string& reason)> paused;
};

struct ResealCounters {
    std::atomic<bool> running{false};
    std::atomic<bool> paused{false};
    std::atomic<std::uint64_t> done{0};
    std::atomic<std::uint64_t> failed{0};
};

/// One node at a time works, by a lease that another takes over when it ends. A batch is a transaction: each
/// row is locked, its seal checked under the generation that it names, and written with its next revision,
/// which seals it under the one in use; one event has all of their seals. A row whose seal is broken is left,
/// and named. Principals that were put back to an earlier time are not sealed anew: that stops the pass until
/// they are put right. Works by itself until it is destroyed; rows that are left are tried again after
/// kFailuresInterval.
class ResealWorker {
public:
    static constexpr std::chrono::minutes kFailuresInterval{10};
    static constexpr std::chrono::seconds kLookInterval{10};
    static constexpr std::chrono::milliseconds kLease{30'000};
    /// Secrets in a batch. An event shows the seals of at most 100 rows.
    static constexpr std::size_t kBatch = 20;
    /// Users, groups, roles and policies in a batch, besides their manifest.
    static constexpr std::size_t kPrincipals = 80;

    /// What `parts` refers to must outlive it. At most `per_second` rows a second; 0: no limit.
    ResealWorker(ResealParts parts, std::uint32_t per_second, ResealEvents events);
    ResealWorker(const ResealWorker&) = delete;
    ResealWorker& operator=(const ResealWorker&) = delete;

    /// Looks at once whether there is something to do.
    void wake() noexcept { thread_.wake(); }
    /// One look on the calling thread, for tests. True when nothing is left to be sealed anew.
    bool run_once(const std::stop_token& stop = {});
    [[nodiscard]] const ResealCounters& counters() const noexcept { return counters_; }
    /// Ends after the batch at hand.
    void stop() { thread_.stop(); }

private:
    /// What a batch did.
    struct Batch {
        std::int64_t done = 0;
        std::vector<storage::ResealFailure> failures{};
        bool at_end = false;
        iam::DirectoryPtr directory{};  ///< put in force once it is committed
    };

    std::chrono::milliseconds round(const std::stop_token& stop);
    [[nodiscard]] bool is_too_early(const storage::ResealProgress& progress) const;
    /// Goes through everything once. False when it was stopped.
    bool pass(std::uint32_t generation, const std::stop_token& stop);
    [[nodiscard]] Batch reseal_secrets(storage::WriteTransaction& tx, std::uint32_t generation) const;
    [[nodiscard]] Batch reseal_principals(storage::WriteTransaction& tx, std::uint32_t generation) const;
    [[nodiscard]] Batch reseal_key_set(storage::WriteTransaction& tx, std::uint32_t generation) const;
    /// Until the end of what `batch` goes through.
    bool through(std::uint32_t generation, const std::stop_token& stop,
                 Batch (ResealWorker::*batch)(storage::WriteTransaction&, std::uint32_t) const);
    void advance(storage::WriteTransaction& tx, std::uint32_t generation, const std::optional<Uuid>& position,
                 std::int64_t done) const;
    void leave_event(storage::WriteTransaction& tx, std::uint32_t generation, std::int64_t rows) const;
    template <class Job>
    auto write(Job job) const;

    const ResealParts parts_;
    const ResealEvents events_;
    RateLimiter limiter_;
    ResealCounters counters_;
    std::mutex round_mutex_;  ///< one look at a time
    RoundThread thread_;      // last: it uses the others
};

}  // namespace coffer::keys
