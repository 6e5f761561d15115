#include "crypto/session.hpp"

#include "crypto/pkcs11_error.hpp"

namespace coffer::crypto {

Session Session::open(const Module& module, SlotId slot, SessionMode mode) {
    CK_FLAGS flags = CKF_SERIAL_SESSION;
    if (mode == SessionMode::read_write) flags |= CKF_RW_SESSION;
    CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
    check("C_OpenSession", module.functions().C_OpenSession(slot.value(), flags, nullptr, nullptr, &handle));
    return {module.functions(), handle};
}

Session::Session(Session&& other) noexcept
    : functions_(other.functions_), handle_(std::exchange(other.handle_, CK_INVALID_HANDLE)) {}

Session& Session::operator=(Session&& other) noexcept {
    if (this != &other) {
        close();
        functions_ = other.functions_;
        handle_ = std::exchange(other.handle_, CK_INVALID_HANDLE);
    }
    return *this;
}

Session::~Session() {
    close();
}

void Session::close() noexcept {
    // A session that the token has lost already answers with an error: it is closed either way.
    if (handle_ != CK_INVALID_HANDLE) functions_->C_CloseSession(handle_);
    handle_ = CK_INVALID_HANDLE;
}

bool Session::user_logged_in() const {
    CK_SESSION_INFO info{};
    check("C_GetSessionInfo", functions_->C_GetSessionInfo(handle_, &info));
    return info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS;
}

}  // namespace coffer::crypto
