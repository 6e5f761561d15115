#pragma once
// The steps that look at what the token computes: random bytes, GCM and its IVs, AES Key Wrap, HMAC, ECDSA.
// Each throws Pkcs11Error or Error when the token cannot do what the daemon needs.

#include "crypto/module.hpp"
#include "hsm-config/coffer_hsm/probe.hpp"
#include "hsm-config/coffer_hsm/probe_key_wrap.hpp"
#include "hsm-config/coffer_hsm/probe_keys.hpp"
#include "hsm-config/coffer_hsm/probe_payload.hpp"

namespace coffer::hsm_config {

/// All mechanisms that are needed, with the operations they are needed for; `configured` is the profile's way
/// to AES Key Wrap.
[[nodiscard]] Verdict probe_mechanisms(const crypto::Module& module, crypto::SlotId slot,
                                       const crypto::KeyWrap& configured);

[[nodiscard]] Verdict probe_random(const crypto::Session& session);

/// Who makes the IV of a GCM encryption: asked by looking at what the token does with one.
[[nodiscard]] IvFinding find_iv_mode(const crypto::Session& session, const WrappingKey& wrapping_key);
[[nodiscard]] Verdict describe(const IvFinding& finding);

/// A data key's whole way: made, used, wrapped, unwrapped, used. With a known answer where the token lets
/// keys of known value in.
[[nodiscard]] Verdict probe_wrap(const crypto::Session& session, const WrappingKey& wrapping_key,
                                 const IvFinding& iv);

/// Whether an altered ciphertext, tag, AAD, IV and wrapped key are refused.
[[nodiscard]] Verdict probe_tampering(const crypto::Session& session, const WrappingKey& wrapping_key,
                                      const IvFinding& iv);

/// The longest plaintext of one call, up to 65,536 bytes.
[[nodiscard]] std::size_t find_call_length(const crypto::Session& session, const WrappingKey& wrapping_key,
                                           const IvFinding& iv);

[[nodiscard]] Verdict probe_hmac(const crypto::Session& session);
[[nodiscard]] Verdict probe_ecdsa(const crypto::Session& session);

}  // namespace coffer::hsm_config
