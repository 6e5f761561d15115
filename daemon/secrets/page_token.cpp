#include "daemon/secrets/page_token.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <memory>

#include "daemon/secrets/errors.hpp"

namespace coffer::secrets {

namespace {

constexpr std::size_t kIvBytes = 12;
constexpr std::size_t kTagBytes = 16;

struct CipherContextDeleter {
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, CipherContextDeleter>;

void require_openssl(int answer) {
    if (answer != 1) throw Error("OpenSSL could not encrypt a pagination token");
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
    std::string padded(text);
    std::ranges::replace(padded, '-', '+');
    std::ranges::replace(padded, '_', '/');
    const std::size_t padding = (4 - padded.size() % 4) % 4;
    padded.append(padding, '=');
    Bytes bytes(padded.size() / 4 * 3 + 1);
    const int length = EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(padded.data()),
                                       static_cast<int>(padded.size()));
    if (length < static_cast<int>(padding)) return std::nullopt;
    bytes.resize(static_cast<std::size_t>(length) - padding);
    return bytes;
}

}  // namespace

std::string PageTokens::make(ByteView position, ByteView context) const {
    Bytes out(kIvBytes + position.size() + kTagBytes);
    require_openssl(RAND_bytes(out.data(), kIvBytes));
    const CipherContext cipher(EVP_CIPHER_CTX_new());
    int written = 0;
    require_openssl(
        EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_.view().data(), out.data()));
    require_openssl(
        EVP_EncryptUpdate(cipher.get(), nullptr, &written, context.data(), static_cast<int>(context.size())));
    require_openssl(EVP_EncryptUpdate(cipher.get(), out.data() + kIvBytes, &written, position.data(),
                                      static_cast<int>(position.size())));
    std::uint8_t* const tag = out.data() + kIvBytes + position.size();
    require_openssl(EVP_EncryptFinal_ex(cipher.get(), tag, &written));
    require_openssl(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, tag));
    return to_base64url(out);
}

Bytes PageTokens::open(std::string_view token, ByteView context) const {
    auto sealed = from_base64url(token);
    if (!sealed || sealed->size() < kIvBytes + kTagBytes) throw invalid_next_token();
    Bytes position(sealed->size() - kIvBytes - kTagBytes);
    const CipherContext cipher(EVP_CIPHER_CTX_new());
    int written = 0;
    require_openssl(
        EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_.view().data(), sealed->data()));
    require_openssl(
        EVP_DecryptUpdate(cipher.get(), nullptr, &written, context.data(), static_cast<int>(context.size())));
    require_openssl(EVP_DecryptUpdate(cipher.get(), position.data(), &written, sealed->data() + kIvBytes,
                                      static_cast<int>(position.size())));
    std::uint8_t* const tag = sealed->data() + kIvBytes + position.size();
    require_openssl(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag));
    std::array<std::uint8_t, kTagBytes> nothing{};
    if (EVP_DecryptFinal_ex(cipher.get(), nothing.data(), &written) != 1) throw invalid_next_token();
    return position;
}

}  // namespace coffer::secrets
