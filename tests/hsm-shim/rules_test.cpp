// The control file's language.
#include "tests/hsm-shim/rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/hsm-shim/functions.hpp"
#include "tests/hsm-shim/names.hpp"

namespace coffer::shim {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::string refusal(std::string_view text) {
    try {
        static_cast<void>(Rules::parse(text));
    } catch (const RulesError& error) {
        return error.what();
    }
    return "accepted";
}

TEST(Rules, AnEmptyFileOnlyForwards) {
    const auto rules = Rules::parse("\n  \n# nothing\n");
    EXPECT_EQ(rules->latency("C_Decrypt"_fn), 0us);
    EXPECT_FALSE(rules->hangs("C_Decrypt"_fn));
    EXPECT_EQ(rules->failure("C_Decrypt"_fn), std::nullopt);
    EXPECT_EQ(rules->iv_mode, IvMode::caller);
    EXPECT_FALSE(rules->power_cycle);
    EXPECT_FALSE(rules->max_sessions);
}

TEST(Rules, AMechanismIsKnownByItsNewNumberOnly) {
    const auto rules = Rules::parse("renumber-mechanism CKM_AES_KEY_WRAP 0x80000170\nunwrap-wants-value-len");
    EXPECT_EQ(rules->real_mechanism(0x80000170), CK_MECHANISM_TYPE{CKM_AES_KEY_WRAP});
    EXPECT_EQ(rules->real_mechanism(CKM_AES_KEY_WRAP), std::nullopt);
    EXPECT_EQ(rules->real_mechanism(CKM_AES_GCM), CK_MECHANISM_TYPE{CKM_AES_GCM});
    EXPECT_EQ(rules->shown_mechanism(CKM_AES_KEY_WRAP), CK_MECHANISM_TYPE{0x80000170});
    EXPECT_TRUE(rules->unwrap_wants_value_len);
    EXPECT_THAT(refusal("renumber-mechanism CKM_AES_KEY_WRAP"), HasSubstr("missing"));
    EXPECT_THAT(refusal("unwrap-wants-value-len 32"), HasSubstr("32"));
}

TEST(Rules, ARuleForOneFunctionBeatsTheRuleForAll) {
    const auto rules =
        Rules::parse("latency C_Decrypt 5ms\nlatency * 250us # network\nlatency C_Initialize 1s");
    EXPECT_EQ(rules->latency("C_Decrypt"_fn), 5ms);
    EXPECT_EQ(rules->latency("C_Encrypt"_fn), 250us);
    EXPECT_EQ(rules->latency("C_Initialize"_fn), 1s);
    EXPECT_EQ(rules->latency("C_Finalize"_fn), 0us) << "* does not mean the module's own functions";
}

TEST(Rules, FailuresStrikeAlwaysAtFirstOrEveryNthCall) {
    const auto rules = Rules::parse(
        "fail C_Sign CKR_DEVICE_ERROR\n"
        "fail C_Decrypt CKR_SESSION_HANDLE_INVALID once\n"
        "fail C_Encrypt 0x31 times 2\n"
        "fail C_WrapKey CKR_DEVICE_REMOVED every 3\n");
    const auto calls = [&](std::size_t function) {
        std::vector<CK_RV> codes(6);
        for (auto& code : codes) code = rules->failure(function).value_or(CKR_OK);
        return codes;
    };
    const CK_RV ok = CKR_OK;
    const CK_RV removed = CKR_DEVICE_REMOVED;
    EXPECT_THAT(calls("C_Sign"_fn), testing::Each(CK_RV{CKR_DEVICE_ERROR}));
    EXPECT_THAT(calls("C_Decrypt"_fn), testing::ElementsAre(CKR_SESSION_HANDLE_INVALID, ok, ok, ok, ok, ok));
    EXPECT_THAT(calls("C_Encrypt"_fn),
                testing::ElementsAre(CKR_DEVICE_MEMORY, CKR_DEVICE_MEMORY, ok, ok, ok, ok));
    EXPECT_THAT(calls("C_WrapKey"_fn), testing::ElementsAre(ok, ok, removed, ok, ok, removed));
}

TEST(Rules, APowerCycleMayTakeTime) {
    const auto plain = Rules::parse("power-cycle 3")->power_cycle;
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->number, 3U);
    EXPECT_EQ(plain->down, 0us);
    const auto timed = Rules::parse("power-cycle 4 down 2s CKR_TOKEN_NOT_PRESENT")->power_cycle;
    ASSERT_TRUE(timed);
    EXPECT_EQ(timed->down, 2s);
    EXPECT_EQ(timed->code, CK_RV{CKR_TOKEN_NOT_PRESENT});
    const auto module = Rules::parse("power-cycle 5 until-initialize")->power_cycle;
    ASSERT_TRUE(module);
    EXPECT_TRUE(module->until_initialize);
    EXPECT_EQ(module->code, CK_RV{CKR_DEVICE_REMOVED});
}

TEST(Rules, MistakesNameTheLineAndTheWord) {
    EXPECT_EQ(refusal("iv caller\nfial C_Decrypt CKR_DEVICE_ERROR"), "line 2: unknown rule 'fial'");
    EXPECT_THAT(refusal("fail C_Decript CKR_DEVICE_ERROR"), HasSubstr("'C_Decript'"));
    EXPECT_THAT(refusal("fail C_Decrypt CKR_DEVICE_EROR"), HasSubstr("'CKR_DEVICE_EROR'"));
    EXPECT_THAT(refusal("fail C_Decrypt CKR_DEVICE_ERROR twice"), HasSubstr("'twice'"));
    EXPECT_THAT(refusal("fail C_Decrypt CKR_DEVICE_ERROR every 0"), HasSubstr("'0'"));
    EXPECT_THAT(refusal("fail C_Decrypt"), HasSubstr("missing after 'C_Decrypt'"));
    EXPECT_THAT(refusal("latency * 5"), HasSubstr("'5'"));
    EXPECT_THAT(refusal("latency * 99999999999999999999s"), HasSubstr("duration"));
    EXPECT_THAT(refusal("iv mine"), HasSubstr("'mine'"));
    EXPECT_THAT(refusal("max-sessions 16 now"), HasSubstr("'now'"));
    EXPECT_THAT(refusal("hide-mechanism CKM_AES_GCN"), HasSubstr("'CKM_AES_GCN'"));
    EXPECT_THAT(refusal("power-cycle 1 down"), HasSubstr("missing after 'down'"));
    EXPECT_THAT(refusal("hang"), HasSubstr("missing after 'hang'"));
}

// The values are those of the PKCS#11 2.40 and 3.0 headers.
TEST(Names, CodesAndMechanismsHaveTheStandardsNumbers) {
    EXPECT_EQ(return_code("CKR_DEVICE_REMOVED"), 0x32U);
    EXPECT_EQ(return_code("0xE0"), 0xE0U);
    EXPECT_EQ(mechanism("CKM_AES_GCM"), 0x1087U);
    EXPECT_EQ(mechanism("CKM_AES_KEY_WRAP"), 0x2109U);
    EXPECT_EQ(mechanism("CKM_AES_KEY_WRAP_KWP"), 0x210BU);
    EXPECT_EQ(mechanism("4231"), 4231U);
    EXPECT_FALSE(mechanism("0x"));
}

}  // namespace
}  // namespace coffer::shim
