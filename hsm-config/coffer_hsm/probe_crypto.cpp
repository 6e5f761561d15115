#include "hsm-config/coffer_hsm/probe_crypto.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <functional>

#include "crypto/canary.hpp"
#include "crypto/data_key.hpp"
#include "crypto/mechanisms.hpp"
#include "crypto/pkcs11_error.hpp"
#include "crypto/seal_form.hpp"
#include "crypto/signing_pair.hpp"
#include "hsm-config/coffer_hsm/probe_keys.hpp"
#include "hsm-config/coffer_hsm/profile_text.hpp"

namespace coffer::hsm_config {
namespace {

using crypto::ObjectGuard;
using crypto::Session;

constexpr std::string_view kPlaintext = "coffer-hsm check: thirty-two bytes";
constexpr std::size_t kPayloadBytesMax = 65536;

/// A GCM encryption of kPlaintext that shows what the token did with the IV.
struct Encrypted {
    CK_RV code = CKR_OK;
    Bytes iv;   ///< the parameter block's IV afterwards
    Bytes out;  ///< ciphertext, tag, and whatever the token appended
};

Encrypted encrypt_raw(const Session& session, CK_OBJECT_HANDLE key, Bytes iv) {
    Bytes aad(kProbeAad.begin(), kProbeAad.end());
    Bytes data(kPlaintext.begin(), kPlaintext.end());
    CK_GCM_PARAMS parameters{};
    parameters.pIv = iv.data();
    parameters.ulIvLen = iv.size();
    parameters.ulIvBits = iv.size() * 8;
    parameters.pAAD = aad.data();
    parameters.ulAADLen = aad.size();
    parameters.ulTagBits = crypto::kGcmTagBytes * 8;
    CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof parameters};
    auto& functions = session.functions();
    Encrypted result{.code = functions.C_EncryptInit(session.handle(), &mechanism, key), .iv = {}, .out = {}};
    if (result.code != CKR_OK) return result;
    result.out.resize(data.size() + crypto::kGcmTagBytes + crypto::kGcmIvBytesMax);
    CK_ULONG size = result.out.size();
    result.code = functions.C_Encrypt(session.handle(), data.data(), data.size(), result.out.data(), &size);
    result.out.resize(result.code == CKR_OK ? size : 0);
    result.iv = std::move(iv);
    return result;
}

/// What the token did with `offered`. Throws for what fits none of the three modes.
IvFinding judge(const Encrypted& result, const Bytes& offered) {
    const auto body = kPlaintext.size() + crypto::kGcmTagBytes;
    if (result.out.size() == body) {
        const bool kept = result.iv == offered;
        return {.mode = kept ? crypto::IvMode::caller : crypto::IvMode::written_back,
                .iv_bytes = crypto::kGcmIvBytes};
    }
    const auto extra = result.out.size() - body;
    if (result.out.size() > body && (extra == crypto::kGcmIvBytes || extra == crypto::kGcmIvBytesMax)) {
        return {.mode = crypto::IvMode::appended, .iv_bytes = extra};
    }
    throw Error(
        fmt::format("AES-GCM made {} bytes of {}; ciphertext, a 16-byte tag and perhaps an IV were expected",
                    result.out.size(), kPlaintext.size()));
}

Bytes read_back(const Session& session, const WrappingKey& wrapping_key, const IvFinding& iv,
                const StoredPayload& stored, std::string_view aad = kProbeAad) {
    const ObjectGuard key(
        session, crypto::unwrap_data_key(session, wrapping_key.way, wrapping_key.handle, stored.wrapped));
    Bytes out(stored.payload.size());
    out.resize(crypto::gcm_decrypt(session, key.get(), iv.iv_bytes, as_bytes(aad), stored.payload, out));
    return out;
}

/// RFC 3394, 4.6: a 256-bit key wrapped under a 256-bit key.
bool wraps_as_rfc_3394(const Session& session, const crypto::KeyWrap& way) {
    const auto kek = from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    const auto data = from_hex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f");
    const ObjectGuard wrapping(session, import_key(session, CKK_AES, CKA_WRAP, kek));
    const ObjectGuard key(session, import_key(session, CKK_AES, CKA_ENCRYPT, data));
    return to_hex(crypto::wrap_data_key(session, way, wrapping.get(), key.get())) ==
           "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21";
}

/// RFC 4231, 4.7 (test case 6; the keys of the first five are shorter than tokens want them).
bool signs_as_rfc_4231(const Session& session) {
    const ObjectGuard key(session, import_key(session, CKK_GENERIC_SECRET, CKA_SIGN, Bytes(131, 0xaa)));
    std::array<std::uint8_t, 32> mac{};
    crypto::hmac_sha256(session, key.get(),
                        as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"), mac);
    return to_hex(mac) == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
}

/// Compares with a standard's own vector where the token takes keys of known value, as many do not.
std::string known_answer(const std::function<bool()>& matches, std::string_view source) {
    bool right = false;
    try {
        right = matches();
    } catch (const crypto::Pkcs11Error&) {
        return "known answer not checked: the token takes no keys of known value";
    }
    if (!right) throw Error(fmt::format("the token's result is not that of {}", source));
    return fmt::format("known answer of {} matches", source);
}

}  // namespace

Verdict probe_mechanisms(const crypto::Module& module, crypto::SlotId slot,
                         const crypto::KeyWrap& configured) {
    using crypto::MechanismUser;
    static constexpr std::array kServing{MechanismUser::daemon, MechanismUser::audit};
    static constexpr std::array kMaking{MechanismUser::making_keys};
    auto missing = crypto::missing_mechanisms(module, slot, kServing);
    if (key_wrap_mechanisms(module, slot, configured).empty()) missing.push_back(missing_key_wrap());
    const bool serves = missing.empty();
    for (auto& line : crypto::missing_mechanisms(module, slot, kMaking)) missing.push_back(std::move(line));
    if (missing.empty()) return {.result = StepResult::ok, .detail = "all there", .advice = {}};
    return {.result = StepResult::failed,
            .detail = fmt::format("missing: {}", fmt::join(missing, "; ")),
            .advice =
                fmt::format("{} cannot work without: use another token, or allow them in the token's policy",
                            serves ? "coffer-hsm init and the rotation of these keys" : "the daemon")};
}

Verdict probe_random(const Session& session) {
    std::array<std::uint8_t, 32> first{};
    std::array<std::uint8_t, 32> second{};
    for (auto* bytes : {&first, &second}) {
        crypto::check("C_GenerateRandom",
                      session.functions().C_GenerateRandom(session.handle(), bytes->data(), bytes->size()));
    }
    if (first == second) throw Error("C_GenerateRandom gave the same 32 bytes twice");
    return {.result = StepResult::ok, .detail = "32 bytes, twice, different", .advice = {}};
}

IvFinding find_iv_mode(const Session& session, const WrappingKey& wrapping_key) {
    const ObjectGuard key(session, crypto::generate_data_key(session, false));
    Bytes offered(crypto::kGcmIvBytes);
    crypto::check("C_GenerateRandom",
                  session.functions().C_GenerateRandom(session.handle(), offered.data(), offered.size()));
    auto result = encrypt_raw(session, key.get(), offered);
    if (result.code == CKR_MECHANISM_PARAM_INVALID || result.code == CKR_ARGUMENTS_BAD) {
        // CloudHSM takes no IV but twelve zeros, which it overwrites. A token that used the zeros is not
        // taken for one that is good with them: caller mode would have been accepted above.
        offered.assign(crypto::kGcmIvBytes, 0);
        result = encrypt_raw(session, key.get(), offered);
        crypto::check("C_Encrypt (with an IV of zeros)", result.code);
        if (result.iv == offered && result.out.size() == kPlaintext.size() + crypto::kGcmTagBytes) {
            throw Error("the token refuses a random IV and takes twelve zeros without replacing them");
        }
    }
    crypto::check("C_Encrypt", result.code);
    const auto finding = judge(result, offered);
    const auto stored = store_payload(session, wrapping_key, finding, as_bytes(kPlaintext));
    if (!std::ranges::equal(read_back(session, wrapping_key, finding, stored), as_bytes(kPlaintext))) {
        throw Error("what was encrypted with AES-GCM does not decrypt to the same");
    }
    return finding;
}

Verdict describe(const IvFinding& finding) {
    return {.result = StepResult::ok,
            .detail = fmt::format("\"{}\", {} bytes", to_text(finding.mode), finding.iv_bytes),
            .advice = {}};
}

Verdict probe_wrap(const Session& session, const WrappingKey& wrapping_key, const IvFinding& iv) {
    for (const std::string_view plaintext : {std::string_view{}, kPlaintext}) {
        const auto stored = store_payload(session, wrapping_key, iv, as_bytes(plaintext));
        if (!std::ranges::equal(read_back(session, wrapping_key, iv, stored), as_bytes(plaintext))) {
            throw Error("a payload under an unwrapped data key is not what it was");
        }
    }
    return {.result = StepResult::ok,
            .detail = "40 bytes; " +
                      known_answer([&] { return wraps_as_rfc_3394(session, wrapping_key.way); }, "RFC 3394"),
            .advice = {}};
}

Verdict probe_tampering(const Session& session, const WrappingKey& wrapping_key, const IvFinding& iv) {
    const auto good = store_payload(session, wrapping_key, iv, as_bytes(kPlaintext));
    std::vector<std::string> codes;
    const auto require_refusal = [&](std::string_view what, const StoredPayload& stored,
                                     std::string_view aad) {
        try {
            static_cast<void>(read_back(session, wrapping_key, iv, stored, aad));
        } catch (const crypto::Pkcs11Error& error) {
            codes.push_back(fmt::format("{} {}", what, crypto::code_name(error.code())));
            return;
        }
        throw Error(fmt::format("an altered {} was not noticed: do not use this token", what));
    };
    auto altered = good;
    altered.payload.back() ^= 1U;
    require_refusal("tag", altered, kProbeAad);
    altered = good;
    altered.payload.at(iv.iv_bytes) ^= 0x80U;
    require_refusal("ciphertext", altered, kProbeAad);
    altered = good;
    altered.payload.front() ^= 1U;
    require_refusal("IV", altered, kProbeAad);
    require_refusal("AAD", good, "coffer-hsm/other");
    altered = good;
    altered.wrapped.front() ^= 1U;
    require_refusal("wrapped key", altered, kProbeAad);
    return {.result = StepResult::ok,
            .detail = fmt::format("all refused: {}", fmt::join(codes, ", ")),
            .advice = {}};
}

std::size_t find_call_length(const Session& session, const WrappingKey& wrapping_key, const IvFinding& iv) {
    const auto fits = [&](std::size_t size) {
        const Bytes plaintext(size, 0x5a);
        try {
            return read_back(session, wrapping_key, iv,
                             store_payload(session, wrapping_key, iv, plaintext)) == plaintext;
        } catch (const crypto::Pkcs11Error&) {
            return false;
        }
    };
    if (fits(kPayloadBytesMax)) return kPayloadBytesMax;
    // Between the last length that fits and the first that does not, in steps of a cipher block.
    std::size_t good = 1;
    std::size_t bad = kPayloadBytesMax / 16;
    if (!fits(16)) throw Error("not even 16 bytes can be encrypted and decrypted in one call");
    while (bad - good > 1) {
        const auto middle = good + (bad - good) / 2;
        (fits(middle * 16) ? good : bad) = middle;
    }
    return good * 16;
}

Verdict probe_hmac(const Session& session) {
    const ObjectGuard key(session, make_hmac_key(session));
    std::array<std::uint8_t, 32> first{};
    std::array<std::uint8_t, 32> second{};
    crypto::hmac_sha256(session, key.get(), as_bytes(kPlaintext), first);
    crypto::hmac_sha256(session, key.get(), as_bytes(kProbeAad), second);
    if (first == second) throw Error("CKM_SHA256_HMAC gave the same for two messages");
    try {
        crypto::hmac_sha256(session, key.get(), Bytes(crypto::kSealCallBytesMax, 0x5a), first);
    } catch (const crypto::Pkcs11Error& error) {
        throw Error(fmt::format("CKM_SHA256_HMAC of {} bytes in one call: {}", crypto::kSealCallBytesMax,
                                error.what()));
    }
    return {.result = StepResult::ok,
            .detail = fmt::format("CKM_SHA256_HMAC, {} bytes in one call; ", crypto::kSealCallBytesMax) +
                      known_answer([&] { return signs_as_rfc_4231(session); }, "RFC 4231"),
            .advice = {}};
}

Verdict probe_ecdsa(const Session& session) {
    crypto::Template public_key;
    public_key.bytes(CKA_EC_PARAMS, crypto::kP256Params).boolean(CKA_TOKEN, false).boolean(CKA_VERIFY, true);
    crypto::Template private_key;
    private_key.boolean(CKA_TOKEN, false)
        .boolean(CKA_PRIVATE, true)
        .boolean(CKA_SENSITIVE, true)
        .boolean(CKA_EXTRACTABLE, false)
        .boolean(CKA_SIGN, true);
    auto& functions = session.functions();
    CK_MECHANISM generation{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
    CK_OBJECT_HANDLE public_handle = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE private_handle = CK_INVALID_HANDLE;
    crypto::check(
        "C_GenerateKeyPair",
        functions.C_GenerateKeyPair(session.handle(), &generation, public_key.data(), public_key.size(),
                                    private_key.data(), private_key.size(), &public_handle, &private_handle));
    const ObjectGuard public_guard(session, public_handle);
    const ObjectGuard private_guard(session, private_handle);
    CK_MECHANISM mechanism{CKM_ECDSA, nullptr, 0};
    std::array<CK_BYTE, 32> digest{};
    digest.fill(0x5a);
    std::array<CK_BYTE, 64> signature{};
    CK_ULONG size = signature.size();
    crypto::check("C_SignInit", functions.C_SignInit(session.handle(), &mechanism, private_handle));
    crypto::check("C_Sign",
                  functions.C_Sign(session.handle(), digest.data(), digest.size(), signature.data(), &size));
    crypto::check("C_VerifyInit", functions.C_VerifyInit(session.handle(), &mechanism, public_handle));
    crypto::check("C_Verify",
                  functions.C_Verify(session.handle(), digest.data(), digest.size(), signature.data(), size));
    return {.result = StepResult::ok, .detail = "CKM_ECDSA on P-256, signed and verified", .advice = {}};
}

}  // namespace coffer::hsm_config
