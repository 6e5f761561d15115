#include "crypto/canary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "crypto/data_key.hpp"
#include "crypto/gcm.hpp"
#include "crypto/objects.hpp"
#include "crypto/pkcs11_error.hpp"
#include "crypto/seal_form.hpp"

namespace coffer::crypto {

namespace {
constexpr std::string_view kText = "coffer canary v1";
constexpr std::string_view kAad = "coffer/canary/v1";
}  // namespace

Canary Canary::make(const Session& session, const KeyRing& ring, const Profile& profile) {
    Canary canary;
    canary.wrap_ = profile.key_wrap;
    canary.master_ = *ring.newest(ring.infos().front().id);
    const auto master = ring.find(canary.master_).value();
    const ObjectGuard key(session, generate_data_key(session, profile.wrap_with_trusted));
    canary.iv_bytes_ = measure_iv_bytes(session, key.get(), profile.iv_mode);
    gcm_encrypt(session, key.get(), profile.iv_mode, canary.iv_bytes_, as_bytes(kAad), as_bytes(kText),
                canary.stored_);
    canary.wrapped_ = wrap_data_key(session, canary.wrap_, master, key.get());
    canary.open(session, ring);
    std::array<std::uint8_t, kMacBytes> mac{};
    for (const auto generation : ring.seal_generations()) {
        hmac_sha256(session, ring.seal_key(generation).value(), Bytes(kSealCallBytesMax, 0x5a), mac);
    }
    return canary;
}

bool Canary::opens(const Session& session, const KeyRing& ring, ByteView wrapped, ByteView stored) const {
    const ObjectGuard key(session, unwrap_data_key(session, wrap_, ring.find(master_).value(), wrapped));
    std::array<std::uint8_t, kText.size() + kGcmTagBytes> out{};
    const auto size = gcm_decrypt(session, key.get(), iv_bytes_, as_bytes(kAad), stored, out);
    return size == kText.size() && std::ranges::equal(std::span(out).first(size), as_bytes(kText));
}

void Canary::open(const Session& session, const KeyRing& ring) const {
    try {
        if (opens(session, ring, wrapped_, stored_)) return;
    } catch (const Pkcs11Error& e) {
        // Whatever class the code has for data: this data is good, so the token is not.
        if (e.error_class() != ErrorClass::integrity && e.error_class() != ErrorClass::caller) throw;
        throw Pkcs11Error(e.function(), e.code(), ErrorClass::module);
    }
    throw Pkcs11Error("C_Decrypt", CKR_OK, ErrorClass::module);
}

void Canary::require_tamper_detection(const Session& session, const KeyRing& ring) const {
    const auto passes = [&](ByteView wrapped, ByteView stored) {
        try {
            return opens(session, ring, wrapped, stored);
        } catch (const Pkcs11Error& e) {
            if (!may_mean_altered(e.code())) throw;
            return false;
        }
    };
    Bytes altered = stored_;
    altered.back() ^= 1U;  // the tag
    if (passes(wrapped_, altered))
        throw Error("the token's AES-GCM does not notice an altered tag: do not use it");
    altered = wrapped_;
    altered.front() ^= 1U;
    if (passes(altered, stored_)) {
        throw Error(
            fmt::format("the token's {} does not notice an altered key: do not use it", to_text(wrap_)));
    }
}

void hmac_sha256(const Session& session, CK_OBJECT_HANDLE key, ByteView message,
                 std::span<std::uint8_t> out) {
    auto& f = session.functions();
    CK_MECHANISM mechanism{CKM_SHA256_HMAC, nullptr, 0};
    check("C_SignInit", f.C_SignInit(session.handle(), &mechanism, key));
    static constexpr std::uint8_t kNothing = 0;
    auto* data = const_cast<std::uint8_t*>(message.empty() ? &kNothing : message.data());
    CK_ULONG written = out.size();
    check("C_Sign", f.C_Sign(session.handle(), data, message.size(), out.data(), &written));
    if (written != kMacBytes) {
        throw Error(
            fmt::format("the token's CKM_SHA256_HMAC made {} bytes instead of {}", written, kMacBytes));
    }
}

}  // namespace coffer::crypto
