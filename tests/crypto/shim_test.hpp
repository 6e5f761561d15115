#pragma once
// One token behind the misbehaving module (tests/hsm-shim) for a whole test program: the shim looks at its
// environment once. COFFER_CRYPTO_TEST_TOKEN says which module is behind it.

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

#include "tests/crypto/test_hsm.hpp"
#include "tests/hsm-shim/shim_control.hpp"

namespace coffer::testing {

/// Generous: what is waited for takes milliseconds.
inline constexpr std::chrono::seconds kPatience{30};

inline void wait_until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
        ASSERT_LT(std::chrono::steady_clock::now(), end) << "waited in vain";
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

class ShimTest : public ::testing::Test {
protected:
    void SetUp() override {
        shim().set("");
        token().write_pin_file(TestToken::pin());
    }
    [[nodiscard]] static const TestToken& token() { return world().token; }
    [[nodiscard]] static shim::ShimControl& shim() { return world().shim; }

    [[nodiscard]] static crypto::HsmConfig config() {
        auto config = token().hsm_config();
        config.module = shim::ShimControl::module();
        config.breaker_failures = 3;
        config.breaker_probe_interval = std::chrono::milliseconds(20);
        config.signing_patience = kPatience;  // a busy machine is not what is tested
        return config;
    }
    [[nodiscard]] static crypto::HsmConfig config_with_threads(std::size_t threads) {
        auto out = config();
        out.profile.threads = threads;
        return out;
    }

private:
    struct World {
        TestToken token = TestToken::make(
            std::string_view(COFFER_CRYPTO_TEST_TOKEN) == "nss" ? TokenKind::nss : TokenKind::softhsm2);
        shim::ShimControl shim{token.dir(), token.module()};
        World() { shim.set_environment(); }
    };
    static World& world() {
        static World the;
        return the;
    }
};

}  // namespace coffer::testing
