// Rotations that cannot go on: what is counted as a failed try and what is waited for, when they are taken up
// again, and what holds them back then.

#include <gmock/gmock.h>

#include "rotation_fixture.hpp"

namespace coffer::rotation {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

}  // namespace
}  // namespace coffer::rotation
