#include "daemon/secrets/sealed_text.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>

#include "daemon/base/base64url.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::secrets {

namespace {

struct CipherContextDeleter {
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, CipherContextDeleter>;

void require_openssl(int answer) {
    if (answer != 1) throw Error("OpenSSL could not encrypt a token");
}

}  // namespace

Bytes gcm_seal(ByteView key, ByteView iv, ByteView plaintext, ByteView aad) {
    Bytes out(plaintext.size() + kGcmTagBytes);
    const CipherContext cipher(EVP_CIPHER_CTX_new());
    int written = 0;
    require_openssl(EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), iv.data()));
    require_openssl(
        EVP_EncryptUpdate(cipher.get(), nullptr, &written, aad.data(), static_cast<int>(aad.size())));
    require_openssl(EVP_EncryptUpdate(cipher.get(), out.data(), &written, plaintext.data(),
                                      static_cast<int>(plaintext.size())));
    std::uint8_t* const tag = out.data() + plaintext.size();
    require_openssl(EVP_EncryptFinal_ex(cipher.get(), tag, &written));
    require_openssl(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kGcmTagBytes, tag));
    return out;
}

std::optional<Bytes> gcm_open(ByteView key, ByteView iv, ByteView sealed, ByteView aad) {
    if (sealed.size() < kGcmTagBytes) return std::nullopt;
    Bytes plaintext(sealed.size() - kGcmTagBytes);
    const CipherContext cipher(EVP_CIPHER_CTX_new());
    int written = 0;
    require_openssl(EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), iv.data()));
    require_openssl(
        EVP_DecryptUpdate(cipher.get(), nullptr, &written, aad.data(), static_cast<int>(aad.size())));
    require_openssl(EVP_DecryptUpdate(cipher.get(), plaintext.data(), &written, sealed.data(),
                                      static_cast<int>(plaintext.size())));
    std::array<std::uint8_t, kGcmTagBytes> tag{};
    std::ranges::copy(sealed.last(kGcmTagBytes), tag.begin());
    require_openssl(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kGcmTagBytes, tag.data()));
    std::array<std::uint8_t, kGcmTagBytes> nothing{};
    if (EVP_DecryptFinal_ex(cipher.get(), nothing.data(), &written) != 1) return std::nullopt;
    return plaintext;
}

std::string to_base64url(ByteView bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
    const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                       static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(length));
    std::ranges::replace(text, '+', '-');
    std::ranges::replace(text, '/', '_');
    while (text.ends_with('=')) text.pop_back();
    return text;
}

std::optional<Bytes> from_base64url(std::string_view text) {
    const auto size = base64url_size(text);
    if (!size) return std::nullopt;
    Bytes bytes(*size);
    read_base64url(text, bytes);
    return bytes;
}

}  // namespace coffer::secrets
