#include "crypto/live_token.hpp"

namespace coffer::crypto {

namespace {
std::vector<Session> open_sessions(const Module& module, SlotId slot, std::size_t count) {
    std::vector<Session> sessions;
    sessions.reserve(count);
    while (sessions.size() < count) sessions.push_back(Session::open(module, slot, SessionMode::read_only));
    return sessions;
}
}  // namespace

LiveToken::LiveToken(const Module& module, SlotId slot, AnchorSession anchor, const Profile& profile)
    : anchor_(std::move(anchor)),
      sessions_(open_sessions(module, slot, profile.threads)),
      ring_(anchor_.session(), find_keys(anchor_.session()), profile.copy_master_keys),
      canary_(Canary::make(sessions_.front(), ring_, profile)) {}

AnchorSession LiveToken::release_anchor() && {
    sessions_.clear();
    return std::move(anchor_);
}

}  // namespace coffer::crypto
