#pragma once
// Objects in the token: finding them, and not leaving half-made ones behind.

#include <utility>
#include <vector>

#include "crypto/attributes.hpp"

namespace coffer::crypto {

/// All objects that match. Throws Pkcs11Error; the search is always ended.
[[nodiscard]] std::vector<CK_OBJECT_HANDLE> find_objects(const Session& session, Template& wanted);

/// Destroys an object unless release() is called: a step that fails after an object was made (a wrap, a
/// second attribute) must not leave it in the token, where a half-made key would be found at the next start
/// and session objects would pile up. Used by the thread that uses `session`, which must outlive it.
class ObjectGuard {
public:
    ObjectGuard(const Session& session, CK_OBJECT_HANDLE object) noexcept
        : session_(&session), object_(object) {}
    ObjectGuard(const ObjectGuard&) = delete;
    ObjectGuard& operator=(const ObjectGuard&) = delete;
    ~ObjectGuard() {
        if (object_ != CK_INVALID_HANDLE) session_->functions().C_DestroyObject(session_->handle(), object_);
    }

    [[nodiscard]] CK_OBJECT_HANDLE get() const noexcept { return object_; }
    [[nodiscard]] CK_OBJECT_HANDLE release() noexcept { return std::exchange(object_, CK_INVALID_HANDLE); }

private:
    const Session* session_;
    CK_OBJECT_HANDLE object_;
};

/// Whether the token has `mechanism`, and with all of `flags` (CKF_ENCRYPT, ...). Throws Pkcs11Error.
[[nodiscard]] bool has_mechanism(const Module& module, SlotId slot, CK_MECHANISM_TYPE mechanism,
                                 CK_FLAGS flags);

}  // namespace coffer::crypto
