#include "daemon/rotation/openssh_key.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>

#include "daemon/base/errors.hpp"

namespace coffer::rotation {

namespace {

constexpr std::string_view kMagic{"openssh-key-v1\0", 15};
constexpr std::string_view kKeyType = "ssh-ed25519";
constexpr std::string_view kBegin = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
constexpr std::string_view kEnd = "-----END OPENSSH PRIVATE KEY-----\n";
constexpr std::size_t kPublicBytes = 32;
/// What the private part is padded to: the block of the cipher "none".
constexpr std::size_t kBlockBytes = 8;
constexpr std::size_t kLineCharacters = 70;
/// Of a line of 70 characters of base64, which are no whole number of groups of four: the text is made first.
constexpr std::size_t kMostKeyBytes = 1024;

struct FreeKey {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};

/// Puts the fields of SSH's wire format (RFC 4251, 5) into memory that is locked.
class WireWriter {
public:
    void number(std::uint32_t value) {
        for (const int shift : {24, 16, 8, 0}) byte(static_cast<std::uint8_t>(value >> shift));
    }
    void byte(std::uint8_t value) {
        if (size_ == bytes_.size()) throw Error("an OpenSSH key is too long");
        bytes_.writable()[size_++] = value;
    }
    void raw(std::span<const std::uint8_t> bytes) {
        for (const auto value : bytes) byte(value);
    }
    void raw(std::string_view text) {
        for (const char c : text) byte(static_cast<std::uint8_t>(c));
    }
    template <class Bytes>
    void field(const Bytes& bytes) {
        number(static_cast<std::uint32_t>(bytes.size()));
        raw(bytes);
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::span<const std::uint8_t> view() const noexcept { return bytes_.view().first(size_); }

private:
    crypto::SecretBytes bytes_ = crypto::SecretBytes(kMostKeyBytes);
    std::size_t size_ = 0;
};

/// With an end of text behind it.
crypto::SecretBytes base64_of(std::span<const std::uint8_t> bytes) {
    crypto::SecretBytes text(4 * ((bytes.size() + 2) / 3) + 1);
    const int size = EVP_EncodeBlock(text.writable().data(), bytes.data(), static_cast<int>(bytes.size()));
    text.truncate(static_cast<std::size_t>(size));
    return text;
}

std::array<std::uint8_t, kPublicBytes> public_half(std::span<const std::uint8_t> seed) {
    const std::unique_ptr<EVP_PKEY, FreeKey> key(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
    std::array<std::uint8_t, kPublicBytes> half{};
    std::size_t size = half.size();
    if (!key || EVP_PKEY_get_raw_public_key(key.get(), half.data(), &size) != 1 || size != half.size()) {
        throw Error("OpenSSL cannot make an Ed25519 key");
    }
    return half;
}

crypto::SecretBytes armored(std::span<const std::uint8_t> bytes) {
    const auto text = base64_of(bytes);
    const auto lines = (text.size() + kLineCharacters - 1) / kLineCharacters;
    crypto::SecretBytes out(kBegin.size() + text.size() + lines + kEnd.size());
    auto place = std::ranges::copy(kBegin, out.writable().begin()).out;
    for (std::size_t i = 0; i < text.size(); i += kLineCharacters) {
        place = std::ranges::copy(text.text().substr(i, kLineCharacters), place).out;
        *place++ = '\n';
    }
    std::ranges::copy(kEnd, place);
    return out;
}

}  // namespace

OpensshKey make_openssh_key(std::span<const std::uint8_t> seed, std::span<const std::uint8_t> check,
                            std::string_view comment) {
    if (seed.size() != kOpensshSeedBytes || check.size() != kOpensshCheckBytes) {
        throw Error("an OpenSSH key is made of 32 and 4 random bytes");
    }
    const auto half = public_half(seed);
    WireWriter open;
    open.field(kKeyType);
    open.field(half);
    WireWriter hidden;
    hidden.raw(check);
    hidden.raw(check);
    hidden.raw(open.view());
    hidden.number(static_cast<std::uint32_t>(seed.size() + half.size()));
    hidden.raw(seed);
    hidden.raw(half);
    hidden.field(comment);
    for (std::uint8_t pad = 1; hidden.size() % kBlockBytes != 0; ++pad) hidden.byte(pad);
    WireWriter whole;
    whole.raw(kMagic);
    whole.field(std::string_view("none"));  // cipher
    whole.field(std::string_view("none"));  // key derivation, and its options
    whole.field(std::string_view(""));
    whole.number(1);
    whole.field(open.view());
    whole.field(hidden.view());
    const auto blob = base64_of(open.view());
    return {.private_key = armored(whole.view()),
            .public_key = std::string(kKeyType).append(" ").append(blob.text()).append(" ").append(comment)};
}

}  // namespace coffer::rotation
