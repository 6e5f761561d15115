// Rotations that cannot go on: what is counted as a failed try and what is waited for, when they are taken up
// again, and what holds them back then.

#include <gmock/gmock.h>

#include "rotation_fixture.hpp"

namespace coffer::rotation {
namespace {

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
