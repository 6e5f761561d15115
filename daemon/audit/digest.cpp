#include "daemon/audit/digest.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "daemon/base/errors.hpp"

namespace coffer::audit {

namespace {

struct ContextFree {
    void operator()(EVP_MD_CTX* p) const noexcept { EVP_MD_CTX_free(p); }
};
struct MdFree {
    void operator()(EVP_MD* p) const noexcept { EVP_MD_free(p); }
};

/// Fetched once: a fetch for each record costs more than the hash of a short one.
const EVP_MD* algorithm() {
    static const std::unique_ptr<EVP_MD, MdFree> kSha256(EVP_MD_fetch(nullptr, "SHA256", nullptr));
    return kSha256.get();
}

bool is_strict_hex(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

Digest sha256(std::initializer_list<ByteView> parts) {
    static thread_local const std::unique_ptr<EVP_MD_CTX, ContextFree> kContext(EVP_MD_CTX_new());
    Digest out{};
    bool good = kContext && EVP_DigestInit_ex(kContext.get(), algorithm(), nullptr) == 1;
    for (const auto part : parts) {
        good = good && EVP_DigestUpdate(kContext.get(), part.data(), part.size()) == 1;
    }
    if (!good || EVP_DigestFinal_ex(kContext.get(), out.data(), nullptr) != 1) {
        throw Error("OpenSSL cannot compute SHA-256");
    }
    return out;
}

std::string to_text(const Digest& digest) {
    return to_hex(digest);
}

std::optional<Digest> digest_from_text(std::string_view text) noexcept {
    Digest out{};
    if (text.size() != 2 * out.size() || !is_strict_hex(text)) return std::nullopt;
    const auto value = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = static_cast<std::uint8_t>(value(text[2 * i]) * 16U + value(text[2 * i + 1]));
    }
    return out;
}

std::optional<Bytes> strict_from_hex(std::string_view text) {
    if (text.size() % 2 != 0 || !is_strict_hex(text)) return std::nullopt;
    return from_hex(text);
}

}  // namespace coffer::audit
