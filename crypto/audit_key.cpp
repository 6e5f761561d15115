#include "crypto/audit_key.hpp"

#include "crypto/hsm_impl.hpp"
#include "crypto/key_names.hpp"
#include "crypto/pkcs11_error.hpp"

namespace coffer::crypto {

namespace {

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

std::vector<AuditKeyInfo> AuditKey::generations() const {
    return hsm_.impl().token().audit_keys();
}

void AuditKey::sign(std::uint32_t generation, Sha256Digest digest, JobOptions options,
                    Completion<P256Signature> completion) {
    hsm_.impl().submit<P256Signature>(
        options, std::move(completion), [generation, digest](HsmContext& context) {
            const auto key = context.ring().audit_key(generation);
            if (!key) throw Error("the token does not hold the audit key " + audit_key_label(generation));
            return sign_digest(context.session(), *key, digest);
        });
}

}  // namespace coffer::crypto
