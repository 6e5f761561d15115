#pragma once
// Keys that are made for a probe and are gone after it, and calls that are made to be refused.

#include <string_view>

#include "crypto/key_wrap.hpp"
#include "crypto/objects.hpp"
#include "crypto/session.hpp"
#include "daemon/base/bytes.hpp"

namespace coffer::hsm_config {

/// A key that wraps, and the way in which the token wants to be asked for it.
struct WrappingKey {
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    crypto::KeyWrap way;
};

/// An AES-256 key with the rights of a master key. `on_token`: a token object, which needs a read-write
/// session; otherwise a session object. Throws Pkcs11Error.
[[nodiscard]] CK_OBJECT_HANDLE make_wrapping_key(const crypto::Session& session, bool on_token);

/// A 32-byte HMAC key, as a session object. Throws Pkcs11Error.
[[nodiscard]] CK_OBJECT_HANDLE make_hmac_key(const crypto::Session& session);

/// A key of known value, as a session object. Throws Pkcs11Error when the token takes none, as many do not.
[[nodiscard]] CK_OBJECT_HANDLE import_key(const crypto::Session& session, CK_KEY_TYPE type,
                                          CK_ATTRIBUTE_TYPE right, ByteView value);

/// A copy of `key` as a session object (C_CopyObject with CKA_TOKEN false). Throws Pkcs11Error.
[[nodiscard]] CK_OBJECT_HANDLE copy_to_session(const crypto::Session& session, CK_OBJECT_HANDLE key);

/// The code of an attempt to encrypt, or decrypt, 16 bytes under `key`. The operation is over afterwards.
[[nodiscard]] CK_RV try_encrypt(const crypto::Session& session, CK_OBJECT_HANDLE key);
[[nodiscard]] CK_RV try_decrypt(const crypto::Session& session, CK_OBJECT_HANDLE key);
/// The code of an attempt to wrap `key` under `wrapping_key`.
[[nodiscard]] CK_RV try_wrap(const crypto::Session& session, const WrappingKey& wrapping_key,
                             CK_OBJECT_HANDLE key);

}  // namespace coffer::hsm_config
