// The shim in front of a real module: what it forwards, and each of its faults.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <optional>
#include <thread>

#include "tests/hsm-shim/shim_control.hpp"
#include "tests/hsm-shim/shim_token.hpp"

namespace coffer::shim {
namespace {

using namespace std::chrono_literals;
using Buffer = std::vector<CK_BYTE>;

/// PKCS#11 calls of one session, with as little ceremony as tests want.
class Caller {
public:
    explicit Caller(ShimToken& token) : token_(token), p11_(token.p11()) { opened_ = open(); }

    [[nodiscard]] CK_RV opened() const { return opened_; }
    [[nodiscard]] CK_SESSION_HANDLE session() const { return session_; }

    CK_RV open() {
        return p11_.C_OpenSession(token_.slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr,
                                  &session_);
    }

    CK_RV login() const {
        std::string pin = token_.pin();
        const auto code =
            p11_.C_Login(session_, CKU_USER, reinterpret_cast<CK_UTF8CHAR_PTR>(pin.data()), pin.size());
        return code == CKR_USER_ALREADY_LOGGED_IN ? CK_RV{CKR_OK} : code;
    }

    CK_RV generate(CK_OBJECT_HANDLE& key, bool on_token = false) const {
        CK_BBOOL token = on_token ? CK_TRUE : CK_FALSE;
        CK_BBOOL yes = CK_TRUE;
        CK_ULONG size = 32;
        std::string label = "shim test key";
        std::array<CK_ATTRIBUTE, 7> attributes{{{CKA_TOKEN, &token, sizeof token},
                                                {CKA_PRIVATE, &yes, sizeof yes},
                                                {CKA_SENSITIVE, &yes, sizeof yes},
                                                {CKA_ENCRYPT, &yes, sizeof yes},
                                                {CKA_DECRYPT, &yes, sizeof yes},
                                                {CKA_VALUE_LEN, &size, sizeof size},
                                                {CKA_LABEL, label.data(), label.size()}}};
        CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
        return p11_.C_GenerateKey(session_, &mechanism, attributes.data(), attributes.size(), &key);
    }

    CK_RV find(CK_OBJECT_HANDLE& key) const {
        std::string label = "shim test key";
        CK_BBOOL on_token = CK_TRUE;
        std::array<CK_ATTRIBUTE, 2> attributes{
            {{CKA_LABEL, label.data(), label.size()}, {CKA_TOKEN, &on_token, sizeof on_token}}};
        if (const auto code = p11_.C_FindObjectsInit(session_, attributes.data(), attributes.size());
            code != CKR_OK) {
            return code;
        }
        CK_ULONG found = 0;
        const auto code = p11_.C_FindObjects(session_, &key, 1, &found);
        p11_.C_FindObjectsFinal(session_);
        return code == CKR_OK && found == 0 ? CK_RV{CKR_OBJECT_HANDLE_INVALID} : code;
    }

    CK_RV encrypt(CK_OBJECT_HANDLE key, Buffer& iv, const Buffer& plain, Buffer& cipher) const {
        CK_GCM_PARAMS parameters = gcm(iv);
        CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof parameters};
        if (const auto code = p11_.C_EncryptInit(session_, &mechanism, key); code != CKR_OK) return code;
        Buffer data = plain;
        cipher.assign(plain.size() + 64, 0);
        CK_ULONG size = cipher.size();
        const auto code = p11_.C_Encrypt(session_, data.data(), data.size(), cipher.data(), &size);
        cipher.resize(code == CKR_OK ? size : 0);
        return code;
    }

    CK_RV decrypt(CK_OBJECT_HANDLE key, Buffer iv, Buffer cipher, Buffer& plain) const {
        CK_GCM_PARAMS parameters = gcm(iv);
        CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof parameters};
        if (const auto code = p11_.C_DecryptInit(session_, &mechanism, key); code != CKR_OK) return code;
        plain.assign(cipher.size() + 16, 0);
        CK_ULONG size = plain.size();
        const auto code = p11_.C_Decrypt(session_, cipher.data(), cipher.size(), plain.data(), &size);
        plain.resize(code == CKR_OK ? size : 0);
        return code;
    }

    /// Whether a payload comes back; the first code that is not CKR_OK otherwise.
    CK_RV round_trip(CK_OBJECT_HANDLE key) const {
        Buffer iv(12, 7);
        const Buffer plain(100, 42);
        Buffer cipher;
        if (const auto code = encrypt(key, iv, plain, cipher); code != CKR_OK) return code;
        Buffer again;
        if (const auto code = decrypt(key, iv, cipher, again); code != CKR_OK) return code;
        return again == plain ? CK_RV{CKR_OK} : CK_RV{CKR_DATA_INVALID};
    }

private:
    static CK_GCM_PARAMS gcm(Buffer& iv) {
        CK_GCM_PARAMS parameters{};
        parameters.pIv = iv.data();
        parameters.ulIvLen = iv.size();
        parameters.ulIvBits = iv.size() * 8;
        parameters.ulTagBits = 128;
        return parameters;
    }

    ShimToken& token_;
    const CK_FUNCTION_LIST& p11_;
    CK_SESSION_HANDLE session_ = 0;
    CK_RV opened_ = CKR_OK;
};

class Shim : public testing::Test {
protected:
    static void SetUpTestSuite() { token_ = std::make_unique<ShimToken>(); }
    static void TearDownTestSuite() { token_.reset(); }

    void SetUp() override {
        control().set("");
        ASSERT_EQ(p11().C_CloseAllSessions(token_->slot()), CK_RV{CKR_OK});
    }
    void TearDown() override { control().set(""); }

    static ShimToken& token() { return *token_; }
    static ShimControl& control() { return token_->control(); }
    static const CK_FUNCTION_LIST& p11() { return token_->p11(); }

    /// A session that is logged in, with a session key.
    struct Ready {
        Caller caller{token()};
        CK_OBJECT_HANDLE key = 0;
        Ready() {
            EXPECT_EQ(caller.opened(), CK_RV{CKR_OK});
            EXPECT_EQ(caller.login(), CK_RV{CKR_OK});
            EXPECT_EQ(caller.generate(key), CK_RV{CKR_OK});
        }
    };

private:
    inline static std::unique_ptr<ShimToken> token_;
};

TEST_F(Shim, ForwardsWhatItIsNotToldToDisturb) {
    Ready ready;
    EXPECT_EQ(ready.caller.round_trip(ready.key), CK_RV{CKR_OK});
    EXPECT_EQ(p11().C_CloseSession(ready.caller.session()), CK_RV{CKR_OK});
    EXPECT_EQ(p11().C_CloseSession(ready.caller.session()), CK_RV{CKR_SESSION_HANDLE_INVALID});
}

TEST_F(Shim, AnswersWithTheCodeItIsTold) {
    Ready ready;
    control().set("fail C_Decrypt CKR_DEVICE_ERROR\nfail C_EncryptInit CKR_SESSION_HANDLE_INVALID once");
    EXPECT_EQ(ready.caller.round_trip(ready.key), CK_RV{CKR_SESSION_HANDLE_INVALID});
    EXPECT_EQ(ready.caller.round_trip(ready.key), CK_RV{CKR_DEVICE_ERROR});
    EXPECT_EQ(ready.caller.round_trip(ready.key), CK_RV{CKR_DEVICE_ERROR}) << "and the operation was ended";
    control().set("");
    EXPECT_EQ(ready.caller.round_trip(ready.key), CK_RV{CKR_OK});
}

TEST_F(Shim, AFailedOperationIsOver) {
    Ready ready;
    for (const auto* function : {"C_Encrypt", "C_Decrypt"}) {
        control().set(std::string("fail ") + function + " CKR_DEVICE_MEMORY every 2");
        std::vector<CK_RV> codes;
        for (int i = 0; i < 4; ++i) codes.push_back(ready.caller.round_trip(ready.key));
        const CK_RV ok = CKR_OK;
        EXPECT_THAT(codes, testing::ElementsAre(ok, CKR_DEVICE_MEMORY, ok, CKR_DEVICE_MEMORY)) << function;
    }
    control().set("fail C_FindObjectsFinal CKR_DEVICE_ERROR");
    CK_OBJECT_HANDLE key = 0;
    EXPECT_EQ(ready.caller.find(key), CK_RV{CKR_OBJECT_HANDLE_INVALID});
    EXPECT_EQ(ready.caller.find(key), CK_RV{CKR_OBJECT_HANDLE_INVALID});
}

TEST_F(Shim, ABrokenControlFileLetsNothingThrough) {
    Ready ready;
    EXPECT_ANY_THROW(control().set("fail C_Decript CKR_DEVICE_ERROR"));
    EXPECT_EQ(ready.caller.round_trip(ready.key), CK_RV{CKR_OK}) << "the mistake was not written";
    for (const auto& [name, value] : control().environment()) {
        if (name == "COFFER_SHIM_CONTROL") std::ofstream(value) << "fail C_Decript CKR_DEVICE_ERROR\n";
    }
    EXPECT_EQ(ready.caller.round_trip(ready.key), CK_RV{CKR_ARGUMENTS_BAD});
    control().set("");
    EXPECT_EQ(ready.caller.round_trip(ready.key), CK_RV{CKR_OK});
}

TEST_F(Shim, APowerCycleTakesSessionsLoginsAndHandles) {
    Ready ready;
    CK_OBJECT_HANDLE token_key = 0;
    ASSERT_EQ(ready.caller.generate(token_key, true), CK_RV{CKR_OK});
    ASSERT_EQ(ready.caller.round_trip(token_key), CK_RV{CKR_OK});
    const auto before = control().calls("power_cycles");

    control().power_cycle();
    EXPECT_EQ(ready.caller.round_trip(ready.key), CK_RV{CKR_SESSION_HANDLE_INVALID});
    EXPECT_EQ(control().calls("sessions_open"), 0U);
    Caller again(token());
    ASSERT_EQ(again.opened(), CK_RV{CKR_OK}) << "the device is back at once";
    CK_OBJECT_HANDLE found = 0;
    EXPECT_NE(again.find(found), CK_RV{CKR_OK}) << "nobody is logged in";
    ASSERT_EQ(again.login(), CK_RV{CKR_OK});
    EXPECT_NE(again.round_trip(ready.key), CK_RV{CKR_OK}) << "the session key is gone";
    EXPECT_NE(again.round_trip(token_key), CK_RV{CKR_OK}) << "handles are to be got again";
    ASSERT_EQ(again.find(found), CK_RV{CKR_OK});
    EXPECT_EQ(again.round_trip(found), CK_RV{CKR_OK});
    EXPECT_EQ(control().calls("power_cycles"), before + 1);
    EXPECT_EQ(p11().C_DestroyObject(again.session(), found), CK_RV{CKR_OK});
}

TEST_F(Shim, APowerCycleMayLast) {
    Ready ready;
    control().power_cycle("down 100ms CKR_TOKEN_NOT_PRESENT");
    EXPECT_EQ(ready.caller.round_trip(ready.key), CK_RV{CKR_TOKEN_NOT_PRESENT});
    CK_RV code = ready.caller.open();
    while (code == CKR_TOKEN_NOT_PRESENT) {
        std::this_thread::sleep_for(5ms);
        code = ready.caller.open();
    }
    EXPECT_EQ(code, CK_RV{CKR_OK});
}

TEST_F(Shim, APowerCycleMayCostTheModulesState) {
    Ready ready;
    control().power_cycle("until-initialize CKR_DEVICE_REMOVED");
    EXPECT_EQ(ready.caller.open(), CK_RV{CKR_DEVICE_REMOVED});
    EXPECT_EQ(ready.caller.open(), CK_RV{CKR_DEVICE_REMOVED});
    ASSERT_EQ(p11().C_Finalize(nullptr), CK_RV{CKR_OK});
    ASSERT_EQ(token().initialize(), CK_RV{CKR_OK});
    Ready again;
    EXPECT_EQ(again.caller.round_trip(again.key), CK_RV{CKR_OK});
}

TEST_F(Shim, AForgottenLoginLeavesSessions) {
    Ready ready;
    CK_OBJECT_HANDLE token_key = 0;
    ASSERT_EQ(ready.caller.generate(token_key, true), CK_RV{CKR_OK});
    control().forget_login();
    EXPECT_EQ(ready.caller.round_trip(token_key), CK_RV{CKR_USER_NOT_LOGGED_IN});
    CK_SESSION_INFO info{};
    EXPECT_EQ(p11().C_GetSessionInfo(ready.caller.session(), &info), CK_RV{CKR_OK});
    EXPECT_EQ(info.state, CK_STATE{CKS_RW_PUBLIC_SESSION});
    ASSERT_EQ(ready.caller.login(), CK_RV{CKR_OK});
    EXPECT_NE(ready.caller.round_trip(token_key), CK_RV{CKR_OK}) << "handles are to be got again";
    ASSERT_EQ(ready.caller.find(token_key), CK_RV{CKR_OK});
    EXPECT_EQ(ready.caller.round_trip(token_key), CK_RV{CKR_OK});
    EXPECT_EQ(p11().C_DestroyObject(ready.caller.session(), token_key), CK_RV{CKR_OK});
}

TEST_F(Shim, SessionsCanBeFew) {
    control().set("max-sessions 2");
    Caller first(token());
    Caller second(token());
    Caller third(token());
    EXPECT_EQ(second.opened(), CK_RV{CKR_OK});
    EXPECT_EQ(third.opened(), CK_RV{CKR_SESSION_COUNT});
    CK_TOKEN_INFO info{};
    ASSERT_EQ(p11().C_GetTokenInfo(token().slot(), &info), CK_RV{CKR_OK});
    EXPECT_EQ(info.ulMaxSessionCount, 2U);
    EXPECT_EQ(info.ulSessionCount, 2U);
    EXPECT_EQ(p11().C_CloseSession(first.session()), CK_RV{CKR_OK});
    EXPECT_EQ(third.open(), CK_RV{CKR_OK});
    EXPECT_EQ(control().calls("sessions_open"), 2U);
}

TEST_F(Shim, AMechanismCanBeMissing) {
    Ready ready;
    const auto listed = [&] {
        CK_ULONG count = 0;
        EXPECT_EQ(p11().C_GetMechanismList(token().slot(), nullptr, &count), CK_RV{CKR_OK});
        std::vector<CK_MECHANISM_TYPE> types(count);
        EXPECT_EQ(p11().C_GetMechanismList(token().slot(), types.data(), &count), CK_RV{CKR_OK});
        return std::ranges::find(types, CK_MECHANISM_TYPE{CKM_AES_GCM}) != types.end();
    };
    CK_MECHANISM_INFO info{};
    EXPECT_TRUE(listed());
    EXPECT_EQ(p11().C_GetMechanismInfo(token().slot(), CKM_AES_GCM, &info), CK_RV{CKR_OK});
    control().set("hide-mechanism CKM_AES_GCM");
    EXPECT_FALSE(listed());
    EXPECT_EQ(p11().C_GetMechanismInfo(token().slot(), CKM_AES_GCM, &info), CK_RV{CKR_MECHANISM_INVALID});
    EXPECT_EQ(ready.caller.round_trip(ready.key), CK_RV{CKR_MECHANISM_INVALID});
}

TEST_F(Shim, WritesItsOwnIvBack) {
    Ready ready;
    control().set("iv written-back");
    const Buffer plain(33, 1);
    Buffer given(12, 9);
    Buffer cipher;
    EXPECT_EQ(ready.caller.encrypt(ready.key, given, plain, cipher), CK_RV{CKR_MECHANISM_PARAM_INVALID})
        << "the buffer has to hold zeros";
    Buffer iv(12, 0);
    ASSERT_EQ(ready.caller.encrypt(ready.key, iv, plain, cipher), CK_RV{CKR_OK});
    EXPECT_NE(iv, Buffer(12, 0));
    EXPECT_EQ(cipher.size(), plain.size() + 16);
    control().set("");
    Buffer again;
    ASSERT_EQ(ready.caller.decrypt(ready.key, iv, cipher, again), CK_RV{CKR_OK});
    EXPECT_EQ(again, plain);
}

TEST_F(Shim, AppendsItsOwnIv) {
    Ready ready;
    control().set("iv appended");
    const Buffer plain(33, 1);
    Buffer given(12, 9);
    Buffer cipher;
    ASSERT_EQ(ready.caller.encrypt(ready.key, given, plain, cipher), CK_RV{CKR_OK});
    ASSERT_EQ(cipher.size(), plain.size() + 16 + 16);
    Buffer iv(cipher.end() - 16, cipher.end());
    cipher.resize(cipher.size() - 16);
    Buffer again;
    ASSERT_EQ(ready.caller.decrypt(ready.key, iv, cipher, again), CK_RV{CKR_OK});
    EXPECT_EQ(again, plain);
    EXPECT_NE(ready.caller.decrypt(ready.key, given, cipher, again), CK_RV{CKR_OK})
        << "the given IV was not used";
}

TEST_F(Shim, AppendedIvsCountInTheLength) {
    Ready ready;
    Buffer iv(16, 7);
    CK_GCM_PARAMS parameters{};
    parameters.pIv = iv.data();
    parameters.ulIvLen = iv.size();
    parameters.ulIvBits = iv.size() * 8;
    parameters.ulTagBits = 128;
    CK_MECHANISM mechanism{CKM_AES_GCM, &parameters, sizeof parameters};
    Buffer plain(10, 1);
    Buffer cipher(10 + 16 + 16);
    const auto encrypt = [&](CK_BYTE_PTR out, CK_ULONG& size) {
        return p11().C_Encrypt(ready.caller.session(), plain.data(), plain.size(), out, &size);
    };
    // What the real module says by itself (NSS forgets the tag).
    ASSERT_EQ(p11().C_EncryptInit(ready.caller.session(), &mechanism, ready.key), CK_RV{CKR_OK});
    CK_ULONG real_size = 0;
    ASSERT_EQ(encrypt(nullptr, real_size), CK_RV{CKR_OK});
    CK_ULONG size = cipher.size();
    ASSERT_EQ(encrypt(cipher.data(), size), CK_RV{CKR_OK});

    control().set("iv appended");
    ASSERT_EQ(p11().C_EncryptInit(ready.caller.session(), &mechanism, ready.key), CK_RV{CKR_OK});
    size = 0;
    ASSERT_EQ(encrypt(nullptr, size), CK_RV{CKR_OK});
    EXPECT_EQ(size, real_size + 16);
    size = 8;
    EXPECT_EQ(encrypt(cipher.data(), size), CK_RV{CKR_BUFFER_TOO_SMALL});
    size = cipher.size();
    EXPECT_EQ(encrypt(cipher.data(), size), CK_RV{CKR_OK});
    EXPECT_EQ(size, cipher.size());
}

TEST_F(Shim, ACallCanBeShort) {
    Ready ready;
    control().set("max-call-bytes 1024");
    Buffer iv(12, 7);
    Buffer cipher;
    EXPECT_EQ(ready.caller.encrypt(ready.key, iv, Buffer(1025, 1), cipher), CK_RV{CKR_DATA_LEN_RANGE});
    ASSERT_EQ(ready.caller.encrypt(ready.key, iv, Buffer(1024, 1), cipher), CK_RV{CKR_OK});
    Buffer again;
    EXPECT_EQ(ready.caller.decrypt(ready.key, iv, cipher, again), CK_RV{CKR_OK});
    EXPECT_EQ(ready.caller.decrypt(ready.key, iv, Buffer(1041, 1), again),
              CK_RV{CKR_ENCRYPTED_DATA_LEN_RANGE});
    EXPECT_EQ(ready.caller.round_trip(ready.key), CK_RV{CKR_OK});
}

TEST_F(Shim, ACallHangsUntilTheRuleIsGone) {
    Ready ready;
    control().set("hang C_Decrypt");
    const auto before = control().calls("C_Decrypt");
    std::atomic<bool> done = false;
    std::thread caller([&] {
        EXPECT_EQ(ready.caller.round_trip(ready.key), CK_RV{CKR_OK});
        done = true;
    });
    while (control().calls("C_Decrypt") == before && !done) std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(20ms);
    EXPECT_FALSE(done);
    Caller other(token());
    EXPECT_EQ(other.opened(), CK_RV{CKR_OK}) << "other calls go on";
    control().set("");
    caller.join();
}

TEST_F(Shim, LatencyIsAddedToEachCall) {
    Ready ready;
    control().set("latency C_Encrypt 30ms");
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(ready.caller.round_trip(ready.key), CK_RV{CKR_OK});
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 30ms);
}

TEST_F(Shim, CountsCalls) {
    Ready ready;
    const auto before = control().stats();
    for (int i = 0; i < 7; ++i) EXPECT_EQ(ready.caller.round_trip(ready.key), CK_RV{CKR_OK});
    auto after = control().stats();
    EXPECT_EQ(after.at("C_Decrypt"), before.at("C_Decrypt") + 7);
    EXPECT_EQ(after.at("C_FindObjectsInit"), before.at("C_FindObjectsInit"));
    EXPECT_EQ(after.at("sessions_open"), 1U);
    EXPECT_GE(after.at("sessions_peak"), 1U);
    control().set("fail C_Decrypt CKR_DEVICE_ERROR once");
    EXPECT_EQ(ready.caller.round_trip(ready.key), CK_RV{CKR_DEVICE_ERROR});
    EXPECT_EQ(control().calls("failures_injected"), before.at("failures_injected") + 1);
}

/// One thread's work through power cycles: begins anew whenever something is lost.
class Worker {
public:
    explicit Worker(ShimToken& token) : token_(token) {}

    void step() {
        if (!caller_) start();
        if (!caller_) return;
        const auto code = caller_->round_trip(key_);
        if (code == CKR_OK) {
            ++succeeded_;
            return;
        }
        lost_.push_back(code);
        caller_.reset();
    }
    [[nodiscard]] std::size_t succeeded() const { return succeeded_.load(); }
    [[nodiscard]] const std::vector<CK_RV>& lost() const { return lost_; }

private:
    void start() {
        caller_.emplace(token_);
        if (caller_->opened() == CKR_OK && caller_->login() == CKR_OK && caller_->generate(key_) == CKR_OK)
            return;
        caller_.reset();
    }

    ShimToken& token_;
    std::optional<Caller> caller_;
    CK_OBJECT_HANDLE key_ = 0;
    std::atomic<std::size_t> succeeded_ = 0;
    std::vector<CK_RV> lost_;
};

TEST_F(Shim, PowerCyclesHitCallsOfManyThreads) {
    constexpr int kThreads = 4;
    std::atomic<bool> stop = false;
    std::vector<std::unique_ptr<Worker>> workers;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
        auto& worker = *workers.emplace_back(std::make_unique<Worker>(token()));
        threads.emplace_back([&worker, &stop] {
            while (!stop) worker.step();
        });
    }
    const auto everybody_succeeds = [&](std::chrono::steady_clock::time_point deadline) {
        for (const auto& worker : workers) {
            const auto before = worker->succeeded();
            while (worker->succeeded() == before) {
                if (std::chrono::steady_clock::now() > deadline) return false;
                std::this_thread::sleep_for(1ms);
            }
        }
        return true;
    };
    const auto before = control().calls("power_cycles");
    for (int i = 0; i < 20; ++i) {
        control().power_cycle();
        EXPECT_TRUE(everybody_succeeds(std::chrono::steady_clock::now() + 60s)) << "after power cycle " << i;
    }
    stop = true;
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(control().calls("power_cycles"), before + 20);
    for (const auto& worker : workers) {
        // A worker may also have met the time between another's loss and login.
        EXPECT_THAT(worker->lost(), testing::Each(testing::AnyOf(CK_RV{CKR_SESSION_HANDLE_INVALID},
                                                                 CK_RV{CKR_USER_NOT_LOGGED_IN})));
    }
}

}  // namespace
}  // namespace coffer::shim
