#pragma once
// The PKCS#11 C interface, from p11-kit's header, and the few names of version 3.0 that it lacks.

#include <p11-kit/pkcs11.h>

namespace coffer::crypto {

/// PKCS#11 3.0, table of return values: an AEAD's tag did not verify.
inline constexpr CK_RV kCkrAeadDecryptFailed = 0x42;
/// PKCS#11 3.0: a token asks to try the same call again later.
inline constexpr CK_RV kCkrOperationCancelFailed = 0x202;

}  // namespace coffer::crypto
