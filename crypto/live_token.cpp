#include "crypto/live_token.hpp"

#include <fmt/format.h>

#include <utility>

namespace coffer::crypto {

namespace {
std::vector<Session> open_sessions(const Module& module, SlotId slot, std::size_t count) {
    std::vector<Session> sessions;
    sessions.reserve(count);
    while (sessions.size() < count) sessions.push_back(Session::open(module, slot, SessionMode::read_only));
    return sessions;
}

/// A token that enforces CKA_WRAP_WITH_TRUSTED would refuse each wrap, and say only that.
FoundKeys require_trusted(FoundKeys keys, bool wanted) {
    for (const auto& key : keys.master_keys) {
        if (!wanted || key.trusted) continue;
        throw Error(
            fmt::format("the profile has wrap_with_trusted, but master key \"{}\" (generation {}) is not "
                        "CKA_TRUSTED: have the security officer mark it (coffer-hsm init), or turn it off",
                        key.name, key.ref.generation));
    }
    return keys;
}

}  // namespace

LiveToken::LiveToken(const Module& module, SlotId slot, AnchorSession anchor, const Profile& profile)
    : anchor_(std::move(anchor)),
      sessions_(open_sessions(module, slot, profile.threads)),
      ring_(anchor_.session(), require_trusted(find_keys(anchor_.session()), profile.wrap_with_trusted),
            profile.copy_master_keys),
      canary_(Canary::make(sessions_.front(), ring_, profile)) {}

void LiveToken::refresh_keys(const Profile& profile) {
    const Session& owner = anchor_.session();
    KeyRing ring(owner, require_trusted(find_keys(owner), profile.wrap_with_trusted),
                 profile.copy_master_keys);
    try {
        canary_ = Canary::make(sessions_.front(), ring, profile);
    } catch (...) {
        ring.destroy_copies(owner);
        throw;
    }
    std::swap(ring_, ring);
    ring.destroy_copies(owner);
}

AnchorSession LiveToken::release_anchor() && {
    sessions_.clear();
    return std::move(anchor_);
}

}  // namespace coffer::crypto
