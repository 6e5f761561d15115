#include "storage/secret_parts.hpp"

#include <algorithm>

#include "storage/secret_seal.hpp"

namespace coffer::storage {

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kDigestBytes = 4;

/// FNV-1a, 32 bits (Fowler, Noll, Vo): a part that was altered by hand is not altered with the digest in
/// mind.
std::uint32_t fnv1a(ByteView bytes) {
    constexpr std::uint32_t kBasis = 0x811c9dc5;
    constexpr std::uint32_t kPrime = 0x01000193;
    std::uint32_t hash = kBasis;
    for (const auto byte : bytes) hash = (hash ^ byte) * kPrime;
    return hash;
}

}  // namespace

Bytes secret_part_digests(const StoredSecret& secret) {
    const auto messages = secret_part_messages(secret);
    Bytes digests{kFormat};
    digests.reserve(1 + kSecretParts * kDigestBytes);
    std::size_t begin = 0;
    for (const auto end : messages.ends) {
        const auto hash = fnv1a(ByteView(messages.encoded).subspan(begin, end - begin));
        begin = end;
        for (const unsigned shift : {24U, 16U, 8U, 0U}) {
            digests.push_back(static_cast<std::uint8_t>(hash >> shift));
        }
    }
    return digests;
}

std::optional<std::vector<SecretPart>> parts_that_differ(const StoredSecret& secret, ByteView digests) {
    const auto now = secret_part_digests(secret);
    if (digests.size() != now.size() || digests.front() != kFormat) return std::nullopt;
    std::vector<SecretPart> differing;
    for (std::size_t part = 0; part < kSecretParts; ++part) {
        const auto at = 1 + part * kDigestBytes;
        if (!std::ranges::equal(digests.subspan(at, kDigestBytes), ByteView(now).subspan(at, kDigestBytes))) {
            differing.push_back(static_cast<SecretPart>(part));
        }
    }
    return differing;
}

}  // namespace coffer::storage
