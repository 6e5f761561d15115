#include "daemon/rotation/kept_sessions.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "daemon/rotation/socket_deadline.hpp"

namespace coffer::rotation {

namespace {

using SteadyClock = std::chrono::steady_clock;

/// All that a login is made of, in a form that no other login has: none of the parts has a NUL character.
crypto::SecretBytes whole(const PostgresqlLogin& login) {
    const auto port = std::to_string(login.port);
    const std::array parts{login.host, std::string_view(port), login.database, login.user, login.password};
    std::size_t size = 0;
    for (const auto part : parts) size += part.size() + 1;
    crypto::SecretBytes bytes(size);
    auto out = bytes.writable().begin();
    for (const auto part : parts) out = std::copy(part.begin(), part.end(), out) + 1;
    return bytes;
}

}  // namespace

KeptSessions::Visit::Visit(KeptSessions& kept) : kept_(kept) {
    const std::lock_guard lock(kept_.mutex_);
    ++kept_.visits_;
}

KeptSessions::Visit::~Visit() {
    std::vector<Kept> closed;  // after the lock is given back: that talks to servers
    const std::lock_guard lock(kept_.mutex_);
    if (--kept_.visits_ == 0) closed.swap(kept_.sessions_);
}

std::optional<PostgresqlSession> KeptSessions::Visit::take(const PostgresqlLogin& login) {
    const auto wanted = whole(login);
    const auto oldest = SteadyClock::now() - kLongest;
    std::vector<Kept> closed;
    const std::lock_guard lock(kept_.mutex_);
    auto& sessions = kept_.sessions_;
    const auto good = std::partition(sessions.begin(), sessions.end(),
                                     [oldest](const Kept& each) { return each.since >= oldest; });
    std::move(good, sessions.end(), std::back_inserter(closed));
    sessions.erase(good, sessions.end());
    const auto found = std::ranges::find_if(sessions, [&wanted](const Kept& each) {
        return crypto::constant_time_equal(each.login.view(), wanted.view());
    });
    if (found == sessions.end()) return std::nullopt;
    since_ = found->since;
    auto session = std::move(found->session);
    sessions.erase(found);
    return session;
}

void KeptSessions::Visit::give(const PostgresqlLogin& login, PostgresqlSession session) noexcept try {
    if (session.received() > kMostReceivedBytes / 2) return;
    Kept kept{whole(login), std::move(session), since_.value_or(SteadyClock::now())};
    const std::lock_guard lock(kept_.mutex_);
    if (kept_.sessions_.size() < kMost) kept_.sessions_.push_back(std::move(kept));
} catch (const std::exception&) {
    // The next one logs in by itself.
}

}  // namespace coffer::rotation
