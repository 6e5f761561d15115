#include "daemon/sts/secret_text.hpp"

#include <openssl/evp.h>

namespace coffer::sts {

crypto::SecretBytes secret_text(ByteView random) {
    crypto::SecretBytes text(kSecretCharacters + 1);  // EVP_EncodeBlock ends it with a NUL
    EVP_EncodeBlock(text.writable().data(), random.data(), static_cast<int>(kSecretRandomBytes));
    text.truncate(kSecretCharacters);
    return text;
}

}  // namespace coffer::sts
