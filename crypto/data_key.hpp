#pragma once
// Data keys in the token: made, wrapped and unwrapped with no more rights than each step needs. They are
// session objects and their bytes are never seen here.

#include "crypto/key_wrap.hpp"
#include "crypto/session.hpp"
#include "daemon/base/bytes.hpp"

namespace coffer::crypto {

/// Makes an AES-256 key that may encrypt and, so that it can be wrapped once, be extracted; nothing else.
/// With `wrap_with_trusted`, only under a CKA_TRUSTED key. Throws Pkcs11Error.
[[nodiscard]] CK_OBJECT_HANDLE generate_data_key(const Session& session, bool wrap_with_trusted);

/// Wraps `key` under `master` with AES Key Wrap (RFC 3394). Throws Pkcs11Error; Error when the result is not
/// 40 bytes.
[[nodiscard]] Bytes wrap_data_key(const Session& session, const KeyWrap& wrap, CK_OBJECT_HANDLE master,
                                  CK_OBJECT_HANDLE key);

/// Unwraps a data key for reading: it may decrypt, and cannot leave the token. Throws Pkcs11Error.
[[nodiscard]] CK_OBJECT_HANDLE unwrap_data_key(const Session& session, const KeyWrap& wrap,
                                               CK_OBJECT_HANDLE master, ByteView wrapped);

/// Unwraps a data key to be wrapped anew: it may do nothing, and can be extracted for that; with
/// `wrap_with_trusted` only under a CKA_TRUSTED key. Throws Pkcs11Error.
[[nodiscard]] CK_OBJECT_HANDLE unwrap_data_key_for_wrapping(const Session& session, const KeyWrap& wrap,
                                                            CK_OBJECT_HANDLE master, ByteView wrapped,
                                                            bool wrap_with_trusted);

}  // namespace coffer::crypto
