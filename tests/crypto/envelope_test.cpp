// Envelope encryption through real tokens: round trips, and that nothing altered ever opens.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "crypto/derived_keys.hpp"
#include "crypto/hsm_impl.hpp"
#include "crypto/objects.hpp"
#include "crypto/payload_format.hpp"
#include "tests/crypto/test_hsm.hpp"

namespace coffer::crypto {
namespace {

using testing::TestHsm;
using testing::TestToken;
using testing::TokenKind;

Bytes some_bytes(std::size_t size, unsigned seed = 1) {
    std::mt19937 generator(seed);
    Bytes out(size);
    for (auto& b : out) b = static_cast<std::uint8_t>(generator());
    return out;
}

const PayloadIdentity kIdentity{
    .secret_arn = "arn:aws:secretsmanager:rack-1:000000000000:secret:app/db-AbCdEf",
    .version_id = "6f0a1d6e-52a3-4c2c-9ad2-1d0f6a4c7b10",
    .kind = PayloadKind::secret_string};

class EnvelopeTest : public ::testing::TestWithParam<TokenKind> {
protected:
    [[nodiscard]] TestHsm open_with(const std::function<void(HsmConfig&)>& change = [](HsmConfig&) {}) const {
        auto config = token_.hsm_config();
        change(config);
        return TestHsm(config);
    }
    TestToken token_ = TestToken::make(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Tokens, EnvelopeTest, ::testing::ValuesIn(testing::all_token_kinds()),
                         [](const auto& parameter) {
                             return std::string(testing::to_text(parameter.param));
                         });

TEST_P(EnvelopeTest, RoundTripsEverySize) {
    auto hsm = open_with();
    for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 4096U, 65535U, 65536U}) {
        const auto plaintext = some_bytes(size);
        const auto sealed = hsm.seal(kIdentity, plaintext);
        // By the layout: header, one segment of IV, ciphertext and tag.
        EXPECT_EQ(sealed.ciphertext.size(), 8 + 12 + size + 16);
        EXPECT_EQ(sealed.wrapped_key.size(), 40U);
        EXPECT_EQ(hsm.open(kIdentity, sealed), plaintext) << size;
        EXPECT_EQ(hsm.open(kIdentity, sealed), plaintext) << size << ", with the kept key";
    }
    EXPECT_THROW((void)hsm.seal(kIdentity, some_bytes(65537)), Error);
    EXPECT_TRUE(hsm.observer().recoveries().empty());
}

TEST_P(EnvelopeTest, CutsLongPayloadsIntoSegments) {
    auto hsm = open_with([](HsmConfig& config) { config.profile.max_call_bytes = 100; });
    for (const std::size_t size : {0U, 1U, 99U, 100U, 101U, 200U, 201U, 1234U, 65536U}) {
        const auto plaintext = some_bytes(size);
        const auto sealed = hsm.seal(kIdentity, plaintext);
        const std::size_t segments = size == 0 ? 1 : (size + 99) / 100;
        EXPECT_EQ(sealed.ciphertext.size(), 8 + segments * 28 + size);
        EXPECT_EQ(hsm.open(kIdentity, sealed), plaintext) << size;
    }
    std::mt19937 sizes(7);
    for (int i = 0; i < 30; ++i) {
        const auto plaintext = some_bytes(sizes() % 3000, static_cast<unsigned>(i));
        EXPECT_EQ(hsm.open(kIdentity, hsm.seal(kIdentity, plaintext)), plaintext);
    }
}

TEST_P(EnvelopeTest, ReadsWhatWasWrittenWithAnotherCallLength) {
    const auto plaintext = some_bytes(1000);
    SealedPayload sealed;
    {
        auto hsm = open_with([](HsmConfig& config) { config.profile.max_call_bytes = 64; });
        sealed = hsm.seal(kIdentity, plaintext);
    }
    auto hsm = open_with();
    EXPECT_EQ(hsm.open(kIdentity, sealed), plaintext);
}

TEST_P(EnvelopeTest, EveryPayloadHasItsOwnKeyAndIv) {
    auto hsm = open_with();
    const auto a = hsm.seal(kIdentity, some_bytes(32));
    const auto b = hsm.seal(kIdentity, some_bytes(32));
    EXPECT_NE(a.wrapped_key, b.wrapped_key);
    EXPECT_NE(a.ciphertext, b.ciphertext);
}

// Each byte of each region; whatever is flipped, moved or cut must be refused, and must not look like a
// broken token.
TEST_P(EnvelopeTest, NothingAlteredOpens) {
    auto hsm = open_with([](HsmConfig& config) { config.profile.max_call_bytes = 24; });
    const auto plaintext = some_bytes(60);  // 3 segments
    const auto good = hsm.seal(kIdentity, plaintext);
    ASSERT_EQ(good.ciphertext.size(), 8U + 3 * 28 + 60);
    std::size_t refused = 0;
    const auto expect_refused = [&](const PayloadIdentity& identity, const SealedPayload& payload,
                                    const char* what, std::size_t at = 0) {
        EXPECT_THROW((void)hsm.open(identity, payload), IntegrityError) << what << " " << at;
        ++refused;
    };
    const auto altered = [&](auto change) {
        SealedPayload payload = good;
        change(payload);
        return payload;
    };
    // With the data key kept from a good read, and without.
    for (const bool kept : {false, true}) {
        for (std::size_t i = 0; i < good.ciphertext.size(); ++i) {
            if (kept) (void)hsm.open(kIdentity, good);
            expect_refused(kIdentity, altered([&](auto& p) { p.ciphertext[i] ^= 0x40; }), "ciphertext byte",
                           i);
        }
    }
    for (std::size_t i = 0; i < good.wrapped_key.size(); ++i) {
        expect_refused(kIdentity, altered([&](auto& p) { p.wrapped_key[i] ^= 1; }), "wrapped key byte", i);
    }
    for (std::size_t size = 0; size < good.ciphertext.size(); ++size) {
        expect_refused(kIdentity, altered([&](auto& p) { p.ciphertext.resize(size); }), "cut to", size);
    }
    const auto segment = [&](std::size_t i) {
        return good.ciphertext.begin() + static_cast<long>(8 + i * 52);
    };
    expect_refused(kIdentity, altered([&](auto& p) {
                       std::swap_ranges(p.ciphertext.begin() + 8, p.ciphertext.begin() + 60,
                                        p.ciphertext.begin() + 60);
                   }),
                   "segments swapped");
    expect_refused(kIdentity, altered([&](auto& p) {
                       p.ciphertext.insert(p.ciphertext.begin() + 8, segment(0), segment(1));
                   }),
                   "segment repeated");
    expect_refused(kIdentity, altered([&](auto& p) {
                       p.ciphertext.erase(p.ciphertext.begin() + 8, p.ciphertext.begin() + 60);
                   }),
                   "first segment removed");
    expect_refused(kIdentity, altered([&](auto& p) { p.ciphertext.push_back(0); }), "a byte more");
    expect_refused(kIdentity, altered([&](auto& p) { p.wrapped_key.push_back(0); }), "a longer wrapped key");
    expect_refused(kIdentity, altered([&](auto& p) { p.wrapped_key.clear(); }), "no wrapped key");
    const auto other = hsm.seal(kIdentity, plaintext);
    expect_refused(kIdentity, altered([&](auto& p) { p.wrapped_key = other.wrapped_key; }), "another's key");

    auto identity = kIdentity;
    identity.secret_arn.back() = 'X';
    expect_refused(identity, good, "another secret");
    identity = kIdentity;
    identity.version_id.clear();
    expect_refused(identity, good, "another version");
    identity = kIdentity;
    identity.kind = PayloadKind::secret_binary;
    expect_refused(identity, good, "another kind");

    EXPECT_EQ(hsm.open(kIdentity, good), plaintext);
    EXPECT_TRUE(hsm.observer().recoveries().empty());
    EXPECT_TRUE(hsm.observer().readiness().empty());
    EXPECT_EQ(hsm.observer().integrity_failures().size(), refused);
    EXPECT_EQ(hsm.hsm().status().epoch, 1U);
}

TEST_P(EnvelopeTest, APayloadUnderAnUnknownKeyIsNamed) {
    auto hsm = open_with();
    auto sealed = hsm.seal(kIdentity, some_bytes(10));
    sealed.master_key.generation = 9;
    sealed.wrapped_key[0] ^= 1U;  // as one that another generation wrapped: none of here unwraps it
    try {
        (void)hsm.open(kIdentity, sealed);
        FAIL();
    } catch (const UnknownMasterKey& e) {
        EXPECT_THAT(e.what(),
                    ::testing::HasSubstr("generation 9 of master key " + hsm.main_key().value().text()));
    }
}

TEST_P(EnvelopeTest, KeepsNoMoreDataKeysThanTheProfileSays) {
    constexpr std::size_t kLimit = 4;
    auto hsm = open_with([](HsmConfig& config) { config.profile.data_key_handles = kLimit; });
    std::vector<SealedPayload> payloads;
    for (int i = 0; i < 10; ++i) payloads.push_back(hsm.seal(kIdentity, some_bytes(20)));
    EXPECT_EQ(hsm.hsm().status().data_keys_cached, 0U);
    for (const auto& payload : payloads) {
        (void)hsm.open(kIdentity, payload);
        EXPECT_LE(hsm.hsm().status().data_keys_cached, kLimit);
    }
    EXPECT_EQ(hsm.hsm().status().data_keys_cached, kLimit);
    hsm.hsm().envelope().forget(payloads.back().wrapped_key);
    EXPECT_EQ(hsm.hsm().status().data_keys_cached, kLimit - 1);
    hsm.hsm().envelope().forget(payloads.front().wrapped_key);  // was not kept
    EXPECT_EQ(hsm.hsm().status().data_keys_cached, kLimit - 1);
}

TEST_P(EnvelopeTest, LeavesNoSessionObjectsBehind) {
    auto hsm = open_with([](HsmConfig& config) { config.profile.data_key_handles = 2; });
    const auto session_keys = [&] {
        return wait_for<std::size_t>([&](Completion<std::size_t> done) {
            hsm.hsm().impl().submit<std::size_t>({}, std::move(done), [](HsmContext& context) {
                Template wanted;
                wanted.number(CKA_CLASS, CKO_SECRET_KEY).boolean(CKA_TOKEN, false);
                return find_objects(context.session(), wanted).size();
            });
        });
    };
    const auto before = session_keys();
    for (int i = 0; i < 10; ++i) {
        auto sealed = hsm.seal(kIdentity, some_bytes(20));
        (void)hsm.open(kIdentity, sealed);
        sealed.ciphertext.back() ^= 1;
        EXPECT_THROW((void)hsm.open(kIdentity, sealed), IntegrityError);
    }
    EXPECT_LE(session_keys(), before + 2);
}

TEST_P(EnvelopeTest, WorksWithoutCopiesOfTheKeys) {
    auto hsm = open_with([](HsmConfig& config) { config.profile.copy_master_keys = false; });
    EXPECT_FALSE(hsm.hsm().status().master_keys_copied);
    const auto plaintext = some_bytes(100);
    EXPECT_EQ(hsm.open(kIdentity, hsm.seal(kIdentity, plaintext)), plaintext);
}

TEST_P(EnvelopeTest, TheLayoutIsAsDocumented) {
    auto hsm = open_with([](HsmConfig& config) { config.profile.max_call_bytes = 0x1234; });
    const auto sealed = hsm.seal(kIdentity, some_bytes(3));
    // Format 1, AES-256-GCM 1, IV from the caller 1, 12 bytes of IV, 0x1234 bytes a segment.
    EXPECT_EQ(to_hex(ByteView(sealed.ciphertext).first(8)), "0101010c00001234");
    EXPECT_EQ(sealed.master_key.id, hsm.main_key());
    EXPECT_EQ(sealed.master_key.generation, 1U);
}

TEST_P(EnvelopeTest, SealsAndDerivedKeys) {
    auto hsm = open_with();
    auto& seals = hsm.hsm().seals();
    const auto message = some_bytes(1000);
    const auto seal = seals.make(message, {});
    EXPECT_EQ(seal.size(), kSealBytes);
    EXPECT_TRUE(seals.check(message, seal, {}));
    auto other = message;
    other[500] ^= 1;
    EXPECT_FALSE(seals.check(other, seal, {}));
    EXPECT_FALSE(seals.check(message, ByteView(seal).first(31), {}));
    EXPECT_EQ(seals.make({}, {}).size(), kSealBytes);
    std::vector<Bytes> many;
    std::vector<Bytes> one_by_one;
    for (std::size_t size = 0; size < 40; ++size) {
        EXPECT_EQ(seals.make_all(many, {}), one_by_one);
        many.push_back(some_bytes(size));
        one_by_one.push_back(seals.make(many.back(), {}));
    }
    const auto derive = [&](std::string purpose) {
        const auto key = wait_for<SecretBytes>(
            [&](Completion<SecretBytes> done) { seals.derive(std::move(purpose), 1, {}, std::move(done)); });
        return Bytes(key.view().begin(), key.view().end());
    };
    EXPECT_EQ(derive("page-tokens"), derive("page-tokens"));
    EXPECT_NE(derive("page-tokens"), derive("page-token"));
}

TEST_P(EnvelopeTest, SealsNameTheirGeneration) {
    auto hsm = open_with();
    auto& seals = hsm.hsm().seals();
    auto& changes = hsm.hsm().key_changes();
    const auto deadline = [] { return std::chrono::steady_clock::now() + std::chrono::seconds(60); };
    const auto message = some_bytes(100);
    const auto first = seals.make(message, {});
    ASSERT_EQ(first.size(), 32U);
    changes.make_seal_generation(2, deadline());
    EXPECT_EQ(seals.generations(), (std::vector<std::uint32_t>{1, 2}));
    EXPECT_EQ(seals.make(message, {}), first) << "before every node knows the new one";
    seals.seal_under(2);
    seals.seal_under(1);
    EXPECT_EQ(seals.sealing_generation(), 2U) << "it never goes back";
    const auto second = seals.make(message, {});
    ASSERT_EQ(second.size(), 36U);
    EXPECT_EQ(Bytes(second.begin(), second.begin() + 4), (Bytes{0, 0, 0, 2}));
    EXPECT_TRUE(seals.check(message, first, {}));
    EXPECT_TRUE(seals.check(message, second, {}));

    // A seal under another name than its own, in a form that is not its own, or of a generation that is not
    // there.
    EXPECT_FALSE(seals.check(message, ByteView(second).subspan(4), {}));
    Bytes renamed{0, 0, 0, 2};
    renamed.insert(renamed.end(), first.begin(), first.end());
    EXPECT_FALSE(seals.check(message, renamed, {}));
    renamed[3] = 1;
    EXPECT_FALSE(seals.check(message, renamed, {})) << "generation 1 has one form";
    renamed[3] = 4;
    EXPECT_FALSE(seals.check(message, renamed, {}));
    EXPECT_EQ(seals.check_all({{message, first}, {message, renamed}, {message, second}}, {}),
              (std::vector<bool>{true, false, true}));
    renamed[3] = 3;
    EXPECT_THROW((void)seals.check(message, renamed, {}), Unavailable) << "another node may have made it";
    renamed[3] = 9;
    seals.told(9);
    EXPECT_THROW((void)seals.check(message, renamed, {}), Unavailable);

    DerivedKeys keys(seals, "page-tokens", deadline());
    EXPECT_EQ(keys.all().size(), 2U);
    const auto newest = keys.newest();
    EXPECT_EQ(keys.all().front(), newest);
    changes.destroy_seal_generation(1, deadline());
    EXPECT_FALSE(seals.check(message, first, {})) << "nobody believes it any more";
    EXPECT_TRUE(seals.check(message, second, {}));
    keys.refresh(deadline());
    EXPECT_EQ(keys.all(), std::vector<SharedKey>{newest});
}

TEST_P(EnvelopeTest, RandomBytesComeFromTheToken) {
    auto hsm = open_with();
    const auto random = [&](std::size_t size) {
        const auto out = wait_for<SecretBytes>(
            [&](Completion<SecretBytes> done) { hsm.hsm().random(size, {}, std::move(done)); });
        return Bytes(out.view().begin(), out.view().end());
    };
    EXPECT_EQ(random(0).size(), 0U);
    EXPECT_EQ(random(65536).size(), 65536U);
    EXPECT_NE(random(32), random(32));
    EXPECT_THROW((void)random(65537), Error);
}

TEST_P(EnvelopeTest, AStartThatCannotSucceedSaysWhy) {
    const auto failure = [&](const std::function<void(HsmConfig&)>& change) -> std::string {
        try {
            (void)open_with(change);
        } catch (const Error& e) {
            return e.what();
        }
        return "";
    };
    using ::testing::HasSubstr;
    EXPECT_THAT(failure([](auto& config) { config.module = "/nonexistent.so"; }),
                HasSubstr("/nonexistent.so"));
    EXPECT_NO_THROW((void)open_with([&](auto& config) {
        config.token_uris = {"pkcs11:token=other", config.token_uris.front()};
    }));
    EXPECT_THAT(failure([](auto& config) { config.token_uris = {"pkcs11:token=other"}; }),
                HasSubstr("finding the token failed"));
    EXPECT_THAT(failure([&](auto& config) { config.pin = PinSource::from_file(token_.dir() / "absent"); }),
                HasSubstr("absent"));
    EXPECT_THAT(failure([](auto& config) { config.profile.wrap_with_trusted = true; }),
                HasSubstr("CKA_TRUSTED"));
    const auto empty = TestToken::make(GetParam(), false);
    EXPECT_THAT(failure([&](auto& config) { config = empty.hsm_config(); }), HasSubstr("coffer-hsm init"));
    token_.use();
    token_.write_pin_file("wrong-pin");
    EXPECT_THROW((void)open_with(), PinRefused);
    token_.write_pin_file(TestToken::pin());
    EXPECT_NO_THROW((void)open_with());
}

TEST_P(EnvelopeTest, AfterCloseJobsFailAsUnavailable) {
    auto hsm = open_with();
    hsm.hsm().close();
    EXPECT_THROW((void)hsm.seal(kIdentity, some_bytes(1)), Unavailable);
    EXPECT_FALSE(hsm.hsm().status().ready);
}

}  // namespace
}  // namespace coffer::crypto
