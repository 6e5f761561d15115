#pragma once
// The keys that session tokens are made with: derived in the token from the seal key, others for each UTC
// day, so that whoever reads a daemon's memory once can make no sessions a few days later; and others for
// each generation of the seal key, so that sessions live on while the older one is there.

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "crypto/secret_bytes.hpp"
#include "daemon/base/time.hpp"

namespace coffer::sts {

/// Of one day; 32 bytes each.
struct DayKeys {
    crypto::SecretBytes token;   ///< that tokens' keys are derived from
    crypto::SecretBytes secret;  ///< that secret access keys are derived from
};

/// The generations of the seal key that the token holds, and which of them seals.
struct SealGenerations {
    std::vector<std::uint32_t> held{1};
    std::uint32_t sealing = 1;
};

/// Thread-safe.
class SessionKeys {
public:
    /// A key for that purpose, derived from that generation of the seal key, the same on every node. May
    /// block, and throw Error.
    using Derive = std::function<crypto::SecretBytes(const std::string& purpose, std::uint32_t generation)>;

    /// No session is longer (GetSessionToken's most), so the keys of two days ago are the oldest that are
    /// needed.
    static constexpr std::chrono::hours kLongestSession{36};
    static constexpr int kDaysBack = 2;
    /// Tomorrow's are there before midnight, also for nodes whose clock is ahead.
    static constexpr int kDaysAhead = 1;

    /// Derives the keys that are needed now, and starts a thread for those that will be. `clock` must outlive
    /// it.
    SessionKeys(
        Derive derive, const Clock& clock,
        std::function<SealGenerations()> generations = [] { return SealGenerations{}; });
    ~SessionKeys();
    SessionKeys(const SessionKeys&) = delete;
    SessionKeys& operator=(const SessionKeys&) = delete;

    /// The keys that sessions of the UTC day with that number since 1970-01-01 are made with: those of the
    /// generation that seals. Null for a day that is too far away, or while the token does not derive them.
    [[nodiscard]] std::shared_ptr<const DayKeys> of(std::int64_t day) const;
    /// Those that sessions of that day may have been made with, newest generation first.
    [[nodiscard]] std::vector<std::shared_ptr<const DayKeys>> all_of(std::int64_t day) const;

    /// Derives what is missing and forgets what is not needed any more. Done every minute, and when the
    /// generations changed. Throws what `derive` throws.
    void refresh();

    /// Stops the thread. Also done by the destructor.
    void close();

private:
    void run();

    const Derive derive_;
    const Clock& clock_;
    const std::function<SealGenerations()> generations_;
    mutable std::mutex mutex_;
    struct Which {
        std::int64_t day = 0;
        std::uint32_t generation = 0;
        [[nodiscard]] auto operator<=>(const Which&) const = default;
    };
    std::map<Which, std::shared_ptr<const DayKeys>> keys_;

    std::mutex stop_mutex_;
    std::condition_variable stopped_;
    bool stopping_ = false;
    std::thread thread_;
};

/// The number of the UTC day since 1970-01-01.
[[nodiscard]] std::int64_t day_number(Timestamp time) noexcept;

}  // namespace coffer::sts
