#pragma once
// Master keys that are CKA_TRUSTED from their first moment, for tokens that hide private objects from the
// security officer (SoftHSM2 does) or do not let the mark be set later.

#include <string>
#include <vector>

#include "crypto/anchor_session.hpp"

namespace coffer::hsm_config {

/// Only the security officer can set CKA_TRUSTED (PKCS#11 2.40, 4.4), and only the user can have private
/// keys. So the officer makes the key, trusted and not private; the user copies it to a private one, which
/// keeps the mark, and destroys the first. The key is SENSITIVE and not EXTRACTABLE all the while, and
/// nothing is wrapped under it before the copy is there.
///
/// Answers the names whose keys were made; those of others are left to be made without the mark, since the
/// token does not go along. What an interrupted run left is removed. Nobody must be logged in. Throws
/// PinRefused, Pkcs11Error.
[[nodiscard]] std::vector<std::string> make_trusted_master_keys(
    const crypto::Module& module, crypto::SlotId slot, crypto::SecretBytes officer_pin,
    const crypto::PinSource& user_pin, crypto::PinGuard& guard, const std::vector<std::string>& names);

}  // namespace coffer::hsm_config
