// The HSM executor: order, limits, deadlines, and that a completion is called exactly once.

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "crypto/anchor_session.hpp"
#include "crypto/breaker.hpp"
#include "crypto/hsm_impl.hpp"
#include "crypto/pkcs11_error.hpp"
#include "crypto/token.hpp"
#include "tests/crypto/test_hsm.hpp"

namespace coffer::crypto {
namespace {

using namespace std::chrono_literals;
using testing::TestHsm;
using testing::TestToken;
using testing::TokenKind;

class ExecutorTest : public ::testing::Test {
protected:
    static HsmConfig config() {
        static const TestToken kToken = TestToken::make(TokenKind::softhsm2);
        kToken.use();
        auto out = kToken.hsm_config();
        out.queue_capacity = 8;
        return out;
    }
    TestHsm hsm_{config()};

    /// Occupies the only worker until release().
    class Blocker {
    public:
        explicit Blocker(Hsm& hsm) {
            hsm.impl().submit<Done>(
                {}, [](const Outcome<Done>&) {},
                [this](HsmContext&) {
                    entered_.set_value();
                    released_.get_future().wait();
                    return Done{};
                });
            entered_.get_future().wait();
        }
        void release() { released_.set_value(); }

    private:
        std::promise<void> entered_;
        std::promise<void> released_;
    };
};

// Every event that an observer hears of, with none to hear it.
TEST(ExecutorWithoutObserver, WorksRecoversAndGoesNotReady) {
    const TestToken test_token = TestToken::make(TokenKind::softhsm2);
    test_token.use();
    Token token(test_token.hsm_config());
    Executor executor({.threads = 1, .queue_capacity = 8, .breaker_failures = 1, .probe_interval = 5ms},
                      token, nullptr);
    const auto run = [&](auto work) {
        return wait_for<Done>([&](Completion<Done> completion) {
            executor.submit(make_job<Done>(JobOptions{}, std::move(completion), work));
        });
    };
    (void)run([](HsmContext&) { return Done{}; });
    bool lost = false;
    (void)run([&](HsmContext&) {
        if (!std::exchange(lost, true)) throw Pkcs11Error("C_Sign", CKR_SESSION_HANDLE_INVALID);
        return Done{};
    });
    EXPECT_THROW((void)run([](HsmContext&) -> Done { throw IntegrityError("altered"); }), IntegrityError);
    executor.close();
    token.close();
}

/// A token whose PIN was changed, and which takes its time to refuse the one before.
class RefusingKeeper final : public TokenKeeper {
public:
    explicit RefusingKeeper(Token& token) : token_(token) {}
    HsmContext& context(std::size_t worker) override { return token_.context(worker); }
    void probe(std::size_t worker) override {
        if (refuses) throw Pkcs11Error("C_GetSessionInfo", CKR_SESSION_HANDLE_INVALID);
        token_.probe(worker);
    }
    void rebuild(RecoveryGrade grade) override {
        if (refuses) {
            std::this_thread::sleep_for(150ms);
            ++refusals;
            throw PinRefused("the token refused the PIN");
        }
        token_.rebuild(grade);
    }
    void tidy(std::size_t worker) noexcept override { token_.tidy(worker); }
    void make_room() noexcept override { token_.make_room(); }

    std::atomic<bool> refuses = false;
    std::atomic<int> refusals = 0;

private:
    Token& token_;
};

/// A token whose sessions are of no use any more, and say "again" for ever; new ones are good.
class TiredKeeper final : public TokenKeeper {
public:
    explicit TiredKeeper(Token& token) : token_(token) {}
    HsmContext& context(std::size_t worker) override {
        if (tired) throw Pkcs11Error("C_DecryptInit", CKR_DEVICE_MEMORY);
        return token_.context(worker);
    }
    void probe(std::size_t worker) override {
        (void)context(worker);
        token_.probe(worker);
    }
    void rebuild(RecoveryGrade grade) override {
        token_.rebuild(grade);
        tired = false;
    }
    void tidy(std::size_t worker) noexcept override { token_.tidy(worker); }
    void make_room() noexcept override { token_.make_room(); }

    std::atomic<bool> tired = false;

private:
    Token& token_;
};

// Also for a job whose deadline ends the tries before they are counted.
TEST(ExecutorRecovery, SessionsThatOnlyAskForAnotherTryAreMadeAnew) {
    const TestToken test_token = TestToken::make(TokenKind::softhsm2);
    test_token.use();
    Token token(test_token.hsm_config());
    TiredKeeper keeper(token);
    Executor executor({.threads = 1, .queue_capacity = 8}, keeper, nullptr);
    const auto run = [&](JobOptions options) {
        return wait_for<Done>([&](Completion<Done> completion) {
            executor.submit(
                make_job<Done>(options, std::move(completion), [](HsmContext&) { return Done{}; }));
        });
    };
    keeper.tired = true;
    EXPECT_THROW((void)run({}), Unavailable);
    (void)run({});
    EXPECT_EQ(executor.status().epoch, 2U);
    keeper.tired = true;
    EXPECT_THROW((void)run({.deadline = std::chrono::steady_clock::now() + 2ms}), Error);
    while (keeper.tired) std::this_thread::sleep_for(2ms);
    (void)run({});
    EXPECT_EQ(executor.status().epoch, 3U);
    executor.close();
    token.close();
}

class ReadinessLog final : public HsmObserver {
public:
    void readiness_changed(bool ready, std::string reason) override {
        const std::lock_guard lock(mutex_);
        changes_.emplace_back(ready, std::move(reason));
    }
    void recovered(std::string, std::string, unsigned long) override {}
    void job_done(std::chrono::nanoseconds, std::chrono::nanoseconds) override {}
    void integrity_failure(std::string) override {}
    [[nodiscard]] std::vector<std::pair<bool, std::string>> changes() const {
        const std::lock_guard lock(mutex_);
        return changes_;
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::pair<bool, std::string>> changes_;
};

// A recovery that takes longer than a call may, and waits between its tries, is no call that hangs.
TEST(ExecutorReadiness, WhatIsWrongStaysSaidUntilItIsRight) {
    const TestToken test_token = TestToken::make(TokenKind::softhsm2);
    test_token.use();
    Token token(test_token.hsm_config());
    RefusingKeeper keeper(token);
    const auto log = std::make_shared<ReadinessLog>();
    Executor executor({.threads = 1,
                       .queue_capacity = 8,
                       .breaker_failures = 1,
                       .probe_interval = 150ms,
                       .stall_limit = 50ms},
                      keeper, log);
    const auto run = [&](auto work) {
        return wait_for<Done>([&](Completion<Done> completion) {
            executor.submit(make_job<Done>(JobOptions{}, std::move(completion), work));
        });
    };
    keeper.refuses = true;
    EXPECT_THROW(
        (void)run([](HsmContext&) -> Done { throw Pkcs11Error("C_Sign", CKR_SESSION_HANDLE_INVALID); }),
        Unavailable);
    while (keeper.refusals < 5) std::this_thread::sleep_for(5ms);
    EXPECT_FALSE(executor.status().ready);
    EXPECT_EQ(executor.status().reason, "the token refused the PIN");
    keeper.refuses = false;
    while (!executor.status().ready) std::this_thread::sleep_for(5ms);
    (void)run([](HsmContext&) { return Done{}; });
    executor.close();
    token.close();
    // The first refusal may last so long that it counts as a call that hangs, as long as nothing else is
    // known.
    auto changes = log->changes();
    if (!changes.empty() && changes.front().second.starts_with("the token has not answered"))
        changes.erase(changes.begin());
    const std::vector<std::pair<bool, std::string>> expected{{false, "the token refused the PIN"},
                                                             {true, ""}};
    EXPECT_EQ(changes, expected);
}

TEST_F(ExecutorTest, TheMoreUrgentLaneGoesFirstAndEachIsAFifo) {
    std::mutex mutex;
    std::vector<int> order;
    std::promise<void> all;
    Blocker blocker(hsm_.hsm());
    const auto submit = [&](Priority priority, int number) {
        hsm_.hsm().impl().submit<Done>(
            {.priority = priority}, [](const Outcome<Done>&) {},
            [&, number](HsmContext&) {
                const std::lock_guard lock(mutex);
                order.push_back(number);
                if (order.size() == 6) all.set_value();
                return Done{};
            });
    };
    submit(Priority::rewrap, 5);
    submit(Priority::rotation, 4);
    submit(Priority::write, 2);
    submit(Priority::write, 3);
    submit(Priority::read, 0);
    submit(Priority::read, 1);
    blocker.release();
    all.get_future().wait();
    hsm_.hsm().close();  // the last job is through with what lives on this stack
    EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4, 5}));
}

TEST_F(ExecutorTest, AFullLaneAnswersAtOnce) {
    Blocker blocker(hsm_.hsm());
    std::atomic<int> done = 0;
    std::atomic<int> overloaded = 0;
    const auto submit = [&](Priority priority) {
        hsm_.hsm().impl().submit<Done>(
            {.priority = priority},
            [&](Outcome<Done> outcome) {
                try {
                    (void)outcome.take();
                    ++done;
                } catch (const Overloaded&) {
                    ++overloaded;
                }
            },
            [](HsmContext&) { return Done{}; });
    };
    for (int i = 0; i < 10; ++i) submit(Priority::read);
    EXPECT_EQ(overloaded, 2);  // the lane holds 8
    submit(Priority::write);
    EXPECT_EQ(overloaded, 2);  // each lane has its own limit
    EXPECT_EQ(hsm_.hsm().status().queued, 9U);
    blocker.release();
    (void)hsm_.hsm().seals().make({1}, {.priority = Priority::rewrap});
    EXPECT_EQ(done, 9);
}

TEST_F(ExecutorTest, AJobWhoseDeadlinePassedInTheQueueIsNotRun) {
    Blocker blocker(hsm_.hsm());
    std::atomic<bool> ran = false;
    EXPECT_THROW((void)wait_for<Done>([&](Completion<Done> completion) {
                     hsm_.hsm().impl().submit<Done>({.deadline = std::chrono::steady_clock::now() + 30ms},
                                                    std::move(completion), [&](HsmContext&) {
                                                        ran = true;
                                                        return Done{};
                                                    });
                 }),
                 DeadlineExceeded);  // while the worker is busy still
    blocker.release();
    (void)hsm_.hsm().seals().make({1}, {});
    EXPECT_FALSE(ran);
}

TEST_F(ExecutorTest, ARunningJobIsAnsweredAtItsDeadlineAndOnce) {
    std::promise<void> release;
    std::atomic<int> completions = 0;
    std::promise<void> answered;
    hsm_.hsm().impl().submit<Done>(
        {.deadline = std::chrono::steady_clock::now() + 30ms},
        [&](Outcome<Done> outcome) {
            ++completions;
            EXPECT_THROW((void)outcome.take(), DeadlineExceeded);
            answered.set_value();
        },
        [&](HsmContext&) {
            release.get_future().wait();
            return Done{};
        });
    answered.get_future().wait();
    release.set_value();
    (void)hsm_.hsm().seals().make({1}, {});
    EXPECT_EQ(completions, 1);
}

TEST_F(ExecutorTest, AFailureThatPassesIsRetried) {
    for (const CK_RV code : {CKR_FUNCTION_CANCELED, CKR_SESSION_COUNT, CKR_DEVICE_MEMORY, CKR_GENERAL_ERROR,
                             CKR_SESSION_CLOSED, CKR_TOKEN_NOT_PRESENT}) {
        std::atomic<int> runs = 0;
        (void)wait_for<Done>([&](Completion<Done> completion) {
            hsm_.hsm().impl().submit<Done>({}, std::move(completion), [&](HsmContext&) {
                if (++runs == 1) throw Pkcs11Error("C_Test", code);
                return Done{};
            });
        });
        EXPECT_EQ(runs, 2) << code_name(code);
    }
    // The session answered its probe each time: nothing was made anew.
    EXPECT_EQ(hsm_.hsm().status().epoch, 1U);
    EXPECT_TRUE(hsm_.observer().recoveries().empty());
}

TEST_F(ExecutorTest, AJobThatFailsForeverIsGivenUpAndHarmsNoOther) {
    std::atomic<int> runs = 0;
    EXPECT_THROW((void)wait_for<Done>([&](Completion<Done> completion) {
                     hsm_.hsm().impl().submit<Done>({}, std::move(completion), [&](HsmContext&) -> Done {
                         ++runs;
                         throw Pkcs11Error("C_Test", CKR_DEVICE_ERROR);
                     });
                 }),
                 Unavailable);
    EXPECT_EQ(runs, 5);
    EXPECT_EQ(hsm_.seal({}, {}).wrapped_key.size(), kWrappedKeyBytes);
    EXPECT_TRUE(hsm_.hsm().status().ready);
}

// It is the job's fault then, since the session works.
TEST_F(ExecutorTest, AJobThatTheTokenAsksForAgainForEverCostsNothingElse) {
    std::atomic<int> runs = 0;
    EXPECT_THROW((void)wait_for<Done>([&](Completion<Done> completion) {
                     hsm_.hsm().impl().submit<Done>({}, std::move(completion), [&](HsmContext&) -> Done {
                         ++runs;
                         throw Pkcs11Error("C_Test", CKR_DEVICE_MEMORY);
                     });
                 }),
                 Unavailable);
    EXPECT_EQ(runs, 5);
    EXPECT_EQ(hsm_.seal({}, {}).wrapped_key.size(), kWrappedKeyBytes);
    EXPECT_TRUE(hsm_.hsm().status().ready);
    EXPECT_EQ(hsm_.hsm().status().epoch, 1U);
    EXPECT_TRUE(hsm_.observer().recoveries().empty());
}

TEST_F(ExecutorTest, TheCallersFaultIsNotRetried) {
    std::atomic<int> runs = 0;
    EXPECT_THROW((void)wait_for<Done>([&](Completion<Done> completion) {
                     hsm_.hsm().impl().submit<Done>({}, std::move(completion), [&](HsmContext&) -> Done {
                         ++runs;
                         throw Pkcs11Error("C_Test", CKR_KEY_FUNCTION_NOT_PERMITTED);
                     });
                 }),
                 Pkcs11Error);
    EXPECT_EQ(runs, 1);
}

TEST_F(ExecutorTest, CloseFailsWhatIsQueuedAndWaitsForWhatRuns) {
    auto blocker = std::make_unique<Blocker>(hsm_.hsm());
    std::promise<void> failed;
    hsm_.hsm().impl().submit<Done>(
        {},
        [&](Outcome<Done> outcome) {
            EXPECT_THROW((void)outcome.take(), Unavailable);
            failed.set_value();
        },
        [](HsmContext&) { return Done{}; });
    std::thread closer([&] { hsm_.hsm().close(); });
    while (hsm_.hsm().status().ready) std::this_thread::yield();  // until close() has begun
    blocker->release();
    closer.join();
    failed.get_future().wait();
}

TEST(BreakerTest, OpensAfterFailuresInARow) {
    Breaker breaker(3);
    EXPECT_FALSE(breaker.failed());
    EXPECT_FALSE(breaker.failed());
    EXPECT_FALSE(breaker.succeeded());
    EXPECT_FALSE(breaker.failed());
    EXPECT_FALSE(breaker.failed());
    EXPECT_FALSE(breaker.is_open());
    EXPECT_TRUE(breaker.failed());
    EXPECT_TRUE(breaker.is_open());
    EXPECT_FALSE(breaker.failed());  // it was open already
    EXPECT_TRUE(breaker.succeeded());
    EXPECT_FALSE(breaker.is_open());
    EXPECT_TRUE(breaker.trip());
    EXPECT_TRUE(breaker.is_open());
}

TEST(ErrorTable, KnowsWhatModulesReallyReturn) {
    EXPECT_EQ(classify(CKR_SESSION_HANDLE_INVALID), ErrorClass::session);
    EXPECT_EQ(classify(CKR_USER_NOT_LOGGED_IN), ErrorClass::login);
    EXPECT_EQ(classify(CKR_DEVICE_REMOVED), ErrorClass::module);
    EXPECT_EQ(classify(CKR_PIN_INCORRECT), ErrorClass::fatal);
    EXPECT_EQ(classify(CKR_ENCRYPTED_DATA_INVALID), ErrorClass::integrity);
    EXPECT_EQ(classify(CKR_VENDOR_DEFINED | 7U), ErrorClass::module);
    // SoftHSM2 and NSS on a GCM tag that does not match.
    EXPECT_TRUE(may_mean_altered(0x5));
    EXPECT_TRUE(may_mean_altered(0x40));
    EXPECT_FALSE(may_mean_altered(CKR_SESSION_HANDLE_INVALID));
    EXPECT_EQ(code_name(0x30), "CKR_DEVICE_ERROR");
    EXPECT_EQ(code_name(0x80000001), "CKR 0x80000001");
    EXPECT_STREQ(Pkcs11Error("C_Decrypt", 0x30).what(), "C_Decrypt answered CKR_DEVICE_ERROR (0x30)");
}

}  // namespace
}  // namespace coffer::crypto
