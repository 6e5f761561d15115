#include "crypto/anchor_session.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "crypto/pkcs11_error.hpp"

namespace coffer::crypto {

namespace {

constexpr std::string_view kUnlock =
    "no PIN is taken until the token's security officer has set the user PIN anew (C_InitPIN: the vendor's "
    "tool, "
    "or pkcs11-tool --module MODULE --login --login-type so --init-pin); put that one into the PIN file";

/// What to do about a refusal of C_Login.
std::string advice_on(CK_RV code) {
    if (code == CKR_PIN_LOCKED) return std::string("The PIN is locked: ") + std::string(kUnlock);
    if (code == CKR_USER_PIN_NOT_INITIALIZED)
        return std::string("There is no user PIN: ") + std::string(kUnlock);
    if (code == CKR_PIN_EXPIRED) {
        return "The PIN has expired: set a new one with the vendor's tool, and put it into the PIN file";
    }
    return "Put the right one there: each start of a program tries it once, and a token locks after a few "
           "wrong "
           "ones";
}

/// Throws PinRefused when a try could do harm.
void require_safe_to_try(const TokenInfo& token) {
    if ((token.flags & CKF_USER_PIN_LOCKED) != 0) {
        throw PinRefused(fmt::format("the user PIN of token \"{}\" (serial {}) is locked: {}", token.label,
                                     token.serial, kUnlock));
    }
    if ((token.flags & CKF_USER_PIN_FINAL_TRY) != 0) {
        throw PinRefused(fmt::format(
            "token \"{}\" (serial {}) would lock after one more wrong PIN, so it is not tried: log in "
            "once with the vendor's tool, which resets the count",
            token.label, token.serial));
    }
}

bool says_pin_refused(CK_RV code) noexcept {
    return code == CKR_PIN_INCORRECT || code == CKR_PIN_INVALID || code == CKR_PIN_LEN_RANGE ||
           code == CKR_PIN_LOCKED || code == CKR_PIN_EXPIRED || code == CKR_USER_PIN_NOT_INITIALIZED;
}

CK_RV log_in(const Session& session, SecretBytes& pin) {
    return session.functions().C_Login(session.handle(), CKU_USER, pin.writable().data(), pin.size());
}

}  // namespace

PinGuard::PinGuard() {
    if (RAND_bytes(salt_.data(), static_cast<int>(salt_.size())) != 1) {
        throw Error("OpenSSL has no random bytes");
    }
}

PinGuard::Digest PinGuard::digest(const SecretBytes& pin) const {
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    Digest out{};
    if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1 ||
        EVP_DigestUpdate(context.get(), salt_.data(), salt_.size()) != 1 ||
        EVP_DigestUpdate(context.get(), pin.view().data(), pin.size()) != 1 ||
        EVP_DigestFinal_ex(context.get(), out.data(), nullptr) != 1) {
        throw Error("OpenSSL cannot compute SHA-256");
    }
    return out;
}

void PinGuard::require_untried(const SecretBytes& pin, const PinSource& source) const {
    if (refused_ && *refused_ == digest(pin)) {
        throw PinRefused(
            fmt::format("the token refused the PIN in {}; this process does not try it again until the file "
                        "has another PIN",
                        source.file().string()));
    }
}

void PinGuard::refused(const SecretBytes& pin) {
    refused_ = digest(pin);
}

AnchorSession AnchorSession::open(const Module& module, SlotId slot, const PinSource& source, PinGuard& guard,
                                  SessionMode mode) {
    Session session = Session::open(module, slot, mode);
    if (session.user_logged_in()) return AnchorSession(std::move(session));
    const TokenInfo token = token_info(module, slot);
    require_safe_to_try(token);
    SecretBytes pin = source.read();
    guard.require_untried(pin, source);
    const CK_RV code = log_in(session, pin);
    if (says_pin_refused(code)) {
        guard.refused(pin);
        throw PinRefused(fmt::format("token \"{}\" (serial {}) refused the PIN in {}: {}. {}", token.label,
                                     token.serial, source.file().string(), code_name(code), advice_on(code)));
    }
    if (code != CKR_USER_ALREADY_LOGGED_IN) check("C_Login", code);
    guard.accepted();
    return AnchorSession(std::move(session));
}

AnchorSession AnchorSession::adopt(const Module& module, SlotId slot) {
    Session session = Session::open(module, slot, SessionMode::read_only);
    // A search would not tell: a token that forgot the login hides private objects without an error.
    if (!session.user_logged_in()) throw Pkcs11Error("C_GetSessionInfo", CKR_USER_NOT_LOGGED_IN);
    return AnchorSession(std::move(session));
}

}  // namespace coffer::crypto
