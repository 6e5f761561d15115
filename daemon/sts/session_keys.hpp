#pragma once
// The keys that session tokens are made with: derived in the token from the seal key, others for each UTC
// day, so that whoever reads a daemon's memory once can make no sessions a few days later.

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "crypto/secret_bytes.hpp"
#include "daemon/base/time.hpp"

namespace coffer::sts {

/// Of one day; 32 bytes each.
struct DayKeys {
    crypto::SecretBytes token;   ///< that tokens' keys are derived from
    crypto::SecretBytes secret;  ///< that secret access keys are derived from
};

/// Thread-safe.
class SessionKeys {
public:
    /// A key for that purpose, the same on every node. May block, and throw Error.
    using Derive = std::function<crypto::SecretBytes(const std::string& purpose)>;

    /// No session is longer (GetSessionToken's most), so the keys of two days ago are the oldest that are
    /// needed.
    static constexpr std::chrono::hours kLongestSession{36};
    static constexpr int kDaysBack = 2;
    /// Tomorrow's are there before midnight, also for nodes whose clock is ahead.
    static constexpr int kDaysAhead = 1;

    /// Derives the keys that are needed now, and starts a thread for those that will be. `clock` must outlive
    /// it.
    SessionKeys(Derive derive, const Clock& clock);
    ~SessionKeys();
    SessionKeys(const SessionKeys&) = delete;
    SessionKeys& operator=(const SessionKeys&) = delete;

    /// The keys of the UTC day with that number since 1970-01-01; null for a day that is too far away, or
    /// while the token does not derive them.
    [[nodiscard]] std::shared_ptr<const DayKeys> of(std::int64_t day) const;

    /// Derives what is missing and forgets what is not needed any more. Done every minute. Throws what
    /// `derive` throws.
    void refresh();

    /// Stops the thread. Also done by the destructor.
    void close();

private:
    void run();

    const Derive derive_;
    const Clock& clock_;
    mutable std::mutex mutex_;
    std::map<std::int64_t, std::shared_ptr<const DayKeys>> days_;

    std::mutex stop_mutex_;
    std::condition_variable stopped_;
    bool stopping_ = false;
    std::thread thread_;
};

/// The number of the UTC day since 1970-01-01.
[[nodiscard]] std::int64_t day_number(Timestamp time) noexcept;

}  // namespace coffer::sts
