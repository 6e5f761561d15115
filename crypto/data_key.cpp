#include "crypto/data_key.hpp"

#include <fmt/format.h>

#include "crypto/attributes.hpp"
#include "crypto/envelope.hpp"
#include "crypto/pkcs11_error.hpp"

namespace coffer::crypto {

namespace {

constexpr CK_ULONG kDataKeyBytes = 32;

void start_template(Template& key) {
    key.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_AES)
        .boolean(CKA_TOKEN, false)
        .boolean(CKA_PRIVATE, true)
        .boolean(CKA_SENSITIVE, true)
        .boolean(CKA_WRAP, false)
        .boolean(CKA_UNWRAP, false)
        .boolean(CKA_SIGN, false)
        .boolean(CKA_VERIFY, false)
        .boolean(CKA_DERIVE, false);
}

CK_OBJECT_HANDLE unwrap_with(const Session& session, const KeyWrap& wrap, CK_OBJECT_HANDLE master,
                             ByteView wrapped, Template& key) {
    if (wrap.unwrap_with_value_len) key.number(CKA_VALUE_LEN, kDataKeyBytes);
    CK_MECHANISM mechanism{wrap.mechanism, nullptr, 0};
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    check("C_UnwrapKey", session.functions().C_UnwrapKey(session.handle(), &mechanism, master,
                                                         const_cast<std::uint8_t*>(wrapped.data()),
                                                         wrapped.size(), key.data(), key.size(), &handle));
    return handle;
}

}  // namespace

CK_OBJECT_HANDLE generate_data_key(const Session& session, bool wrap_with_trusted) {
    Template key;
    start_template(key);
    key.number(CKA_VALUE_LEN, kDataKeyBytes)
        .boolean(CKA_EXTRACTABLE, true)
        .boolean(CKA_ENCRYPT, true)
        .boolean(CKA_DECRYPT, false);
    if (wrap_with_trusted) key.boolean(CKA_WRAP_WITH_TRUSTED, true);
    CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    check("C_GenerateKey",
          session.functions().C_GenerateKey(session.handle(), &mechanism, key.data(), key.size(), &handle));
    return handle;
}

Bytes wrap_data_key(const Session& session, const KeyWrap& wrap, CK_OBJECT_HANDLE master,
                    CK_OBJECT_HANDLE key) {
    CK_MECHANISM mechanism{wrap.mechanism, nullptr, 0};
    Bytes wrapped(kWrappedKeyBytes);
    CK_ULONG written = wrapped.size();
    check("C_WrapKey",
          session.functions().C_WrapKey(session.handle(), &mechanism, master, key, wrapped.data(), &written));
    if (written != wrapped.size()) {
        throw Error(fmt::format("the token's {} made {} bytes of an AES-256 key; RFC 3394 makes {}",
                                to_text(wrap), written, wrapped.size()));
    }
    return wrapped;
}

CK_OBJECT_HANDLE unwrap_data_key(const Session& session, const KeyWrap& wrap, CK_OBJECT_HANDLE master,
                                 ByteView wrapped) {
    Template key;
    start_template(key);
    key.boolean(CKA_EXTRACTABLE, false).boolean(CKA_ENCRYPT, false).boolean(CKA_DECRYPT, true);
    return unwrap_with(session, wrap, master, wrapped, key);
}

CK_OBJECT_HANDLE unwrap_data_key_for_wrapping(const Session& session, const KeyWrap& wrap,
                                              CK_OBJECT_HANDLE master, ByteView wrapped,
                                              bool wrap_with_trusted) {
    Template key;
    start_template(key);
    key.boolean(CKA_EXTRACTABLE, true).boolean(CKA_ENCRYPT, false).boolean(CKA_DECRYPT, false);
    if (wrap_with_trusted) key.boolean(CKA_WRAP_WITH_TRUSTED, true);
    return unwrap_with(session, wrap, master, wrapped, key);
}

}  // namespace coffer::crypto
