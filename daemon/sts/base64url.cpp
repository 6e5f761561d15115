#include "daemon/sts/base64url.hpp"

#include <openssl/evp.h>

#include <algorithm>

namespace coffer::sts {

namespace {

constexpr std::string_view kBase64Url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kGroup = 4;

/// Bits of the last character that belong to no byte, for each length beyond whole groups.
constexpr unsigned spare_bits(std::size_t beyond) noexcept {
    return beyond == 2 ? 0x0FU : beyond == 3 ? 0x03U : 0U;
}

}  // namespace

std::optional<crypto::SecretBytes> decode_base64url(std::string_view text) {
    const auto beyond = text.size() % kGroup;
    if (beyond == 1 || text.find_first_not_of(kBase64Url) != std::string_view::npos) return std::nullopt;
    if (text.empty()) return crypto::SecretBytes();
    if ((kBase64Url.find(text.back()) & spare_bits(beyond)) != 0) return std::nullopt;
    const auto padding = (kGroup - beyond) % kGroup;
    crypto::SecretBytes padded(text.size() + padding);
    const auto to = padded.writable();
    std::ranges::transform(text, to.begin(), [](char c) {
        return static_cast<std::uint8_t>(c == '-' ? '+' : c == '_' ? '/' : c);
    });
    std::ranges::fill(to.last(padding), static_cast<std::uint8_t>('='));
    crypto::SecretBytes bytes(padded.size() / kGroup * 3);
    const int size =
        EVP_DecodeBlock(bytes.writable().data(), padded.view().data(), static_cast<int>(padded.size()));
    if (size < 0) return std::nullopt;
    bytes.truncate(static_cast<std::size_t>(size) - padding);
    return bytes;
}

}  // namespace coffer::sts
