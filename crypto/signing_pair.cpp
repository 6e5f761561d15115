#include "crypto/signing_pair.hpp"

namespace coffer::crypto {

void describe_private_half(Template& key, std::string_view label) {
    key.text(CKA_LABEL, label)
        .text(CKA_ID, label)
        .boolean(CKA_TOKEN, true)
        .boolean(CKA_PRIVATE, true)
        .boolean(CKA_SENSITIVE, true)
        .boolean(CKA_EXTRACTABLE, false)
        .boolean(CKA_SIGN, true)
        .boolean(CKA_DECRYPT, false)
        .boolean(CKA_UNWRAP, false);
}

void describe_public_half(Template& key, std::string_view label) {
    key.text(CKA_LABEL, label)
        .text(CKA_ID, label)
        .boolean(CKA_TOKEN, true)
        .boolean(CKA_PRIVATE, false)
        .boolean(CKA_VERIFY, true)
        .boolean(CKA_ENCRYPT, false)
        .boolean(CKA_WRAP, false);
}

}  // namespace coffer::crypto
