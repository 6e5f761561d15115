// When the next rotation of a secret is planned for, whatever else happens to it.

#include <gmock/gmock.h>

#include "rotation_fixture.hpp"

namespace coffer::rotation {
namespace {

class PlanningTest : public RotationFixture {};

// Days count from the last rotation or change of the value (API reference, RotationRulesType); a test of the
// login is neither.
TEST_F(PlanningTest, ATestOfTheLoginDoesNotPutTheNextRotationOff) {
    const auto name = stored("old");
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    const auto day = clock().now().day().millis() / kMillisPerDay;
    const auto next =
        static_cast<double>(day + 31) * 86'400 - 1;  // the 30th day from then, until its last second
    ASSERT_EQ(describe(name).next_rotation_date(), next);
    clock().advance(std::chrono::hours(24 * 29));
    auto request = request_for(name);
    request.set_rotate_immediately(false);
    request.clear_rotation_rules();
    call(request);
    EXPECT_EQ(describe(name).next_rotation_date(), next);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(describe(name).next_rotation_date(), next);
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "value-1");
    // The same rules as before change nothing either.
    request = request_for(name);
    request.set_rotate_immediately(false);
    call(request);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(describe(name).next_rotation_date(), next);
    clock().advance(std::chrono::hours(48));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "value-2") << "in the window that was planned";
}

TEST_F(PlanningTest, AnotherScheduleCountsFromTheLastRotation) {
    const auto name = stored("old");
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    const auto day = clock().now().day().millis() / kMillisPerDay;
    clock().advance(std::chrono::hours(24 * 20));
    auto request = request_for(name);
    request.set_rotate_immediately(false);
    const auto next_with = [&](std::int64_t days) {
        request.set_client_request_token(fresh_token());
        request.mutable_rotation_rules()->set_automatically_after_days(days);
        call(request);
        EXPECT_TRUE(workers().run_one());
        return (describe(name).next_rotation_date() + 1) / 86'400.0 - 1 - static_cast<double>(day);
    };
    EXPECT_EQ(next_with(50), 50);
    EXPECT_EQ(next_with(21), 21);
    EXPECT_EQ(next_with(20), 20) << "today, which is not over";
    EXPECT_EQ(next_with(8), 24) << "the 8th and the 16th are over";
    // The value that somebody puts counts as a rotation.
    put(name, "by hand");
    EXPECT_EQ(next_with(30), 50);
}

TEST_F(PlanningTest, TurnedOffAndOnAgainItGoesOnAsPlanned) {
    const auto name = stored("old");
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    const auto next = describe(name).next_rotation_date();
    clock().advance(std::chrono::hours(24 * 10));
    cancel(name);
    clock().advance(std::chrono::hours(24 * 10));
    v1::RotateSecretRequest request;
    request.set_secret_id(name);
    request.set_client_request_token(fresh_token());
    request.set_rotate_immediately(false);
    call(request);
    EXPECT_EQ(describe(name).next_rotation_date(), next);
    cancel(name);
    clock().advance(std::chrono::hours(24 * 20));
    request.set_client_request_token(fresh_token());
    call(request);
    EXPECT_EQ(describe(name).next_rotation_date(), next + 30 * 86'400) << "what is over is not made up for";
}

TEST_F(PlanningTest, OneThatIsGivenUpOrFailsLeavesTheScheduleAsItIs) {
    const auto name = stored("old");
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    const auto next = describe(name).next_rotation_date();
    clock().advance(std::chrono::hours(24 * 10));
    rotate(name);
    give_up_now(name);
    EXPECT_EQ(describe(name).next_rotation_date(), next);
    EXPECT_FALSE(workers().run_one());
    function().on_step = [](Step, const StepContext&, SecretValues&) {
        throw StepFailed(StepFailed::Kind::hopeless, "the secret lacks a field");
    };
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(describe(name).next_rotation_date(), next);
    EXPECT_LE(task_of(name).due->seconds(), next) << "taken up at the next window";
    give_up_now(name);
    function().on_step = nullptr;
    // In its own window, or late, it is given up until the next one.
    clock().advance(std::chrono::hours(24 * 21));
    function().on_step = [](Step, const StepContext&, SecretValues&) {
        throw StepFailed(StepFailed::Kind::retry, "away");
    };
    ASSERT_TRUE(workers().run_one());
    give_up_now(name);
    EXPECT_EQ(describe(name).next_rotation_date(), next + 30 * 86'400);
    EXPECT_FALSE(workers().run_one());
}

}  // namespace
}  // namespace coffer::rotation
