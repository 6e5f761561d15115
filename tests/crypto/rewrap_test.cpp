// Master keys made and destroyed while a token serves, and data keys wrapped anew, through real tokens.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "crypto/key_factory.hpp"
#include "tests/crypto/test_hsm.hpp"

namespace coffer::crypto {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::TestHsm;
using testing::TestToken;
using testing::TokenKind;

Deadline soon() {
    return std::chrono::steady_clock::now() + 30s;
}

PayloadIdentity identity(int i) {
    return {"arn:aws:secretsmanager:rack-1:111122223333:secret:s-AbCdEf",
            "version-" + std::to_string(i) + "-0123456789-0123456789-012345", PayloadKind::secret_string};
}

class RewrapTest : public ::testing::TestWithParam<TokenKind> {
protected:
    /// Makes the generation after the newest of "main" through the open token.
    MasterKeyRef next_generation() {
        const auto info = hsm_.hsm().find_master_key("main").value();
        const MasterKeyRef ref{info.id, info.newest_generation + 1};
        hsm_.hsm().key_changes().make_generation("main", ref, soon());
        return ref;
    }
    std::vector<SealedPayload> seal(int count) {
        std::vector<SealedPayload> sealed;
        for (int i = 0; i < count; ++i) {
            sealed.push_back(hsm_.seal(identity(i), as_bytes("value " + std::to_string(i))));
        }
        return sealed;
    }
    static std::vector<WrappedDataKey> keys_of(const std::vector<SealedPayload>& sealed) {
        std::vector<WrappedDataKey> keys;
        for (const auto& each : sealed) keys.push_back({each.master_key, each.wrapped_key});
        return keys;
    }
    std::string open(int i, const SealedPayload& sealed) {
        const auto bytes = hsm_.open(identity(i), sealed);
        return std::string(as_text(bytes));
    }

    TestToken token_ = TestToken::make(GetParam());
    TestHsm hsm_{token_.hsm_config()};
};

INSTANTIATE_TEST_SUITE_P(Tokens, RewrapTest, ::testing::ValuesIn(testing::all_token_kinds()),
                         [](const auto& parameter) {
                             return std::string(testing::to_text(parameter.param));
                         });

TEST_P(RewrapTest, ANewGenerationWritesAtOnceAndTheOldOneStillReads) {
    const auto before = seal(1).front();
    EXPECT_EQ(before.master_key.generation, 1U);
    const auto made = next_generation();
    EXPECT_THAT(hsm_.hsm().key_changes().generations(), ElementsAre(before.master_key, made));
    EXPECT_EQ(hsm_.seal(identity(0), as_bytes("later")).master_key, made);
    EXPECT_EQ(open(0, before), "value 0");
    EXPECT_THROW(hsm_.hsm().key_changes().make_generation("main", made, soon()), Error)
        << "it is there already";
    EXPECT_TRUE(hsm_.observer().recoveries().empty());
}

TEST_P(RewrapTest, KeysThatAreWrappedAnewOpenTheSameCiphertext) {
    // More than two jobs, the last one not full.
    constexpr int kKeys = 2 * static_cast<int>(Rewrapper::kKeysPerJob) + 5;
    auto sealed = seal(kKeys);
    const auto made = next_generation();
    const auto outcomes = hsm_.hsm().rewrapper().rewrap(keys_of(sealed), made, {Priority::rewrap, soon()});
    ASSERT_THAT(outcomes, SizeIs(kKeys));
    for (int i = 0; i < kKeys; ++i) {
        ASSERT_EQ(outcomes[i].failure, "");
        EXPECT_THAT(outcomes[i].wrapped_key, SizeIs(kWrappedKeyBytes));
        EXPECT_NE(outcomes[i].wrapped_key, sealed[i].wrapped_key);
        sealed[i].wrapped_key = outcomes[i].wrapped_key;
        sealed[i].master_key = made;
    }
    hsm_.hsm().key_changes().destroy_generation({made.id, 1}, soon());
    for (int i = 0; i < kKeys; ++i) EXPECT_EQ(open(i, sealed[i]), "value " + std::to_string(i));
    EXPECT_TRUE(hsm_.observer().recoveries().empty());
}

TEST_P(RewrapTest, AnAlteredKeyIsNamedAndDoesNotStopTheOthers) {
    auto sealed = seal(3);
    const auto made = next_generation();
    auto keys = keys_of(sealed);
    keys[1].wrapped_key[7] ^= 1U;
    keys.push_back({{made.id, 9}, sealed[0].wrapped_key});
    keys.back().wrapped_key[3] ^= 1U;
    keys.push_back({sealed[0].master_key, Bytes(39, 1)});
    const auto outcomes = hsm_.hsm().rewrapper().rewrap(keys, made, {Priority::rewrap, soon()});
    ASSERT_THAT(outcomes, SizeIs(5));
    EXPECT_THAT(outcomes[0].failure, IsEmpty());
    EXPECT_THAT(outcomes[1].failure, HasSubstr("was altered"));
    EXPECT_THAT(outcomes[1].wrapped_key, IsEmpty());
    EXPECT_THAT(outcomes[2].failure, IsEmpty());
    EXPECT_THAT(outcomes[3].failure, HasSubstr("does not hold generation 9"));
    EXPECT_THAT(outcomes[4].failure, HasSubstr("odd length"));
    EXPECT_THROW(
        (void)hsm_.hsm().rewrapper().rewrap(keys_of(sealed), {made.id, 3}, {Priority::rewrap, soon()}),
        UnknownMasterKey);
    EXPECT_TRUE(hsm_.observer().recoveries().empty());
}

// No seal covers the generation, so that wrapping anew needs none: AES Key Wrap itself tells a number that
// was altered from a generation that has not reached this token.
TEST_P(RewrapTest, AGenerationThatWasAlteredIsAnIntegrityFailure) {
    const auto sealed = seal(1).front();
    EXPECT_EQ(open(0, sealed), "value 0");
    const auto made = next_generation();
    auto altered = sealed;
    altered.master_key.generation = made.generation + 1;
    EXPECT_THROW((void)open(0, altered), IntegrityError);
    EXPECT_EQ(hsm_.observer().integrity_failures().size(), 1U);
    const auto outcomes = hsm_.hsm().rewrapper().rewrap({{altered.master_key, altered.wrapped_key}}, made,
                                                        {Priority::rewrap, soon()});
    EXPECT_THAT(outcomes.at(0).failure, HasSubstr("was altered"));
    // Wrapped under a generation that is not here: nothing that is here unwraps it.
    auto elsewhere = altered;
    elsewhere.wrapped_key[7] ^= 1U;
    EXPECT_THROW((void)open(0, elsewhere), UnknownMasterKey);
    EXPECT_EQ(hsm_.observer().integrity_failures().size(), 1U);
    EXPECT_EQ(open(0, sealed), "value 0");
    EXPECT_TRUE(hsm_.observer().recoveries().empty());
}

TEST_P(RewrapTest, ProvingNamesWhatDoesNotOpen) {
    const auto sealed = seal(3);
    std::vector<ProofItem> items;
    for (int i = 0; i < 3; ++i) {
        items.push_back({{sealed[i].master_key, sealed[i].wrapped_key}, identity(i), sealed[i].ciphertext});
    }
    auto& rewrapper = hsm_.hsm().rewrapper();
    EXPECT_THAT(rewrapper.prove(items, {Priority::rotation, soon()}), ElementsAre("", "", ""));
    items[0].identity.version_id += "x";
    items[1].ciphertext.back() ^= 1U;
    items[2].key.wrapped_key[0] ^= 1U;
    EXPECT_THAT(rewrapper.prove(items, {Priority::rotation, soon()}),
                ElementsAre(HasSubstr("the ciphertext was altered"), HasSubstr("the ciphertext was altered"),
                            HasSubstr("the wrapped data key was altered")));
    for (auto& item : items) item.ciphertext.clear();
    EXPECT_THAT(rewrapper.prove(items, {Priority::rotation, soon()}),
                ElementsAre("", "", HasSubstr("the wrapped data key was altered")));
}

TEST_P(RewrapTest, ADestroyedGenerationIsGoneFromTheTokenAndOpensNothing) {
    const auto sealed = seal(1).front();
    EXPECT_EQ(open(0, sealed), "value 0");  // its data key is kept in the token now
    const auto made = next_generation();
    auto& keys = hsm_.hsm().key_changes();
    keys.destroy_generation(sealed.master_key, soon());
    EXPECT_THAT(keys.generations(), ElementsAre(made));
    EXPECT_FALSE(keys.holds(sealed.master_key));
    EXPECT_THROW((void)open(0, sealed), UnknownMasterKey);
    EXPECT_EQ(hsm_.hsm().status().data_keys_cached, 0U);
    keys.destroy_generation(sealed.master_key, soon());  // again: nothing to do
    EXPECT_THROW(keys.destroy_generation(made, soon()), Error) << "the last one stays";
    EXPECT_EQ(hsm_.seal(identity(1), as_bytes("x")).master_key, made);
}

TEST_P(RewrapTest, AMasterKeyIsMadeWhileTheTokenServes) {
    const auto made = hsm_.hsm().key_changes().make_master_key("other", soon());
    EXPECT_EQ(hsm_.hsm().find_master_key("other").value().id, made.id);
    EXPECT_THROW((void)hsm_.hsm().key_changes().make_master_key("other", soon()), Error);
    hsm_.hsm().key_changes().refresh(soon());
    EXPECT_THAT(hsm_.hsm().key_changes().generations(), SizeIs(2));
}

TEST_P(RewrapTest, ReadsGoOnWhileKeysAreMadeAndDestroyed) {
    const auto sealed = seal(8);
    std::atomic<bool> stop{false};
    std::atomic<int> reads{0};
    std::vector<std::thread> readers;
    for (int t = 0; t < 4; ++t) {
        readers.emplace_back([&, t] {
            while (!stop) {
                EXPECT_EQ(open(t, sealed[static_cast<std::size_t>(t)]), "value " + std::to_string(t));
                ++reads;
            }
        });
    }
    auto& keys = hsm_.hsm().key_changes();
    const auto other = keys.make_master_key("other", soon());
    for (std::uint32_t generation = 2; generation < 12; ++generation) {
        keys.make_generation("other", {other.id, generation}, soon());
        keys.destroy_generation({other.id, generation - 1}, soon());
    }
    const auto until = std::chrono::steady_clock::now() + 30s;
    while (reads < 100 && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(1ms);
    stop = true;
    for (auto& reader : readers) reader.join();
    EXPECT_GE(reads, 100);
    EXPECT_TRUE(hsm_.observer().recoveries().empty());
    EXPECT_TRUE(hsm_.observer().integrity_failures().empty());
}

}  // namespace
}  // namespace coffer::crypto
