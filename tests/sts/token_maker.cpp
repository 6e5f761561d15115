#include "token_maker.hpp"

#include <array>
#include <stdexcept>

#include "daemon/base/bytes.hpp"
#include "daemon/secrets/sealed_text.hpp"

namespace coffer::sts {

using secrets::to_base64url;

TokenMaker::TokenMaker(std::string key_id)
    : key_id_(std::move(key_id)), key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")) {
    if (!key_) throw std::runtime_error("OpenSSL made no key");
}

std::string TokenMaker::key_set() const {
    std::array<std::uint8_t, 32> raw{};
    auto size = raw.size();
    if (EVP_PKEY_get_raw_public_key(key_.get(), raw.data(), &size) != 1)
        throw std::runtime_error("no public key");
    return R"({"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","kid":")" + key_id_ + R"(","x":")" +
           to_base64url(raw) + R"("}]})";
}

std::string TokenMaker::token(std::string_view claims) const {
    return token(R"({"alg":"EdDSA","kid":")" + key_id_ + R"("})", claims);
}

std::string TokenMaker::token(std::string_view header, std::string_view claims) const {
    auto text = to_base64url(as_bytes(header)) + "." + to_base64url(as_bytes(claims));
    const std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
    std::array<std::uint8_t, 64> signature{};
    auto size = signature.size();
    const auto message = as_bytes(text);
    if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) != 1) {
        throw std::runtime_error("OpenSSL signed nothing");
    }
    return text + "." + to_base64url(signature);
}

}  // namespace coffer::sts
