#pragma once
// One wrapping anew on this node: everything under older generations of one master key, until a pass over all
// of it finds nothing more.

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "crypto/hsm.hpp"
#include "daemon/iam/directory_keeper.hpp"
#include "daemon/keys/rate_limiter.hpp"
#include "daemon/secrets/service_action.hpp"
#include "storage/database.hpp"
#include "storage/rewrap_repository.hpp"

namespace coffer::keys {

struct RewrapOptions {
    std::string node;
    /// Data keys of one database statement, 1 to 4096.
    std::size_t batch = 256;
    /// Threads that each are at a part: one waits for the database while another waits for the token.
    std::size_t lanes = 3;
    std::chrono::milliseconds lease{30'000};
    /// After a failure of a backend, until the next try.
    std::chrono::milliseconds pause{1'000};
};

/// What this node did; for metrics. Thread-safe.
struct RewrapCounters {
    std::atomic<std::uint64_t> done{0};
    std::atomic<std::uint64_t> failed{0};
    std::atomic<bool> running{false};
    std::atomic<bool> paused{false};
};

struct RewrapParts {
    crypto::Hsm& hsm;
    storage::Database& database;
    iam::DirectoryKeeper& principals;
    const Clock& clock;
    secrets::LeaveEvent leave_event;
};

enum class RewrapEnd : std::uint8_t {
    done,      ///< nothing is under older generations
    failures,  ///< only what does not open
    stopped,
};

class RewrapRun {
public:
    /// All must outlive it. `paused` is told why, once for each pause.
    RewrapRun(const RewrapParts& parts, const RewrapOptions& options, RewrapCounters& counters,
              RateLimiter& limiter, std::function<void(const std::string& reason)> paused);

    /// Works until the end, together with other nodes that do the same. The token holds `to`.
    [[nodiscard]] RewrapEnd run(crypto::MasterKeyRef to, const std::stop_token& stop);

private:
    void lane(const std::stop_token& stop);
    [[nodiscard]] std::optional<storage::RewrapSlice> claim();
    /// False when it was stopped.
    bool work_through(storage::RewrapSlice slice, const std::stop_token& stop);
    /// What is in the next `blocks` of the part, or nothing when that is too much for a batch; `blocks` is
    /// then what to try.
    void batch(storage::RewrapSlice& slice, std::int64_t& blocks, const std::stop_token& stop);
    void rewrap_access_keys();
    /// Nothing while others are at parts.
    [[nodiscard]] std::optional<RewrapEnd> look_whether_done();
    /// Waits after a failure, or until it is stopped.
    void pause(const std::string& reason, const std::stop_token& stop);
    void wait(std::chrono::milliseconds time, const std::stop_token& stop);
    [[nodiscard]] JobOptions patient() const;
    template <class T>
    [[nodiscard]] T read(UniqueFunction<T(storage::ReadTransaction&)> job) const;
    template <class T>
    [[nodiscard]] T write(UniqueFunction<T(storage::WriteTransaction&)> job) const;

    const RewrapParts& parts_;
    const RewrapOptions& options_;
    RewrapCounters& counters_;
    RateLimiter& limiter_;
    const std::function<void(const std::string&)> paused_;
    crypto::MasterKeyRef to_;
    std::mutex mutex_;
    std::condition_variable_any stopped_;
};

}  // namespace coffer::keys
