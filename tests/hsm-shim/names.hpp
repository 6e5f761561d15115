#pragma once
// Names of return codes and mechanisms, as the control file spells them.

#include <p11-kit/pkcs11.h>

#include <optional>
#include <string_view>

namespace coffer::shim {

/// The code of `CKR_...` or of a number (0x30, 48).
[[nodiscard]] std::optional<CK_RV> return_code(std::string_view text);

/// The mechanism of `CKM_...` or of a number.
[[nodiscard]] std::optional<CK_MECHANISM_TYPE> mechanism(std::string_view text);

/// A number as C writes it: decimal, or hexadecimal after 0x.
[[nodiscard]] std::optional<CK_ULONG> number(std::string_view text);

}  // namespace coffer::shim
