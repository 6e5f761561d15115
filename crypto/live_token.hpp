#pragma once
// The token during one epoch: a login, the sessions, the keys' handles. All of it goes stale together and is
// got again together.

#include <vector>

#include "crypto/anchor_session.hpp"
#include "crypto/canary.hpp"
#include "crypto/key_ring.hpp"
#include "crypto/profile.hpp"

namespace coffer::crypto {

/// Not thread-safe to make and to destroy; afterwards each thread may use its own session with the rest,
/// which changes in refresh_keys() alone.
class LiveToken {
public:
    /// Opens `profile.threads` sessions beside the anchor, finds the keys and proves them with a canary.
    /// Throws Error, Pkcs11Error.
    LiveToken(const Module& module, SlotId slot, AnchorSession anchor, const Profile& profile);

    [[nodiscard]] const Session& session(std::size_t worker) const { return sessions_.at(worker); }
    [[nodiscard]] const KeyRing& ring() const noexcept { return ring_; }
    [[nodiscard]] const Canary& canary() const noexcept { return canary_; }

    /// Looks for the keys again and goes on with those that are there now. While no other thread uses any of
    /// it. Throws as the constructor does; then everything stays as it was.
    void refresh_keys(const Profile& profile);

    /// Closes the workers' sessions and gives up the anchor, so that the login outlives them.
    [[nodiscard]] AnchorSession release_anchor() &&;

private:
    // In this order: the anchor is closed last.
    AnchorSession anchor_;
    std::vector<Session> sessions_;
    KeyRing ring_;  // its copies of keys belong to the anchor
    Canary canary_;
};

}  // namespace coffer::crypto
