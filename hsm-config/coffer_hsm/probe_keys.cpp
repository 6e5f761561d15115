#include "hsm-config/coffer_hsm/probe_keys.hpp"

#include <array>

#include "crypto/key_factory.hpp"
#include "crypto/pkcs11_error.hpp"

namespace coffer::hsm_config {
namespace {

/// Not one of the labels that Coffer's own keys have: a key left behind by a crash is never taken for one.
constexpr std::string_view kProbeLabel = "coffer-hsm check (temporary)";

CK_OBJECT_HANDLE generate(const crypto::Session& session, CK_MECHANISM_TYPE type, crypto::Template& key) {
    CK_MECHANISM mechanism{type, nullptr, 0};
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    crypto::check("C_GenerateKey", session.functions().C_GenerateKey(session.handle(), &mechanism, key.data(),
                                                                     key.size(), &handle));
    return handle;
}

CK_GCM_PARAMS gcm_parameters(std::array<CK_BYTE, 12>& iv) {
    CK_GCM_PARAMS parameters{};
    parameters.pIv = iv.data();
    parameters.ulIvLen = iv.size();
    parameters.ulIvBits = iv.size() * 8;
    parameters.ulTagBits = 128;
    return parameters;
}

}  // namespace

CK_OBJECT_HANDLE make_wrapping_key(const crypto::Session& session, bool on_token) {
    crypto::Template key;
    key.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_AES)
        .number(CKA_VALUE_LEN, crypto::kLongLivedKeyBytes)
        .text(CKA_LABEL, kProbeLabel)
        .boolean(CKA_TOKEN, on_token)
        .boolean(CKA_PRIVATE, true)
        .boolean(CKA_SENSITIVE, true)
        .boolean(CKA_EXTRACTABLE, false)
        .boolean(CKA_WRAP, true)
        .boolean(CKA_UNWRAP, true)
        .boolean(CKA_ENCRYPT, false)
        .boolean(CKA_DECRYPT, false);
    return generate(session, CKM_AES_KEY_GEN, key);
}

CK_OBJECT_HANDLE make_hmac_key(const crypto::Session& session) {
    crypto::Template key;
    key.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .number(CKA_VALUE_LEN, crypto::kLongLivedKeyBytes)
        .boolean(CKA_TOKEN, false)
        .boolean(CKA_PRIVATE, true)
        .boolean(CKA_SENSITIVE, true)
        .boolean(CKA_EXTRACTABLE, false)
        .boolean(CKA_SIGN, true)
        .boolean(CKA_VERIFY, true);
    return generate(session, CKM_GENERIC_SECRET_KEY_GEN, key);
}

CK_OBJECT_HANDLE import_key(const crypto::Session& session, CK_KEY_TYPE type, CK_ATTRIBUTE_TYPE right,
                            ByteView value) {
    crypto::Template key;
    key.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, type)
        .bytes(CKA_VALUE, value)
        .boolean(CKA_TOKEN, false)
        .boolean(CKA_PRIVATE, true)
        .boolean(CKA_EXTRACTABLE, true)
        .boolean(right, true);
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    crypto::check("C_CreateObject",
                  session.functions().C_CreateObject(session.handle(), key.data(), key.size(), &handle));
    return handle;
}

CK_OBJECT_HANDLE copy_to_session(const crypto::Session& session, CK_OBJECT_HANDLE key) {
    crypto::Template changes;
    changes.boolean(CKA_TOKEN, false);
    CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
    crypto::check("C_CopyObject", session.functions().C_CopyObject(session.handle(), key, changes.data(),
                                                                   changes.size(), &copy));
    return copy;
}

CK_RV try_encrypt(const crypto::Session& session, CK_OBJECT_HANDLE key) {
    std::array<CK_BYTE, 12> iv{};
    auto parameters = gcm_parameters(iv);
    CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof parameters};
    auto& functions = session.functions();
    if (const auto code = functions.C_EncryptInit(session.handle(), &mechanism, key); code != CKR_OK)
        return code;
    std::array<CK_BYTE, 16> data{};
    std::array<CK_BYTE, 64> out{};
    CK_ULONG size = out.size();
    return functions.C_Encrypt(session.handle(), data.data(), data.size(), out.data(), &size);
}

CK_RV try_decrypt(const crypto::Session& session, CK_OBJECT_HANDLE key) {
    std::array<CK_BYTE, 12> iv{};
    auto parameters = gcm_parameters(iv);
    CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof parameters};
    auto& functions = session.functions();
    if (const auto code = functions.C_DecryptInit(session.handle(), &mechanism, key); code != CKR_OK)
        return code;
    // Nonsense, to end the operation: that it was begun says enough.
    std::array<CK_BYTE, 32> data{};
    std::array<CK_BYTE, 64> out{};
    CK_ULONG size = out.size();
    functions.C_Decrypt(session.handle(), data.data(), data.size(), out.data(), &size);
    return CKR_OK;
}

CK_RV try_wrap(const crypto::Session& session, const WrappingKey& wrapping_key, CK_OBJECT_HANDLE key) {
    CK_MECHANISM mechanism{wrapping_key.way.mechanism, nullptr, 0};
    std::array<CK_BYTE, 64> out{};
    CK_ULONG size = out.size();
    return session.functions().C_WrapKey(session.handle(), &mechanism, wrapping_key.handle, key, out.data(),
                                         &size);
}

}  // namespace coffer::hsm_config
