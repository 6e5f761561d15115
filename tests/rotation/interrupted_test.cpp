// Rotations that cannot go on: what is counted as a failed try and what is waited for, when they are taken up
// again, and what holds them back then.

#include <gmock/gmock.h>

#include "rotation_fixture.hpp"

namespace coffer::rotation {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Of one rotation setSecret fails, for a reason that somebody has to see to.
class FailedRotationTest : public RotationFixture {
protected:
    /// What failed in setSecret; its token.
    std::string failed(const std::string& name, const StepFailed& failure) {
        function().on_step = [this, failure](Step step, const StepContext&, SecretValues& values) {
            if (step == Step::create && !values.pending()) {
                values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
            }
            if (step == Step::set && fails_) throw failure;
        };
        const auto token = rotate(name);
        EXPECT_TRUE(workers().run_one());
        EXPECT_TRUE(task_of(name).failed);
        fails_ = false;
        return token;
    }
    void restrain_for_ten_hours(const std::string& name) {
        restrain(Restraints({{.name = "freeze",
                              .secrets = SecretNames({name}),
                              .from = clock().now(),
                              .to = clock().now() + std::chrono::hours(10)}},
                            {}));
    }
    static StepFailed no_user() {
        return StepFailed(StepFailed::Kind::hopeless, "there is no such user").before_any_effect();
    }

private:
    bool fails_ = true;
};

TEST_F(FailedRotationTest, BeforeItsTargetWasToldIsHeldBackInTheNextWindow) {
    const auto name = stored("old");
    const auto token = failed(name, no_user());
    clock().advance(std::chrono::hours(24 * 32));
    restrain_for_ten_hours(name);
    EXPECT_TRUE(workers().run_one()) << "it is looked at";
    EXPECT_FALSE(workers().run_one()) << "and laid aside";
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "old");
    EXPECT_THAT(task_of(name).last_error.value(), HasSubstr("held back by the blackout \"freeze\""));
    EXPECT_TRUE(task_of(name).failed);
    clock().advance(std::chrono::hours(10) + std::chrono::minutes(31));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "new");
    EXPECT_THAT(labels_of(name).at(token), ElementsAre("AWSCURRENT"));
    EXPECT_FALSE(task_of(name).failed);
    restrain({});
}

TEST_F(FailedRotationTest, ByHandItGoesOnInABlackout) {
    const auto name = stored("old");
    failed(name, no_user());
    clock().advance(std::chrono::hours(24 * 32));
    restrain_for_ten_hours(name);
    ASSERT_TRUE(workers().run_one());
    ASSERT_EQ(value_of(name, "AWSCURRENT"), "old");
    retry_now(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "new");
    restrain({});
}

TEST_F(FailedRotationTest, ItWaitsForTheOthersOfItsGroup) {
    const auto name = stored("old");
    failed(name, no_user());
    const auto other = stored("other");
    restrain(Restraints({}, {{"pair " + name, SecretNames({name, other}), std::chrono::hours(2)}}));
    clock().advance(std::chrono::milliseconds(task_of(name).due->millis() - clock().now().millis()) -
                    std::chrono::minutes(1));
    rotate(other);
    ASSERT_TRUE(workers().run_one());
    ASSERT_EQ(value_of(other, "AWSCURRENT"), "new");
    clock().advance(std::chrono::minutes(1));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "old") << "the other one began a minute ago";
    clock().advance(std::chrono::minutes(119) - std::chrono::milliseconds(1));
    EXPECT_FALSE(workers().run_one());
    clock().advance(std::chrono::milliseconds(1));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "new");
    restrain({});
}

TEST_F(FailedRotationTest, AValuePutByHandEndsItInABlackoutAsWell) {
    const auto name = stored("old");
    failed(name, no_user());
    clock().advance(std::chrono::hours(24 * 32));
    restrain_for_ten_hours(name);
    put(name, "by hand");
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(outcomes_of(name), ElementsAre("Abandoned", "Failed"));
    EXPECT_FALSE(task_of(name).version);
    restrain({});
}

TEST_F(FailedRotationTest, WhatItsTargetMayHaveIsNotHeldBack) {
    const auto name = stored("old");
    failed(name, StepFailed(StepFailed::Kind::hopeless, "the session was cut off, and may have done it"));
    ASSERT_TRUE(task_of(name).told);
    clock().advance(std::chrono::hours(24 * 32));
    restrain_for_ten_hours(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "new");
    restrain({});
}

class InterruptedTest : public RotationFixture {};

TEST_F(InterruptedTest, AWaitThatIsCutOffSinceTheNodeStopsCountsForNothing) {
    const auto name = stored("old");
    bool stops = true;
    function().on_step = [&](Step step, const StepContext& context, SecretValues& values) {
        if (step == Step::create && !values.pending()) {
            values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
        }
        if (step != Step::set || !stops) return;
        workers().stop();
        EXPECT_TRUE(context.patience().is_over());
        throw StepFailed(StepFailed::Kind::retry, "the connection broke");
    };
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    const auto task = task_of(name);
    EXPECT_FALSE(task.node) << "it is free for others";
    EXPECT_FALSE(task.last_error);
    EXPECT_TRUE(task.told) << "as after a crash";
    EXPECT_THAT(events_about(name, token),
                ::testing::Not(::testing::Contains("RotationStepFailed setSecret")));
    stops = false;
    ASSERT_TRUE(second_workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "new");
}

TEST_F(InterruptedTest, NorDoesATestOfTheLogin) {
    const auto name = stored("old");
    bool stops = true;
    function().on_step = [&](Step, const StepContext&, SecretValues&) {
        if (!stops) return;
        workers().stop();
        throw StepFailed(StepFailed::Kind::retry, "the connection broke");
    };
    auto request = request_for(name);
    request.set_rotate_immediately(false);
    call(request);
    ASSERT_TRUE(workers().run_one());
    EXPECT_FALSE(task_of(name).failed);
    EXPECT_TRUE(task_of(name).test_only);
    stops = false;
    ASSERT_TRUE(second_workers().run_one());
    EXPECT_FALSE(task_of(name).failed);
    EXPECT_EQ(labels_of(name).size(), 1U);
}

TEST_F(InterruptedTest, WhatCannotBeGoneOnWithIsNotTakenAgainAtOnce) {
    const auto name = stored("old");
    int tries = 0;
    function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
        if (step == Step::create && !values.pending()) {
            values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
        }
        if (step == Step::set && ++tries == 1) throw RotationLost("something is in the way");
    };
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_FALSE(workers().run_one());
    clock().advance(std::chrono::seconds(5));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "new");
}

TEST_F(InterruptedTest, AnOutageIsWaitedForLongerEachTimeAndIsNoFailedTry) {
    const auto name = stored("old");
    bool away = true;
    function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
        if (away) throw Unavailable("the token is away");
        if (step == Step::create && !values.pending()) {
            values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
        }
        if (step == Step::set) throw StepFailed(StepFailed::Kind::retry, "the target is away as well");
    };
    rotate(name);
    // Doubled from retry_after, a minute, up to retry_at_most, an hour; three tries are all that there are.
    for (const int pause : {1, 2, 4, 8, 16, 32, 60, 60}) {
        ASSERT_TRUE(workers().run_one());
        const auto task = task_of(name);
        EXPECT_FALSE(task.failed);
        EXPECT_EQ(task.attempt, 1);
        EXPECT_THAT(task.last_error.value(), HasSubstr("was away"));
        clock().advance(std::chrono::minutes(pause) - std::chrono::milliseconds(1));
        EXPECT_FALSE(workers().run_one()) << pause;
        clock().advance(std::chrono::milliseconds(1));
    }
    away = false;
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(task_of(name).last_error, "the target is away as well");
    EXPECT_FALSE(task_of(name).failed) << "the outage did not use up its tries";
    EXPECT_THAT(final_failures(), IsEmpty());
    // The next outage is another one.
    clock().advance(std::chrono::minutes(2));
    away = true;
    ASSERT_TRUE(workers().run_one());
    clock().advance(std::chrono::minutes(1));
    EXPECT_TRUE(workers().run_one());
}

TEST_F(InterruptedTest, WhatFailsWithinCofferAgainAndAgainIsFailed) {
    const auto name = stored("old");
    function().on_step = [](Step, const StepContext&, SecretValues&) {
        throw std::runtime_error("with a detail that is nobody's business");
    };
    const auto token = rotate(name);
    for (int attempt = 1; attempt <= 3; ++attempt) {
        EXPECT_FALSE(task_of(name).failed);
        ASSERT_TRUE(workers().run_one());
        EXPECT_EQ(task_of(name).attempt, attempt);
        // 1 minute, then 2, then 4.
        clock().advance(std::chrono::minutes(1 << (attempt - 1)) - std::chrono::milliseconds(1));
        EXPECT_FALSE(workers().run_one());
        clock().advance(std::chrono::milliseconds(1));
    }
    EXPECT_TRUE(task_of(name).failed) << "the third of three tries";
    EXPECT_THAT(task_of(name).last_error.value(), ::testing::Not(HasSubstr("nobody")));
    EXPECT_THAT(outcomes_of(name), ElementsAre("Failed"));
    EXPECT_THAT(final_failures(), ElementsAre(name));
    EXPECT_THAT(events_about(name, token), ::testing::Contains("RotationFailed createSecret").Times(1));
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(outcomes_of(name), ElementsAre("Failed")) << "told once";
    EXPECT_THAT(events_about(name, token), ::testing::Contains("RotationFailed createSecret").Times(1));
}

TEST_F(InterruptedTest, ADamagedSecretIsSaidToBeThatAndGoesOnWhenItIsWhole) {
    const auto name = stored("old");
    rotate(name);
    const auto id = id_of(name);
    const auto stored_task = [id] {
        return read<storage::RotationTask>(
            [id](storage::ReadTransaction& tx) { return storage::RotationRepository::find(tx, id).value(); });
    };
    execute("UPDATE secrets SET description = 'altered' WHERE name = $1", name);
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(workers().run_one());
        EXPECT_TRUE(stored_task().failed) << "nothing but somebody helps";
        EXPECT_THAT(stored_task().last_error.value(), HasSubstr("damaged"));
        EXPECT_THAT(final_failures(), ::testing::SizeIs(i + 1));
        clock().advance(std::chrono::hours(1) - std::chrono::milliseconds(1));
        EXPECT_FALSE(workers().run_one()) << "looked at every retry_at_most";
        clock().advance(std::chrono::milliseconds(1));
    }
    execute("UPDATE secrets SET description = NULL WHERE name = $1", name);
    EXPECT_THAT(outcomes_of(name), ElementsAre("Failed")) << "told once";
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "value-1");
    EXPECT_FALSE(task_of(name).failed);
}

TEST_F(InterruptedTest, ATestOfADamagedValueEnds) {
    const auto name = stored("old");
    auto request = request_for(name);
    request.set_rotate_immediately(false);
    call(request);
    execute(
        "UPDATE secret_versions SET ciphertext = set_byte(ciphertext, 30, get_byte(ciphertext, 30) # 1) "
        "WHERE secret_id = (SELECT id FROM secrets WHERE name = $1) AND ciphertext IS NOT NULL",
        name);
    ASSERT_TRUE(workers().run_one());
    const auto task = task_of(name);
    EXPECT_FALSE(task.version) << "at rest";
    EXPECT_TRUE(task.failed);
    EXPECT_THAT(task.last_error.value(), HasSubstr("damaged"));
    EXPECT_THAT(final_failures(), ElementsAre(name));
    EXPECT_EQ(labels_of(name).size(), 1U);
}

}  // namespace
}  // namespace coffer::rotation
