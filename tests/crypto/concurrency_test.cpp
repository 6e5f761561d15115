// Many callers on several sessions, for ThreadSanitizer as well.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/crypto/test_hsm.hpp"

namespace coffer::crypto {
namespace {

using testing::TestHsm;
using testing::TestToken;
using testing::TokenKind;

class ConcurrencyTest : public ::testing::TestWithParam<TokenKind> {};

INSTANTIATE_TEST_SUITE_P(Tokens, ConcurrencyTest, ::testing::ValuesIn(testing::all_token_kinds()),
                         [](const auto& parameter) {
                             return std::string(testing::to_text(parameter.param));
                         });

TEST_P(ConcurrencyTest, EveryCallerGetsItsOwnResult) {
    const auto token = TestToken::make(GetParam());
    auto config = token.hsm_config();
    config.profile.threads = 3;
    config.profile.data_key_handles = 5;  // fewer than payloads: keys come and go under their readers
    TestHsm hsm(config);
    std::atomic<int> wrong = 0;
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 4; ++caller) {
        callers.emplace_back([&, caller] {
            const PayloadIdentity identity{.secret_arn = "arn",
                                           .version_id = std::to_string(caller),
                                           .kind = PayloadKind::secret_string};
            std::vector<SealedPayload> payloads;
            for (int i = 0; i < 3; ++i) {
                payloads.push_back(hsm.seal(identity, Bytes(10, static_cast<std::uint8_t>(10 * caller + i))));
            }
            for (int round = 0; round < 40; ++round) {
                const auto i = static_cast<std::size_t>(round) % 3;
                const Bytes expected(10, static_cast<std::uint8_t>(10 * caller + static_cast<int>(i)));
                if (hsm.open(identity, payloads[i]) != expected) ++wrong;
                if (round % 10 == 3) hsm.hsm().envelope().forget(payloads[i].wrapped_key);
                if (round % 10 == 5 &&
                    !hsm.hsm().seals().check(expected, hsm.hsm().seals().make(expected, {}), {})) {
                    ++wrong;
                }
                (void)hsm.hsm().status();
                if (!hsm.hsm().find_master_key("main")) ++wrong;
            }
        });
    }
    for (auto& caller : callers) caller.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_TRUE(hsm.observer().recoveries().empty());
    EXPECT_LE(hsm.hsm().status().data_keys_cached, 5U);
}

}  // namespace
}  // namespace coffer::crypto
