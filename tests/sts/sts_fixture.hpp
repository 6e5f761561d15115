#pragma once
// Session keys without a token, and a time that stands still.

#include <string>

#include "daemon/sts/session_tokens.hpp"

namespace coffer::sts {

class StillClock final : public Clock {
public:
    explicit StillClock(Timestamp now) : now_(now) {}
    [[nodiscard]] Timestamp now() const override { return now_; }
    void set(Timestamp now) { now_ = now; }

private:
    Timestamp now_;
};

/// 2026-09-21T14:13:20Z, day 20717.
inline const Timestamp kNow = Timestamp::from_millis(1'790'000'000'000);

/// In place of what the token derives: different for each purpose, seal key and generation.
[[nodiscard]] inline SessionKeys::Derive derive_with(char seal_key) {
    return [seal_key](const std::string& purpose, std::uint32_t generation) {
        std::string key(32, seal_key);
        std::copy(purpose.rbegin(), purpose.rend(), key.begin());
        key.back() = static_cast<char>(key.back() + static_cast<char>(generation) - 1);
        return crypto::SecretBytes::copy_of(std::string_view(key));
    };
}

}  // namespace coffer::sts
