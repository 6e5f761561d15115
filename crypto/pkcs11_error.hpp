#pragma once
// Return codes of PKCS#11 modules as typed errors. The one table of what each code means for recovery is in
// pkcs11_error.cpp.

#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/pkcs11.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::crypto {

/// What has to be done about a return code before the same work can succeed.
enum class ErrorClass : std::uint8_t {
    again,      ///< the same call on the same session
    session,    ///< new sessions: handles of sessions or objects are gone
    login,      ///< a new login
    module,     ///< the module finalized and initialized again
    caller,     ///< nothing: the request or the profile asks for what the token cannot do
    integrity,  ///< nothing: the data was altered
    fatal,      ///< an operator's hand: PIN, lock, failed self-test
};

[[nodiscard]] std::string_view to_text(ErrorClass error_class) noexcept;

/// Whether a code of C_Decrypt or C_UnwrapKey can mean that the input was altered. Modules disagree:
/// SoftHSM2 2.6.1 answers a GCM tag mismatch with CKR_GENERAL_ERROR, NSS softokn with
/// CKR_ENCRYPTED_DATA_INVALID. Whoever sees such a code proves the token healthy before it blames the data.
[[nodiscard]] bool may_mean_altered(CK_RV code) noexcept;

/// "CKR_DEVICE_ERROR", or "CKR 0x80000001" for codes that the standard does not name.
[[nodiscard]] std::string code_name(CK_RV code);

[[nodiscard]] ErrorClass classify(CK_RV code) noexcept;

/// A PKCS#11 function that did not answer CKR_OK.
class Pkcs11Error : public Error {
public:
    Pkcs11Error(std::string_view function, CK_RV code);
    /// For a code whose usual class is known to be wrong here.
    Pkcs11Error(std::string_view function, CK_RV code, ErrorClass error_class);

    [[nodiscard]] const std::string& function() const noexcept { return function_; }
    [[nodiscard]] CK_RV code() const noexcept { return code_; }
    [[nodiscard]] ErrorClass error_class() const noexcept { return class_; }

private:
    std::string function_;
    CK_RV code_;
    ErrorClass class_;
};

/// Throws Pkcs11Error unless `code` is CKR_OK.
inline void check(std::string_view function, CK_RV code) {
    if (code != CKR_OK) throw Pkcs11Error(function, code);
}

}  // namespace coffer::crypto
