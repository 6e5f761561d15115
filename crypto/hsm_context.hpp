#pragma once
// What a job on the HSM executor works with.

#include "crypto/data_key_cache.hpp"
#include "crypto/live_token.hpp"
#include "crypto/profile.hpp"

namespace coffer::crypto {

/// Good until the job returns: the next recovery replaces it. The session is this thread's own.
class HsmContext {
public:
    HsmContext(const Session& session, const LiveToken& live, DataKeyCache& cache,
               const Profile& profile) noexcept
        : session_(&session), live_(&live), cache_(&cache), profile_(&profile) {}

    [[nodiscard]] const Session& session() const noexcept { return *session_; }
    [[nodiscard]] const KeyRing& ring() const noexcept { return live_->ring(); }
    [[nodiscard]] const Canary& canary() const noexcept { return live_->canary(); }
    [[nodiscard]] DataKeyCache& data_keys() const noexcept { return *cache_; }
    [[nodiscard]] const Profile& profile() const noexcept { return *profile_; }

private:
    const Session* session_;
    const LiveToken* live_;
    DataKeyCache* cache_;
    const Profile* profile_;
};

}  // namespace coffer::crypto
