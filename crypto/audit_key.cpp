#include "crypto/audit_key.hpp"

#include "crypto/audit_public_key.hpp"
#include "crypto/hsm_impl.hpp"
#include "crypto/key_names.hpp"
#include "crypto/pkcs11_error.hpp"

namespace coffer::crypto {

namespace {

Error no_audit_key() {
    return Error("the token holds no audit key (" + std::string(kAuditKeyLabel) + "): run coffer-hsm init");
}

P256Signature sign_digest(const Session& session, CK_OBJECT_HANDLE key, Sha256Digest digest) {
    CK_MECHANISM mechanism{CKM_ECDSA, nullptr, 0};
    P256Signature signature{};
    CK_ULONG size = signature.size();
    check("C_SignInit", session.functions().C_SignInit(session.handle(), &mechanism, key));
    check("C_Sign", session.functions().C_Sign(session.handle(), digest.data(), digest.size(),
                                               signature.data(), &size));
    if (size != signature.size()) throw Error("the token made a signature that is not P-256's");
    return signature;
}

}  // namespace

void AuditKey::sign(Sha256Digest digest, JobOptions options, Completion<P256Signature> completion) {
    hsm_.impl().submit<P256Signature>(options, std::move(completion), [digest](HsmContext& context) {
        const auto key = context.ring().audit_key();
        if (!key) throw no_audit_key();
        return sign_digest(context.session(), *key, digest);
    });
}

void AuditKey::public_key(JobOptions options, Completion<std::string> completion) {
    hsm_.impl().submit<std::string>(options, std::move(completion), [](HsmContext& context) {
        const auto key = context.ring().audit_public_key();
        if (!key) throw no_audit_key();
        return p256_public_key_pem(context.session(), *key);
    });
}

}  // namespace coffer::crypto
