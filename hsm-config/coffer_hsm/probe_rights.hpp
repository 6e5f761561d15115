#pragma once
// The steps that look at what a token enforces: that keys stay inside, and that a key does no more than its
// template says. What is not enforced is a note, except that keys could be read.

#include <optional>

#include "crypto/session.hpp"
#include "hsm-config/coffer_hsm/probe.hpp"
#include "hsm-config/coffer_hsm/probe_keys.hpp"

namespace coffer::hsm_config {

/// Whether a sensitive key can be read, and its marks be taken off.
[[nodiscard]] Verdict probe_secrecy(const crypto::Session& session, const WrappingKey& wrapping_key);

/// Whether a key refuses what its template does not allow.
[[nodiscard]] Verdict probe_templates(const crypto::Session& session, const WrappingKey& wrapping_key);

struct TrustFinding {
    bool enforced = false;  ///< a key with CKA_WRAP_WITH_TRUSTED is not wrapped under one that is not trusted
    bool usable = false;    ///< and it is under `trusted_key`: the profile may ask for it
};

/// `trusted_key`: a master key with CKA_TRUSTED, if there is one.
[[nodiscard]] TrustFinding find_trust(const crypto::Session& session, const WrappingKey& untrusted_key,
                                      const std::optional<WrappingKey>& trusted_key);
[[nodiscard]] Verdict describe(const TrustFinding& finding);

/// Whether a master key can be copied to a session object that is as safe and wraps data keys as well; with
/// `wrap_with_trusted`, such as want a trusted key. Throws Error for a copy that can be read.
[[nodiscard]] bool can_copy(const crypto::Session& session, const WrappingKey& token_key,
                            bool wrap_with_trusted);

}  // namespace coffer::hsm_config
