#pragma once
// AES-GCM as tokens do it that make the IV themselves, and the limit on the length of one call.
// Functions are named as PKCS#11's and answer as those do; handles are the real module's.

#include "tests/hsm-shim/device.hpp"
#include "tests/hsm-shim/rules.hpp"

namespace coffer::shim {

/// What a call is run with.
struct Call {
    Device& device;
    Rules& rules;
    const CK_FUNCTION_LIST& real;
    Session* session;                       ///< null outside the scopes session and key
    CK_MECHANISM mechanism{0, nullptr, 0};  ///< the caller's, by the real module's number
};

/// In the modes written-back and appended the real module is given an IV of the shim's making.
[[nodiscard]] CK_RV encrypt_init(Call& call, CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                                 CK_OBJECT_HANDLE key);
[[nodiscard]] CK_RV encrypt(Call& call, CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG size,
                            CK_BYTE_PTR out, CK_ULONG_PTR out_size);
/// Own IVs are for single-part encryption only.
[[nodiscard]] CK_RV encrypt_update(Call& call, CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG size,
                                   CK_BYTE_PTR out, CK_ULONG_PTR out_size);
[[nodiscard]] CK_RV decrypt(Call& call, CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG size,
                            CK_BYTE_PTR out, CK_ULONG_PTR out_size);

/// Ends the operation that `function` would have ended, as a device does that answers it with an error; the
/// real module would otherwise call the next one CKR_OPERATION_ACTIVE.
void end_operation(const CK_FUNCTION_LIST& real, CK_SESSION_HANDLE session, std::size_t function);

}  // namespace coffer::shim
