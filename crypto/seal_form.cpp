#include "crypto/seal_form.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "crypto/canary.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::crypto {

namespace {

constexpr std::string_view kLongSealDomain = "coffer/long-seal/v1";
constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kGenerationBytes = 4;

bool begins_with(ByteView message, std::string_view domain) {
    const auto prefix = CanonicalEncoder(domain).take();
    return message.size() >= prefix.size() && std::ranges::equal(message.first(prefix.size()), prefix);
}

void require_unreserved(ByteView message) {
    for (const auto domain : {kLongSealDomain, kDeriveDomain}) {
        if (!begins_with(message, domain)) continue;
        throw Error(fmt::format("no seal is made over the domain \"{}\"", domain));
    }
}

std::array<std::uint8_t, kDigestBytes> sha256(ByteView message) {
    std::array<std::uint8_t, kDigestBytes> digest{};
    if (EVP_Digest(message.data(), message.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
        throw Error("OpenSSL cannot compute SHA-256");
    }
    return digest;
}

}  // namespace

std::optional<SealParts> parse_seal(ByteView seal) noexcept {
    if (seal.size() == kMacBytes) return SealParts{1, seal};
    if (seal.size() != kGenerationBytes + kMacBytes) return std::nullopt;
    std::uint32_t generation = 0;
    for (const auto byte : seal.first(kGenerationBytes)) generation = (generation << 8U) | byte;
    if (generation < 2) return std::nullopt;
    return SealParts{generation, seal.subspan(kGenerationBytes)};
}

Bytes encode_seal(std::uint32_t generation, ByteView mac) {
    Bytes seal;
    if (generation != 1) {
        seal = {static_cast<std::uint8_t>(generation >> 24U), static_cast<std::uint8_t>(generation >> 16U),
                static_cast<std::uint8_t>(generation >> 8U), static_cast<std::uint8_t>(generation)};
    }
    seal.insert(seal.end(), mac.begin(), mac.end());
    return seal;
}

void compute_seal(const Session& session, CK_OBJECT_HANDLE key, ByteView message,
                  std::span<std::uint8_t> out) {
    require_unreserved(message);
    if (message.size() <= kSealCallBytesMax) return hmac_sha256(session, key, message, out);
    hmac_sha256(session, key, CanonicalEncoder(kLongSealDomain).bytes(sha256(message)).result(), out);
}

}  // namespace coffer::crypto
