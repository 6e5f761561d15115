// A token that misbehaves (tests/hsm-shim) in front of a real one: recovery, the breaker, deadlines. Each
// real module has a program of its own, since the shim looks at its environment once.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "crypto/executor.hpp"
#include "crypto/token.hpp"
#include "tests/crypto/shim_test.hpp"

namespace coffer::crypto {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kPatience;
using ::testing::SizeIs;
using testing::TestHsm;
using testing::wait_until;

const PayloadIdentity kIdentity{.secret_arn = "arn:aws:secretsmanager:rack-1:000000000000:secret:a-AbCdEf",
                                .version_id = "v1",
                                .kind = PayloadKind::secret_string};
const Bytes kText = {'h', 'e', 'l', 'l', 'o'};

JobOptions within(std::chrono::milliseconds time) {
    return {.priority = Priority::read, .deadline = std::chrono::steady_clock::now() + time};
}

class FaultTest : public testing::ShimTest {};

TEST_F(FaultTest, APowerCycleCostsOneLoginAndNoRequest) {
    TestHsm hsm(config());
    const auto sealed = hsm.seal(kIdentity, kText);
    EXPECT_EQ(hsm.open(kIdentity, sealed), kText);
    const auto logins = shim().calls("C_Login");
    shim().power_cycle();
    EXPECT_EQ(hsm.open(kIdentity, sealed), kText);
    EXPECT_EQ(shim().calls("C_Login"), logins + 1);
    EXPECT_THAT(hsm.observer().recoveries(), SizeIs(1));
    EXPECT_THAT(hsm.observer().recoveries(), Contains(HasSubstr("login")));
    EXPECT_THAT(hsm.observer().readiness(), IsEmpty());
    EXPECT_EQ(hsm.hsm().status().epoch, 2U);
    EXPECT_EQ(hsm.open(kIdentity, hsm.seal(kIdentity, kText)), kText);
    EXPECT_TRUE(hsm.hsm().seals().check(kText, hsm.hsm().seals().make(kText, {}), {}));
}

TEST_F(FaultTest, AForgottenLoginIsRenewedOnce) {
    TestHsm hsm(config_with_threads(2));
    const auto sealed = hsm.seal(kIdentity, kText);
    const auto logins = shim().calls("C_Login");
    shim().forget_login();
    EXPECT_EQ(hsm.open(kIdentity, sealed), kText);
    EXPECT_EQ(hsm.open(kIdentity, sealed), kText);
    EXPECT_EQ(shim().calls("C_Login"), logins + 1);
}

TEST_F(FaultTest, AModuleThatWantsToBeInitializedAgainIs) {
    TestHsm hsm(config());
    const auto sealed = hsm.seal(kIdentity, kText);
    shim().power_cycle("until-initialize CKR_DEVICE_REMOVED");
    EXPECT_EQ(hsm.open(kIdentity, sealed, within(kPatience)), kText);
    EXPECT_THAT(hsm.observer().recoveries(), Contains(HasSubstr("module")));
}

TEST_F(FaultTest, RequestsWaitOutAShortAbsence) {
    auto patient = config();
    patient.breaker_failures = 1000;
    TestHsm hsm(patient);
    const auto sealed = hsm.seal(kIdentity, kText);
    shim().power_cycle("down 300ms CKR_TOKEN_NOT_PRESENT");
    EXPECT_EQ(hsm.open(kIdentity, sealed, within(kPatience)), kText);
    EXPECT_THAT(hsm.observer().readiness(), IsEmpty());
}

TEST_F(FaultTest, UnderLoadEveryRequestSucceedsOrIsRetryable) {
    TestHsm hsm(config_with_threads(3));
    const auto sealed = std::make_shared<const SealedPayload>(hsm.seal(kIdentity, kText));
    std::atomic<int> pending = 0;
    std::atomic<int> right = 0;
    std::atomic<int> retryable = 0;
    std::atomic<int> wrong = 0;
    for (int i = 0; i < 600; ++i) {
        if (i % 100 == 50) shim().power_cycle(i % 200 == 50 ? "" : "down 100ms");
        ++pending;
        hsm.hsm().envelope().open(kIdentity, sealed, within(kPatience), [&](Outcome<SecretBytes> outcome) {
            try {
                const auto text = outcome.take();
                ++(std::ranges::equal(text.view(), kText) ? right : wrong);
            } catch (const Unavailable&) {
                ++retryable;
            } catch (...) {
                ++wrong;
            }
            --pending;
        });
        std::this_thread::sleep_for(500us);
    }
    wait_until([&] { return pending == 0; });
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(right + retryable, 600);
    wait_until([&] { return hsm.hsm().status().ready; });
    EXPECT_EQ(hsm.open(kIdentity, *sealed, within(kPatience)), kText);
    EXPECT_THAT(hsm.observer().integrity_failures(), IsEmpty());
}

TEST_F(FaultTest, TheBreakerOpensFailsFastAndClosesWithoutTraffic) {
    TestHsm hsm(config());
    const auto sealed = hsm.seal(kIdentity, kText);
    shim().set("fail * CKR_DEVICE_ERROR");
    EXPECT_THROW((void)hsm.open(kIdentity, sealed), Unavailable);
    EXPECT_FALSE(hsm.hsm().status().ready);
    EXPECT_THAT(hsm.hsm().status().reason, HasSubstr("CKR_DEVICE_ERROR"));
    for (int i = 0; i < 100; ++i) EXPECT_THROW((void)hsm.open(kIdentity, sealed), Unavailable);
    EXPECT_THAT(hsm.observer().readiness(), SizeIs(1));  // said once, not for each request
    shim().set("");
    wait_until([&] { return hsm.hsm().status().ready; });
    EXPECT_EQ(hsm.open(kIdentity, sealed), kText);
    ASSERT_THAT(hsm.observer().readiness(), SizeIs(2));
    EXPECT_FALSE(hsm.observer().readiness()[0].ready);
    EXPECT_TRUE(hsm.observer().readiness()[1].ready);
}

// Codes that say "again", for ever.
TEST_F(FaultTest, ATokenThatOnlyAsksForAnotherTryIsNotReady) {
    for (const auto* code : {"CKR_DEVICE_MEMORY", "CKR_HOST_MEMORY", "CKR_SESSION_COUNT",
                             "CKR_FUNCTION_CANCELED", "0x1"}) {  // CKR_CANCEL
        SCOPED_TRACE(code);
        TestHsm hsm(config());
        const auto sealed = hsm.seal(kIdentity, kText);
        shim().set(std::string("fail * ") + code);
        EXPECT_THROW((void)hsm.open(kIdentity, sealed), Unavailable);
        // It is not ready a moment before that is told.
        wait_until([&] { return !hsm.observer().readiness().empty(); });
        EXPECT_FALSE(hsm.hsm().status().ready);
        EXPECT_THROW((void)hsm.open(kIdentity, sealed), Unavailable);
        EXPECT_THAT(hsm.observer().readiness(), SizeIs(1));
        shim().set("");
        wait_until([&] { return hsm.hsm().status().ready; });
        EXPECT_EQ(hsm.open(kIdentity, sealed), kText);
    }
}

TEST_F(FaultTest, SoIsOneThatNobodyAsks) {
    TestHsm hsm(config());
    shim().set("fail * CKR_DEVICE_MEMORY");
    wait_until([&] { return !hsm.hsm().status().ready; });
    shim().set("");
    wait_until([&] { return hsm.hsm().status().ready; });
}

// Without any worker in the module: it is another thread that changes the keys.
TEST_F(FaultTest, ACallThatHangsDuringAChangeOfKeysIsSaid) {
    const auto log = std::make_shared<testing::RecordingObserver>();
    Token token(config_with_threads(2));
    Executor executor({.threads = 2, .queue_capacity = 8, .stall_limit = 500ms}, token, log);
    const auto ask = [&] {
        return wait_for<Done>([&](Completion<Done> completion) {
            executor.submit(
                make_job<Done>(within(kPatience), std::move(completion), [](HsmContext&) { return Done{}; }));
        });
    };
    (void)ask();
    shim().set("hang C_FindObjectsInit");
    std::thread keeper([&] {
        executor.exclusively(std::chrono::steady_clock::now() + kPatience, [&] { token.refresh_keys(); });
    });
    wait_until([&] { return !executor.status().ready; });
    EXPECT_THROW((void)ask(), Unavailable) << "at once, and not at its deadline";
    shim().set("");
    keeper.join();
    wait_until([&] { return executor.status().ready; });
    (void)ask();
    EXPECT_EQ(executor.status().epoch, 1U) << "nothing was made anew";
    executor.close();
    token.close();
    ASSERT_THAT(log->readiness(), SizeIs(2));
    EXPECT_THAT(log->readiness()[0].reason, HasSubstr("has not answered"));
    EXPECT_TRUE(log->readiness()[1].ready);
}

TEST_F(FaultTest, EveryNthFailureOfAnyKindIsHidden) {
    for (const auto* code : {"CKR_SESSION_HANDLE_INVALID", "CKR_DEVICE_ERROR", "CKR_GENERAL_ERROR",
                             "CKR_ENCRYPTED_DATA_INVALID", "CKR_FUNCTION_FAILED", "CKR_USER_NOT_LOGGED_IN",
                             "CKR_KEY_HANDLE_INVALID", "CKR_OPERATION_ACTIVE", "CKR_DEVICE_MEMORY"}) {
        for (const auto* function : {"C_DecryptInit", "C_Decrypt", "C_UnwrapKey"}) {
            TestHsm hsm(config());
            std::vector<SealedPayload> payloads;
            for (int i = 0; i < 5; ++i) payloads.push_back(hsm.seal(kIdentity, kText));
            shim().set(std::string("fail ") + function + " " + code + " every 4");
            for (int i = 0; i < 20; ++i) {
                EXPECT_EQ(hsm.open(kIdentity, payloads[static_cast<std::size_t>(i) % 5], within(kPatience)),
                          kText)
                    << function << " " << code;
            }
            EXPECT_THAT(hsm.observer().integrity_failures(), IsEmpty()) << function << " " << code;
            shim().set("");
        }
    }
}

TEST_F(FaultTest, ABrokenTokenIsNotTakenForAlteredData) {
    for (const auto* code : {"CKR_GENERAL_ERROR", "CKR_ENCRYPTED_DATA_INVALID", "CKR_DATA_INVALID"}) {
        for (const auto* function : {"C_Decrypt", "C_UnwrapKey"}) {
            TestHsm hsm(config());
            const auto sealed = hsm.seal(kIdentity, kText);
            shim().set(std::string("fail ") + function + " " + code);
            EXPECT_THROW((void)hsm.open(kIdentity, sealed), Unavailable) << function << " " << code;
            EXPECT_THAT(hsm.observer().integrity_failures(), IsEmpty());
            shim().set("");
            wait_until([&] { return hsm.hsm().status().ready; });
            EXPECT_EQ(hsm.open(kIdentity, sealed), kText);
        }
    }
}

TEST_F(FaultTest, AHangingTokenDoesNotHoldRequestsPastTheirDeadline) {
    TestHsm hsm(config());
    const auto sealed = hsm.seal(kIdentity, kText);
    shim().set("hang C_Decrypt");
    EXPECT_THROW((void)hsm.open(kIdentity, sealed, within(100ms)), DeadlineExceeded);  // in the call
    EXPECT_THROW((void)hsm.open(kIdentity, sealed, within(100ms)), DeadlineExceeded);  // queued behind it
    shim().set("");
    EXPECT_EQ(hsm.open(kIdentity, sealed, within(kPatience)), kText);
    EXPECT_THAT(hsm.observer().recoveries(), IsEmpty());
}

TEST_F(FaultTest, APinThatIsWrongAtTheNextLoginIsTriedOnce) {
    TestHsm hsm(config());
    const auto sealed = hsm.seal(kIdentity, kText);
    token().write_pin_file("wrong-pin");
    const auto logins = shim().calls("C_Login");
    shim().power_cycle();
    EXPECT_THROW((void)hsm.open(kIdentity, sealed), Unavailable);
    wait_until([&] { return !hsm.observer().readiness().empty(); });
    EXPECT_THAT(hsm.observer().readiness()[0].reason, HasSubstr("refused the PIN"));
    // Many probes later there is still one try.
    const auto probes = shim().calls("C_OpenSession");
    wait_until([&] { return shim().calls("C_OpenSession") >= probes + 5; });
    EXPECT_EQ(shim().calls("C_Login"), logins + 1);
    token().write_pin_file(testing::TestToken::pin());
    wait_until([&] { return hsm.hsm().status().ready; });
    EXPECT_EQ(hsm.open(kIdentity, sealed), kText);
    EXPECT_EQ(shim().calls("C_Login"), logins + 2);
}

TEST_F(FaultTest, OpensNoMoreSessionsThanConfigured) {
    // Two threads and the anchor; a recovery must do with them as well.
    shim().set("max-sessions 3");
    TestHsm hsm(config_with_threads(2));
    const auto good = hsm.seal(kIdentity, kText);
    auto bad = good;
    bad.ciphertext.back() ^= 1;
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(hsm.open(kIdentity, good), kText);
        EXPECT_THROW((void)hsm.open(kIdentity, bad), IntegrityError);
    }
    shim().power_cycle();
    EXPECT_EQ(hsm.open(kIdentity, good, within(kPatience)), kText);
    EXPECT_EQ(shim().calls("sessions_open"), 3U);
}

TEST_F(FaultTest, TokensThatMakeTheirOwnIvs) {
    for (const auto& [rule, mode, iv_bytes] : {std::tuple{"iv written-back", IvMode::written_back, 12U},
                                               std::tuple{"iv appended", IvMode::appended, 16U}}) {
        shim().set(rule);
        auto with_mode = config();
        with_mode.profile.iv_mode = mode;
        with_mode.profile.max_call_bytes = 3;
        TestHsm hsm(with_mode);
        const auto sealed = hsm.seal(kIdentity, kText);
        EXPECT_EQ(sealed.ciphertext.at(2), static_cast<std::uint8_t>(mode));
        EXPECT_EQ(sealed.ciphertext.at(3), iv_bytes);
        EXPECT_EQ(hsm.open(kIdentity, sealed), kText) << rule;
        EXPECT_EQ(hsm.open(kIdentity, hsm.seal(kIdentity, {})), Bytes{});
        auto bad = sealed;
        bad.ciphertext[8] ^= 1;  // the IV
        EXPECT_THROW((void)hsm.open(kIdentity, bad), IntegrityError);
    }
}

TEST_F(FaultTest, AnIvModeThatIsNotTheTokensIsFoundAtTheStart) {
    for (const auto mode : {IvMode::written_back, IvMode::appended}) {
        auto wrong = config();
        wrong.profile.iv_mode = mode;
        try {
            const TestHsm hsm(wrong);
            FAIL() << "opened";
        } catch (const Error& e) {
            EXPECT_THAT(e.what(), HasSubstr("iv_mode"));
        }
    }
}

std::string refusal_to_open(const HsmConfig& config) {
    try {
        const TestHsm hsm(config);
    } catch (const Error& e) {
        return e.what();
    }
    return "";
}

// Of all that a node needs: what is not found at the start is found when it is too late.
TEST_F(FaultTest, AMissingMechanismIsNamedAtTheStart) {
    auto audited = config();
    audited.signs_checkpoints = true;
    EXPECT_EQ(refusal_to_open(audited), "");
    const auto logins = shim().calls("C_Login");
    for (const auto& [mechanism, use] :
         {std::pair{"CKM_AES_KEY_WRAP", "wrapping data keys"}, std::pair{"CKM_AES_GCM", "payloads"},
          std::pair{"CKM_AES_KEY_GEN", "data keys"}, std::pair{"CKM_SHA256_HMAC", "seals"},
          std::pair{"CKM_ECDSA", "signing audit checkpoints"}}) {
        shim().set(std::string("hide-mechanism ") + mechanism);
        EXPECT_THAT(refusal_to_open(audited),
                    ::testing::AllOf(HasSubstr(mechanism), HasSubstr(use), HasSubstr("use another token")));
        EXPECT_EQ(shim().calls("C_Login"), logins) << "no login for nothing: " << mechanism;
    }
}

TEST_F(FaultTest, ALockedPinWantsTheSecurityOfficerAndNotAnotherPin) {
    shim().set("fail C_Login CKR_PIN_LOCKED");
    EXPECT_THAT(
        refusal_to_open(config()),
        ::testing::AllOf(HasSubstr("CKR_PIN_LOCKED"), HasSubstr("security officer"), HasSubstr("--init-pin"),
                         ::testing::Not(HasSubstr("Put the right one there"))));
}

TEST_F(FaultTest, ATokenThatCannotSignServesWhereNothingIsSigned) {
    shim().set("hide-mechanism CKM_ECDSA");
    EXPECT_EQ(refusal_to_open(config()), "");
}

TEST_F(FaultTest, AKeyWrapByItsVendorsNumberIsUsedAsTheProfileSays) {
    for (const auto& [rules, way] :
         {std::pair{"renumber-mechanism CKM_AES_KEY_WRAP 0x80000170\nunwrap-wants-value-len",
                    KeyWrap{.mechanism = 0x80000170, .unwrap_with_value_len = true}},
          std::pair{"renumber-mechanism CKM_AES_KEY_WRAP 0x80002109",
                    KeyWrap{.mechanism = 0x80002109, .unwrap_with_value_len = false}}}) {
        shim().set("");
        SealedPayload written_by_standard;
        {
            TestHsm hsm(config());
            written_by_standard = hsm.seal(kIdentity, kText);
        }
        shim().set(rules);
        auto vendors = config();
        vendors.profile.key_wrap = way;
        TestHsm hsm(vendors);
        const auto sealed = hsm.seal(kIdentity, kText);
        EXPECT_EQ(sealed.wrapped_key.size(), 40U);
        EXPECT_EQ(hsm.open(kIdentity, sealed), kText);
        EXPECT_EQ(hsm.open(kIdentity, written_by_standard), kText) << "the number is not in what is stored";
        auto bad = sealed;
        bad.wrapped_key[7] ^= 1;
        EXPECT_THROW((void)hsm.open(kIdentity, bad), IntegrityError);
        shim().power_cycle();
        EXPECT_EQ(hsm.open(kIdentity, sealed, within(kPatience)), kText);
        EXPECT_THROW((void)TestHsm(config()), Error) << "the standard's number is refused";
    }
}

TEST_F(FaultTest, ATokenWithShortHmacCallsSealsLongMessages) {
    const Bytes long_message(100'000, 'x');
    Bytes by_unlimited;
    {
        TestHsm hsm(config());
        by_unlimited = hsm.hsm().seals().make(long_message, {});
    }
    shim().set("max-hmac-bytes 16288");  // AWS CloudHSM's limit
    {
        TestHsm hsm(config());
        EXPECT_TRUE(hsm.hsm().seals().check(long_message, by_unlimited, {})) << "the same on every token";
        EXPECT_EQ(hsm.hsm().seals().make_all({{1}, long_message}, {}).back(), by_unlimited);
        auto altered = long_message;
        altered.back() ^= 1;
        EXPECT_FALSE(hsm.hsm().seals().check(altered, by_unlimited, {}));
    }
    shim().set("max-hmac-bytes 4095");
    EXPECT_THROW((void)TestHsm(config()), Error) << "found at the start, not at the first long message";
}

TEST_F(FaultTest, ATokenWithShortCallsIsUsedInSegments) {
    shim().set("max-call-bytes 128");
    auto segmented = config();
    segmented.profile.max_call_bytes = 100;
    TestHsm hsm(segmented);
    const Bytes text(1000, 'x');
    EXPECT_EQ(hsm.open(kIdentity, hsm.seal(kIdentity, text)), text);
}

}  // namespace
}  // namespace coffer::crypto
