#include "crypto/gcm.hpp"

#include <algorithm>
#include <array>

#include "crypto/pkcs11_error.hpp"

namespace coffer::crypto {

namespace {

using Iv = std::array<std::uint8_t, kGcmIvBytesMax>;

/// The interface knows no const and SoftHSM2 refuses null for zero bytes.
std::uint8_t* readable(ByteView bytes) {
    static constexpr std::uint8_t kNothing = 0;
    return const_cast<std::uint8_t*>(bytes.empty() ? &kNothing : bytes.data());
}

CK_GCM_PARAMS parameters(std::span<std::uint8_t> iv, ByteView aad) {
    CK_GCM_PARAMS out{};
    out.iv_ptr = iv.data();
    out.iv_len = iv.size();
    out.iv_bits = iv.size() * 8;
    out.aad_ptr = readable(aad);
    out.aad_len = aad.size();
    out.tag_bits = kGcmTagBytes * 8;
    return out;
}

/// Encrypts with `iv` in the parameters; the token may write to it. Returns the bytes written to `out`.
std::size_t encrypt(const Session& session, CK_OBJECT_HANDLE key, std::span<std::uint8_t> iv, ByteView aad,
                    ByteView plaintext, std::span<std::uint8_t> out) {
    auto& f = session.functions();
    CK_GCM_PARAMS params = parameters(iv, aad);
    CK_MECHANISM mechanism{CKM_AES_GCM, &params, sizeof params};
    check("C_EncryptInit", f.C_EncryptInit(session.handle(), &mechanism, key));
    CK_ULONG written = out.size();
    check("C_Encrypt",
          f.C_Encrypt(session.handle(), readable(plaintext), plaintext.size(), out.data(), &written));
    return written;
}

void random_iv(const Session& session, std::span<std::uint8_t> iv) {
    check("C_GenerateRandom", session.functions().C_GenerateRandom(session.handle(), iv.data(), iv.size()));
}

Error odd_length() {
    return Error(
        "the token's AES-GCM does not give ciphertext and a 16-byte tag in the way that iv_mode of its "
        "profile says");
}

/// Our own IV: IV, ciphertext and tag come out in their stored order.
void encrypt_with_own_iv(const Session& session, CK_OBJECT_HANDLE key, ByteView aad, ByteView plaintext,
                         Bytes& out) {
    const std::size_t at = out.size();
    out.resize(at + kGcmIvBytes + plaintext.size() + kGcmTagBytes);
    const auto iv = std::span(out).subspan(at, kGcmIvBytes);
    random_iv(session, iv);
    const auto rest = std::span(out).subspan(at + kGcmIvBytes);
    if (encrypt(session, key, iv, aad, plaintext, rest) != rest.size()) throw odd_length();
}

/// The token writes its IV over the zeros that it is given.
void encrypt_with_written_iv(const Session& session, CK_OBJECT_HANDLE key, ByteView aad, ByteView plaintext,
                             Bytes& out) {
    const std::size_t at = out.size();
    out.resize(at + kGcmIvBytes + plaintext.size() + kGcmTagBytes);
    const auto iv = std::span(out).subspan(at, kGcmIvBytes);
    const auto rest = std::span(out).subspan(at + kGcmIvBytes);
    if (encrypt(session, key, iv, aad, plaintext, rest) != rest.size()) throw odd_length();
    if (std::ranges::all_of(iv, [](std::uint8_t b) { return b == 0; })) {
        throw Error(
            "the token did not write an IV back: iv_mode of its profile must not be \"written-back\"");
    }
}

/// The token appends its IV to ciphertext and tag. Returns that IV's length.
std::size_t encrypt_with_appended_iv(const Session& session, CK_OBJECT_HANDLE key, ByteView aad,
                                     ByteView plaintext, Bytes& out) {
    Iv ignored{};
    const auto offered = std::span(ignored).first(kGcmIvBytes);
    // Random all the same: were the token to use it after all, it would not be the same one twice.
    random_iv(session, offered);
    const std::size_t body = plaintext.size() + kGcmTagBytes;
    Bytes made(body + kGcmIvBytesMax);
    const std::size_t written = encrypt(session, key, offered, aad, plaintext, made);
    if (written <= body || written > made.size()) {
        throw Error("the token did not append an IV: iv_mode of its profile must not be \"appended\"");
    }
    const auto iv = ByteView(made).subspan(body, written - body);
    out.insert(out.end(), iv.begin(), iv.end());
    out.insert(out.end(), made.begin(), made.begin() + static_cast<std::ptrdiff_t>(body));
    return iv.size();
}

}  // namespace

void gcm_encrypt(const Session& session, CK_OBJECT_HANDLE key, IvMode mode, std::size_t iv_bytes,
                 ByteView aad, ByteView plaintext, Bytes& out) {
    switch (mode) {
        case IvMode::caller:
            return encrypt_with_own_iv(session, key, aad, plaintext, out);
        case IvMode::written_back:
            return encrypt_with_written_iv(session, key, aad, plaintext, out);
        case IvMode::appended:
            if (encrypt_with_appended_iv(session, key, aad, plaintext, out) != iv_bytes) throw odd_length();
            return;
    }
}

std::size_t measure_iv_bytes(const Session& session, CK_OBJECT_HANDLE key, IvMode mode) {
    if (mode != IvMode::appended) return kGcmIvBytes;
    Bytes ignored;
    const std::size_t length = encrypt_with_appended_iv(session, key, {}, {}, ignored);
    if (length != kGcmIvBytes && length != kGcmIvBytesMax) throw odd_length();
    return length;
}

std::size_t gcm_decrypt(const Session& session, CK_OBJECT_HANDLE key, std::size_t iv_bytes, ByteView aad,
                        ByteView stored, std::span<std::uint8_t> out) {
    auto& f = session.functions();
    Iv iv{};
    std::ranges::copy(stored.first(iv_bytes), iv.begin());
    CK_GCM_PARAMS params = parameters(std::span(iv).first(iv_bytes), aad);
    CK_MECHANISM mechanism{CKM_AES_GCM, &params, sizeof params};
    check("C_DecryptInit", f.C_DecryptInit(session.handle(), &mechanism, key));
    const auto body = stored.subspan(iv_bytes);
    CK_ULONG written = out.size();
    check("C_Decrypt", f.C_Decrypt(session.handle(), readable(body), body.size(), out.data(), &written));
    return written;
}

}  // namespace coffer::crypto
