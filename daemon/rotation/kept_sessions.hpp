#pragma once
// Administrators' sessions at PostgreSQL servers, handed on from one rotation to the next of a batch: a login
// is most of what a change of another user's password costs.

#include <chrono>
#include <mutex>
#include <optional>
#include <vector>

#include "crypto/secret_bytes.hpp"
#include "daemon/rotation/postgresql_session.hpp"

namespace coffer::rotation {

/// Sessions are kept only while some Visit goes on: after the last one no connection is left open at
/// somebody's server. None is taken later than kLongest after its login; the next take() closes those that
/// are older. Thread-safe.
class KeptSessions {
public:
    static constexpr std::chrono::seconds kLongest{60};
    /// As many as there may be workers.
    static constexpr std::size_t kMost = 64;

    /// A rotation that works with an administrator's session. Used by one thread.
    class Visit {
    public:
        /// `kept` must outlive it.
        explicit Visit(KeptSessions& kept);
        ~Visit();
        Visit(const Visit&) = delete;
        Visit& operator=(const Visit&) = delete;

        /// One that was logged in with exactly this; the caller has it alone. Nothing when there is none.
        [[nodiscard]] std::optional<PostgresqlSession> take(const PostgresqlLogin& login);
        /// For others: a session that was logged in with `login` and has no transaction under way. One that
        /// has received more than half of what a connection may is closed, so that whoever takes one has
        /// the other half.
        void give(const PostgresqlLogin& login, PostgresqlSession session) noexcept;

    private:
        KeptSessions& kept_;
        std::optional<std::chrono::steady_clock::time_point> since_;
    };

private:
    struct Kept {
        crypto::SecretBytes login;
        PostgresqlSession session;
        std::chrono::steady_clock::time_point since;
    };

    std::mutex mutex_;
    std::size_t visits_ = 0;
    std::vector<Kept> sessions_;
};

}  // namespace coffer::rotation
