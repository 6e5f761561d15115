// Values that end, such as certificates: renewed in time, whatever the schedule says.

#include "rotation_fixture.hpp"

namespace coffer::rotation {
namespace {

using std::chrono::hours;

class RenewalTest : public RotationFixture {
protected:
    /// Rotated once, by hand or on a schedule of 30 days: the value is "value-1", good until `end`.
    std::string rotated(Timestamp end, bool scheduled = true) {
        const auto name = stored("first");
        function().ends["value-1"] = end;
        auto request = request_for(name);
        if (!scheduled) request.clear_rotation_rules();
        call(request);
        EXPECT_TRUE(workers().run_one());
        return name;
    }
    static Timestamp from_now(std::chrono::milliseconds time) { return clock().now() + time; }
};

TEST_F(RenewalTest, ComesBeforeTheSchedule) {
    const auto end = from_now(hours(48));
    const auto name = rotated(end);
    EXPECT_EQ(describe(name).next_rotation_date(), end.seconds());
    EXPECT_EQ(task_of(name).due, end);
    clock().advance(hours(47));
    EXPECT_FALSE(workers().run_one());
    clock().advance(hours(1));
    EXPECT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "value-2");
    // That one does not end: the schedule alone counts.
    EXPECT_GT(describe(name).next_rotation_date(), from_now(hours(24 * 28)).seconds());
}

TEST_F(RenewalTest, TheScheduleComesBeforeALaterEnd) {
    const auto name = rotated(from_now(hours(24 * 90)));
    EXPECT_LT(describe(name).next_rotation_date(), from_now(hours(24 * 32)).seconds());
}

TEST_F(RenewalTest, NeedsNoSchedule) {
    const auto end = from_now(hours(24 * 90));
    const auto name = rotated(end, false);
    EXPECT_EQ(describe(name).next_rotation_date(), end.seconds());
    clock().advance(hours(24 * 90));
    EXPECT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "value-2");
    EXPECT_FALSE(describe(name).has_next_rotation_date());
}

TEST_F(RenewalTest, OfAValueThatIsPutByHandIsFoundOut) {
    const auto name = rotated(from_now(hours(48)));
    const auto end = from_now(hours(24 * 7));
    function().ends["by hand"] = end;
    put(name, "by hand");
    EXPECT_TRUE(workers().run_one()) << "looked at, at once";
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "by hand") << "and left as it is";
    EXPECT_EQ(describe(name).next_rotation_date(), end.seconds());
    EXPECT_FALSE(workers().run_one());
    clock().advance(hours(24 * 7));
    EXPECT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "value-2");
}

TEST_F(RenewalTest, OfAValueThatHasEndedIsAtOnce) {
    const auto name = rotated(from_now(hours(48)));
    function().ends["ended"] = from_now(-hours(1));
    put(name, "ended");
    EXPECT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "value-2");
}

TEST_F(RenewalTest, ThatFailsIsNotTriedAllTheTime) {
    const auto name = rotated(from_now(hours(1)));
    function().on_step = [](Step, const StepContext&, SecretValues&) {
        throw StepFailed(StepFailed::Kind::hopeless, "no");
    };
    clock().advance(hours(2));
    EXPECT_TRUE(workers().run_one());
    EXPECT_TRUE(task_of(name).failed);
    EXPECT_FALSE(workers().run_one()) << "not at once";
    clock().advance(hours(1));
    EXPECT_TRUE(workers().run_one()) << "but within the hour";
}

TEST_F(RenewalTest, ThatNeverSucceededIsTriedAgain) {
    const auto name = stored("first");
    function().always_ends = true;
    function().on_step = [](Step, const StepContext&, SecretValues&) {
        throw StepFailed(StepFailed::Kind::hopeless, "no");
    };
    auto request = request_for(name);
    request.clear_rotation_rules();
    call(request);
    EXPECT_TRUE(workers().run_one());
    EXPECT_FALSE(workers().run_one()) << "not at once";
    EXPECT_TRUE(task_of(name).due) << "but without a schedule, too";
    clock().advance(hours(1));
    EXPECT_TRUE(workers().run_one());
    EXPECT_TRUE(task_of(name).failed);
    function().on_step = nullptr;
    clock().advance(hours(1));
    EXPECT_TRUE(workers().run_one()) << "until it succeeds";
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "value-1");
}

TEST_F(RenewalTest, TestingAloneFindsTheEnd) {
    const auto name = stored("first");
    const auto end = from_now(hours(24 * 3));
    function().ends["first"] = end;
    auto request = request_for(name);
    request.set_rotate_immediately(false);
    call(request);
    EXPECT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "first");
    EXPECT_EQ(describe(name).next_rotation_date(), end.seconds());
}

TEST_F(RenewalTest, AnotherFunctionHasEndsOfItsOwn) {
    const auto name = rotated(from_now(hours(48)));
    v1::CancelRotateSecretRequest cancel;
    cancel.set_secret_id(name);
    call(cancel);
    EXPECT_FALSE(describe(name).has_next_rotation_date());
    clock().advance(hours(72));
    EXPECT_FALSE(workers().run_one()) << "turned off";
}

}  // namespace
}  // namespace coffer::rotation
