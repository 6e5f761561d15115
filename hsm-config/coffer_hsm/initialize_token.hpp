#pragma once
// Making a token where the module has room for one: SoftHSM2, mostly. Vendors' boxes have tools of their own.

#include <string_view>

#include "crypto/module.hpp"
#include "crypto/secret_bytes.hpp"

namespace coffer::hsm_config {

/// Initializes the first slot whose token is not initialized, and sets the user PIN. Throws Error when there
/// is no such slot or `label` is longer than PKCS#11's 32 bytes; Pkcs11Error.
void initialize_token(const crypto::Module& module, std::string_view label, crypto::SecretBytes officer_pin,
                      crypto::SecretBytes user_pin);

}  // namespace coffer::hsm_config
