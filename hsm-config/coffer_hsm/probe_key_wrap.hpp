#pragma once
// Which of the mechanisms that a token lists is AES Key Wrap without padding, and how it wants to be asked.

#include <string>
#include <vector>

#include "crypto/key_wrap.hpp"
#include "crypto/module.hpp"
#include "crypto/session.hpp"
#include "hsm-config/coffer_hsm/probe.hpp"

namespace coffer::hsm_config {

/// The numbers that may be AES Key Wrap and that the token lists for wrapping and unwrapping: the configured
/// one, PKCS#11's own, those of vendors' headers. In the order in which to try them.
[[nodiscard]] std::vector<unsigned long> key_wrap_mechanisms(const crypto::Module& module,
                                                             crypto::SlotId slot,
                                                             const crypto::KeyWrap& configured);

/// What to say when there is none.
[[nodiscard]] std::string missing_key_wrap();

/// The first way in which a data key is wrapped under `wrapping_key` and unwrapped again. Throws what the
/// first number failed with when there is none.
[[nodiscard]] crypto::KeyWrap find_key_wrap(const crypto::Session& session, CK_OBJECT_HANDLE wrapping_key,
                                            const std::vector<unsigned long>& mechanisms);
[[nodiscard]] Verdict describe(const crypto::KeyWrap& way);

}  // namespace coffer::hsm_config
