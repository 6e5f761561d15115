#pragma once
// How a token wants to be asked for AES Key Wrap (RFC 3394). What it makes is the same 40 bytes of a data key
// everywhere; the number of the mechanism and the template of C_UnwrapKey are not.

#include <string>

namespace coffer::crypto {

/// PKCS#11 2.40's CKM_AES_KEY_WRAP.
inline constexpr unsigned long kStandardKeyWrapMechanism = 0x2109;

struct KeyWrap {
    /// The mechanism without padding: PKCS#11's own, or the number that the vendor gave it.
    unsigned long mechanism = kStandardKeyWrapMechanism;
    /// Whether C_UnwrapKey's template carries CKA_VALUE_LEN. PKCS#11 2.40 (AES secret key objects, footnote
    /// 6) forbids it; Luna before firmware 7.9.3 demands it.
    bool unwrap_with_value_len = false;

    [[nodiscard]] bool operator==(const KeyWrap&) const = default;
};

/// Whether the number is that of a relative with padding, which is no substitute: modules disagree on what
/// 0x210A is, and what one of them wraps RFC 3394 does not unwrap.
[[nodiscard]] constexpr bool is_padded_key_wrap(unsigned long mechanism) noexcept {
    return mechanism >= 0x210A && mechanism <= 0x210C;  // _PAD, _KWP, _PKCS7 of PKCS#11 3.1
}

/// For reports and errors: "CKM_AES_KEY_WRAP (0x2109)", "AES Key Wrap by its vendor's number 0x80000170".
[[nodiscard]] std::string to_text(const KeyWrap& wrap);

}  // namespace coffer::crypto
