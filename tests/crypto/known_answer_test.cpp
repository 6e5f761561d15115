// The standards' own vectors, through the token: keys with known bytes are imported as session objects.

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <array>

#include "crypto/canary.hpp"
#include "crypto/data_key.hpp"
#include "crypto/gcm.hpp"
#include "crypto/objects.hpp"
#include "crypto/pkcs11_error.hpp"
#include "crypto/seal_form.hpp"
#include "tests/support/tokens.hpp"

namespace coffer::crypto {
namespace {

using testing::TestToken;
using testing::TokenKind;

CK_OBJECT_HANDLE import_key(const Session& session, CK_KEY_TYPE type, ByteView value) {
    Template key;
    key.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, type)
        .bytes(CKA_VALUE, value)
        .boolean(CKA_TOKEN, false)
        .boolean(CKA_SENSITIVE, false)
        .boolean(CKA_EXTRACTABLE, true)
        .boolean(CKA_ENCRYPT, true)
        .boolean(CKA_DECRYPT, true)
        .boolean(CKA_WRAP, true)
        .boolean(CKA_UNWRAP, true)
        .boolean(CKA_SIGN, true);
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    check("C_CreateObject",
          session.functions().C_CreateObject(session.handle(), key.data(), key.size(), &handle));
    return handle;
}

class KnownAnswerTest : public ::testing::TestWithParam<TokenKind> {
protected:
    void with_session(const std::function<void(const Session&)>& work) const {
        token_.with_session([&](const Session& session, const Module&, SlotId) { work(session); });
    }

private:
    TestToken token_ = TestToken::make(GetParam(), false);
};

INSTANTIATE_TEST_SUITE_P(Tokens, KnownAnswerTest, ::testing::ValuesIn(testing::all_token_kinds()),
                         [](const auto& parameter) {
                             return std::string(testing::to_text(parameter.param));
                         });

struct GcmVector {
    const char* name;
    const char* key;
    const char* iv;
    const char* aad;
    const char* plaintext;
    const char* ciphertext;
    const char* tag;
};

// "The Galois/Counter Mode of Operation (GCM)", McGrew and Viega, submitted to NIST, appendix B: the test
// cases with 256-bit keys and 96-bit IVs.
constexpr std::array kGcmVectors = {
    GcmVector{"13", "0000000000000000000000000000000000000000000000000000000000000000",
              "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    GcmVector{"14", "0000000000000000000000000000000000000000000000000000000000000000",
              "000000000000000000000000", "", "00000000000000000000000000000000",
              "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
    GcmVector{"15", "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
              "cafebabefacedbaddecaf888", "",
              "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
              "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
              "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
              "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
              "b094dac5d93471bdec1a502270e3cc6c"},
    GcmVector{"16", "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
              "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
              "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
              "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
              "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
              "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
              "76fc6ece0f4e1768cddf8853bb2d551b"},
};

TEST_P(KnownAnswerTest, GcmDecryptsTheSpecificationsVectors) {
    with_session([](const Session& session) {
        for (const auto& vector : kGcmVectors) {
            const ObjectGuard key(session, import_key(session, CKK_AES, from_hex(vector.key)));
            const auto stored =
                from_hex(std::string(vector.iv) + vector.ciphertext + vector.tag);  // the stored order
            Bytes out(stored.size());
            out.resize(gcm_decrypt(session, key.get(), kGcmIvBytes, from_hex(vector.aad), stored, out));
            EXPECT_EQ(to_hex(out), vector.plaintext) << vector.name;
            auto altered = stored;
            altered.back() ^= 1;
            Bytes room(stored.size());
            EXPECT_THROW(
                (void)gcm_decrypt(session, key.get(), kGcmIvBytes, from_hex(vector.aad), altered, room),
                Pkcs11Error);
        }
    });
}

// What we encrypt must be what any other implementation decrypts; the token's own decryption of the vectors
// above is the bridge.
TEST_P(KnownAnswerTest, GcmEncryptsWhatItDecrypts) {
    with_session([](const Session& session) {
        const ObjectGuard key(session, import_key(session, CKK_AES, from_hex(kGcmVectors[3].key)));
        const auto aad = from_hex(kGcmVectors[3].aad);
        const auto plaintext = from_hex(kGcmVectors[3].plaintext);
        Bytes stored;
        gcm_encrypt(session, key.get(), IvMode::caller, kGcmIvBytes, aad, plaintext, stored);
        EXPECT_EQ(stored.size(), kGcmIvBytes + plaintext.size() + kGcmTagBytes);
        Bytes out(stored.size());
        out.resize(gcm_decrypt(session, key.get(), kGcmIvBytes, aad, stored, out));
        EXPECT_EQ(out, plaintext);
    });
}

// RFC 3394, section 4.6: wrap 256 bits of key data with a 256-bit KEK.
TEST_P(KnownAnswerTest, KeyWrapIsRfc3394) {
    with_session([](const Session& session) {
        const ObjectGuard kek(
            session,
            import_key(session, CKK_AES,
                       from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")));
        const auto key_data = from_hex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f");
        const ObjectGuard key(session, import_key(session, CKK_AES, key_data));
        const auto wrapped = wrap_data_key(session, {}, kek.get(), key.get());
        EXPECT_EQ(to_hex(wrapped),
                  "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21");

        // The unwrapped key is the same one, and tells nobody its bytes.
        const ObjectGuard unwrapped(session, unwrap_data_key(session, {}, kek.get(), wrapped));
        EXPECT_EQ(read_attribute(session, unwrapped.get(), CKA_VALUE), std::nullopt);
        Bytes stored;
        gcm_encrypt(session, key.get(), IvMode::caller, kGcmIvBytes, {}, key_data, stored);
        Bytes out(stored.size());
        out.resize(gcm_decrypt(session, unwrapped.get(), kGcmIvBytes, {}, stored, out));
        EXPECT_EQ(out, key_data);

        auto altered = wrapped;
        altered[7] ^= 1;
        EXPECT_THROW((void)unwrap_data_key(session, {}, kek.get(), altered), Pkcs11Error);
    });
}

constexpr std::size_t kSha256BlockBytes = 64;

struct HmacVector {
    std::string key;
    std::string message;
    const char* mac;
};

// RFC 4231, sections 4.2, 4.3, 4.4 and 4.7.
TEST_P(KnownAnswerTest, SealsAreHmacSha256) {
    const std::array vectors = {
        HmacVector{std::string(20, '\x0b'), "Hi There",
                   "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        HmacVector{"Jefe", "what do ya want for nothing?",
                   "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        HmacVector{std::string(20, '\xaa'), std::string(50, '\xdd'),
                   "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        HmacVector{std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
                   "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };
    with_session([&](const Session& session) {
        for (const auto& vector : vectors) {
            // Shorter keys are filled up with zeros to the hash's block by definition (RFC 2104, section 2),
            // which changes nothing; SoftHSM2 takes no key shorter than the MAC.
            std::string filled = vector.key;
            if (filled.size() < kSha256BlockBytes) filled.resize(kSha256BlockBytes, '\0');
            const ObjectGuard key(session, import_key(session, CKK_GENERIC_SECRET, as_bytes(filled)));
            Bytes mac(kSealBytes);
            hmac_sha256(session, key.get(), as_bytes(vector.message), mac);
            EXPECT_EQ(to_hex(mac), vector.mac) << vector.message;
        }
    });
}

/// HMAC-SHA256 by another implementation.
Bytes openssl_hmac(ByteView key, ByteView message) {
    Bytes mac(kSealBytes);
    unsigned size = 0;
    EXPECT_NE(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
                   mac.data(), &size),
              nullptr);
    EXPECT_EQ(size, mac.size());
    return mac;
}

// The two forms of crypto/README.md, "Seals of long messages", spelled out byte by byte.
TEST_P(KnownAnswerTest, LongMessagesAreSealedByTheirDigest) {
    const Bytes key_bytes(64, 0xaa);
    with_session([&](const Session& session) {
        const ObjectGuard key(session, import_key(session, CKK_GENERIC_SECRET, key_bytes));
        for (const std::size_t size : {0U, 1U, 4095U, 4096U, 4097U, 16288U, 16289U, 300000U}) {
            const Bytes message(size, 0xdd);
            Bytes input = message;
            if (size > 4096) {
                input = from_hex(
                    "730000000000000013"
                    "636f666665722f6c6f6e672d7365616c2f7631"
                    "620000000000000020");
                std::array<std::uint8_t, 32> digest{};
                SHA256(message.data(), message.size(), digest.data());
                input.insert(input.end(), digest.begin(), digest.end());
                ASSERT_EQ(input.size(), 69U);
            }
            Bytes seal(kSealBytes);
            compute_seal(session, key.get(), message, seal);
            EXPECT_EQ(to_hex(seal), to_hex(openssl_hmac(key_bytes, input))) << size;
        }
    });
}

TEST_P(KnownAnswerTest, NoSealIsMadeOverAReservedDomain) {
    with_session([&](const Session& session) {
        const ObjectGuard key(session, import_key(session, CKK_GENERIC_SECRET, Bytes(64, 0xaa)));
        Bytes seal(kSealBytes);
        for (const auto* domain : {"coffer/long-seal/v1", "coffer/derive/v1"}) {
            for (const std::size_t size : {32U, 5000U}) {
                const auto message = CanonicalEncoder(domain).bytes(Bytes(size, 1)).take();
                EXPECT_THROW(compute_seal(session, key.get(), message, seal), Error) << domain;
            }
        }
        EXPECT_NO_THROW(compute_seal(
            session, key.get(), CanonicalEncoder("coffer/long-seal/v10").bytes(Bytes(32, 1)).take(), seal));
    });
}

TEST_P(KnownAnswerTest, DataKeysCanDoNoMoreThanTheirStepNeeds) {
    with_session([](const Session& session) {
        const ObjectGuard kek(
            session,
            import_key(session, CKK_AES,
                       from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")));
        const ObjectGuard fresh(session, generate_data_key(session, false));
        EXPECT_EQ(read_boolean(session, fresh.get(), CKA_ENCRYPT), true);
        EXPECT_EQ(read_boolean(session, fresh.get(), CKA_DECRYPT), false);
        EXPECT_EQ(read_boolean(session, fresh.get(), CKA_SENSITIVE), true);
        EXPECT_EQ(read_boolean(session, fresh.get(), CKA_TOKEN), false);
        EXPECT_EQ(read_attribute(session, fresh.get(), CKA_VALUE), std::nullopt);
        const ObjectGuard reading(
            session,
            unwrap_data_key(session, {}, kek.get(), wrap_data_key(session, {}, kek.get(), fresh.get())));
        EXPECT_EQ(read_boolean(session, reading.get(), CKA_ENCRYPT), false);
        EXPECT_EQ(read_boolean(session, reading.get(), CKA_DECRYPT), true);
        EXPECT_EQ(read_boolean(session, reading.get(), CKA_SENSITIVE), true);
        EXPECT_EQ(read_boolean(session, reading.get(), CKA_EXTRACTABLE), false);
        EXPECT_EQ(read_boolean(session, reading.get(), CKA_WRAP), false);
        EXPECT_EQ(read_attribute(session, reading.get(), CKA_VALUE), std::nullopt);
        Bytes ignored;
        EXPECT_THROW(gcm_encrypt(session, reading.get(), IvMode::caller, kGcmIvBytes, {}, {}, ignored),
                     Pkcs11Error);
    });
}

}  // namespace
}  // namespace coffer::crypto
