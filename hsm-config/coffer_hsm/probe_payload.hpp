#pragma once
// A payload under a data key of its own, as the daemon stores it: what probes work on.

#include <string_view>

#include "crypto/gcm.hpp"
#include "crypto/session.hpp"
#include "daemon/base/bytes.hpp"
#include "hsm-config/coffer_hsm/probe_keys.hpp"

namespace coffer::hsm_config {

inline constexpr std::string_view kProbeAad = "coffer-hsm/check";

/// What the token does with the IV of a GCM encryption.
struct IvFinding {
    crypto::IvMode mode = crypto::IvMode::caller;
    std::size_t iv_bytes = crypto::kGcmIvBytes;
};

struct StoredPayload {
    Bytes wrapped;  ///< the data key
    Bytes payload;  ///< IV, ciphertext, tag
};

/// Makes a data key, encrypts `plaintext` under it with kProbeAad, wraps it and lets it go. Throws
/// Pkcs11Error.
[[nodiscard]] StoredPayload store_payload(const crypto::Session& session, const WrappingKey& wrapping_key,
                                          const IvFinding& iv, ByteView plaintext);

}  // namespace coffer::hsm_config
