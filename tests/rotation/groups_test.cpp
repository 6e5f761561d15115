// Secrets that keep apart: from the moment at which another one begins, and from that of its change.

#include <gmock/gmock.h>

#include "rotation_fixture.hpp"

namespace coffer::rotation {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::HasSubstr;

/// Two secrets of a group whose change must be two hours apart, both rotated before and on a schedule. Tries
/// come after one minute, then two.
class GroupTest : public RotationFixture {
protected:
    void SetUp() override {
        RotationFixture::SetUp();
        function().on_step = [this](Step step, const StepContext& context, SecretValues& values) {
            if (step == Step::create && !values.pending()) {
                values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
            }
            if (step == Step::set && context.secret_name == away_) throw failure_;
        };
        first_ = stored("old");
        second_ = stored("old");
        for (const auto& name : {first_, second_}) {
            rotate(name);
            EXPECT_TRUE(workers().run_one());
        }
        restrain(Restraints({}, {{"pair " + first_, SecretNames({first_, second_}), hours(2)}}));
    }
    void TearDown() override {
        restrain({});
        RotationFixture::TearDown();
    }
    /// In the window of both: the first one begins, and fails in setSecret.
    void begin_the_first(const StepFailed& failure) {
        clock().advance(hours(24 * 32));
        put_first(first_);
        away_ = first_;
        failure_ = failure;
        ASSERT_TRUE(workers().run_one());
        ASSERT_TRUE(task_of(first_).version);
        before_ = describe(first_).last_rotated_date();
    }
    /// Of those that are due it is taken first.
    static void put_first(const std::string& name) {
        execute(
            "UPDATE rotations SET due = due - interval '2 days' WHERE secret_id = (SELECT id FROM secrets "
            "WHERE name = $1)",
            name);
    }
    [[nodiscard]] bool is_rotated_now(const std::string& name) const {
        return describe(name).last_rotated_date() == clock().now().seconds();
    }
    void run_all() {
        while (workers().run_one()) {
        }
    }
    static StepFailed refused() {
        return StepFailed(StepFailed::Kind::retry, "no connection").before_any_effect();
    }

    std::string first_;
    std::string second_;
    std::string away_;
    StepFailed failure_ = refused();
    double before_ = 0;
};

TEST_F(GroupTest, ALaterTryThatHasToldNothingWaitsForTheOthersAgain) {
    begin_the_first(refused());
    clock().advance(hours(2));
    run_all();
    ASSERT_TRUE(is_rotated_now(second_)) << "two hours after the first one began";
    away_.clear();
    clock().advance(minutes(119));
    run_all();
    EXPECT_EQ(describe(first_).last_rotated_date(), before_)
        << "the target of the first one is back too early";
    const auto held = task_of(first_);
    EXPECT_THAT(*held.last_error, HasSubstr("held back: another secret of the group"));
    EXPECT_THAT(*held.last_error, HasSubstr("no connection")) << "what it waits with";
    clock().advance(minutes(1));
    run_all();
    EXPECT_TRUE(is_rotated_now(first_));
}

TEST_F(GroupTest, TriesThatChangeNothingKeepNobodyWaiting) {
    begin_the_first(refused());
    for (int minute = 1; minute < 120; ++minute) {
        clock().advance(minutes(1));
        run_all();
        ASSERT_FALSE(is_rotated_now(second_)) << minute;
    }
    ASSERT_GT(task_of(first_).attempt, 2) << "it is not kept waiting by itself";
    clock().advance(minutes(1));
    run_all();
    EXPECT_TRUE(is_rotated_now(second_));
}

TEST_F(GroupTest, TheOthersKeepApartFromAChangeThatCameLate) {
    // What its target may have is gone on with at once.
    begin_the_first(StepFailed(StepFailed::Kind::retry, "the answer was lost"));
    away_.clear();
    clock().advance(minutes(1));
    run_all();
    ASSERT_TRUE(is_rotated_now(first_));
    clock().advance(minutes(119));
    run_all();
    EXPECT_FALSE(is_rotated_now(second_)) << "two hours after the first began, but not after its change";
    clock().advance(minutes(1));
    run_all();
    EXPECT_TRUE(is_rotated_now(second_));
}

TEST_F(GroupTest, WhatWasAskedForByHandNeverWaits) {
    away_ = first_;
    rotate(first_);
    ASSERT_TRUE(workers().run_one());
    rotate(second_);
    ASSERT_TRUE(workers().run_one());
    ASSERT_TRUE(is_rotated_now(second_));
    away_.clear();
    clock().advance(minutes(1));
    ASSERT_TRUE(workers().run_one());
    EXPECT_TRUE(is_rotated_now(first_));
}

}  // namespace
}  // namespace coffer::rotation
