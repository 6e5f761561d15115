// What a target may have since a rotation that was not finished is known until one is finished, or somebody
// has seen to it; and the next rotation is told of it.

#include <gmock/gmock.h>

#include "daemon/rotation/acknowledgement.hpp"
#include "daemon/rotation/task_changes.hpp"
#include "daemon/secrets/errors.hpp"
#include "daemon/secrets/labels.hpp"
#include "rotation_fixture.hpp"

namespace coffer::rotation {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LeftBehindTest : public RotationFixture {
protected:
    /// Makes "made-N"; setSecret notes what it is told to be left behind, and does what the test says.
    void on_set(std::function<void()> set) {
        function().on_step = [this, set = std::move(set)](Step step, const StepContext&,
                                                          SecretValues& values) {
            if (step == Step::create && !values.pending()) {
                values.put_pending(crypto::SecretBytes::copy_of("made-" + std::to_string(++made_)));
            }
            if (step != Step::set) return;
            told_.clear();
            for (const auto& value : values.left_behind()) told_.emplace_back(value.text());
            if (set) set();
        };
    }
    static void the_answer_is_lost() { throw StepFailed(StepFailed::Kind::retry, "the answer was lost"); }
    /// A rotation that has told its target "made-N", and that somebody ends by a new value; its version.
    std::string abandoned(const std::string& name, const std::string& by) {
        on_set(the_answer_is_lost);
        const auto token = rotate(name);
        EXPECT_TRUE(workers().run_one());
        put(name, by);
        EXPECT_TRUE(workers().run_one());
        EXPECT_EQ(outcomes_of(name).at(0), "Abandoned");
        return token;
    }
    static std::vector<std::string> left(const std::string& name) {
        std::vector<std::string> ids;
        for (const auto& id : left_behind_of(secret_of(name), task_of(name))) ids.push_back(id.value());
        return ids;
    }
    void acknowledge_now(const std::string& name) {
        write([seen = secret_of(name)](storage::WriteTransaction& tx) { acknowledge(tx, seen); });
    }
    const std::vector<std::string>& told() const { return told_; }

private:
    int made_ = 0;
    std::vector<std::string> told_;
};

TEST_F(LeftBehindTest, TheNextRotationIsToldAndItsEndClearsIt) {
    const auto name = stored("old");
    const auto token = abandoned(name, "by hand");
    EXPECT_THAT(left(name), ElementsAre(token));
    EXPECT_TRUE(task_of(name).failed);
    on_set({});
    rotate(name);
    EXPECT_THAT(left(name), ElementsAre(token)) << "a rotation that is asked for changes nothing about it";
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(told(), ElementsAre("made-1"));
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "made-2");
    EXPECT_THAT(left(name), IsEmpty());
    EXPECT_THAT(task_of(name).left_behind, IsEmpty());
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(told(), IsEmpty());
}

TEST_F(LeftBehindTest, ARetryBeginsANewOneWhateverHoldsOthersBack) {
    const auto name = stored("old");
    const auto left_version = abandoned(name, "by hand");
    on_set({});
    const auto neighbour = stored("neighbour");
    restrain(Restraints({{.name = "freeze",
                          .secrets = SecretNames({name}),
                          .from = clock().now(),
                          .to = clock().now() + hours(10)}},
                        {{"pair " + name, SecretNames({name, neighbour}), hours(2)}}));
    rotate(neighbour);
    ASSERT_TRUE(workers().run_one());
    clock().advance(minutes(1));
    retry_now(name);
    const auto begun = task_of(name);
    ASSERT_TRUE(begun.version);
    EXPECT_EQ(labels_of(name).at(begun.version->value()), std::vector<std::string>{"AWSPENDING"});
    EXPECT_THAT(left(name), ElementsAre(left_version));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSPREVIOUS"), "by hand");
    EXPECT_EQ(first_version(name), begun.version->value());
    EXPECT_THAT(outcomes_of(name), ElementsAre("Succeeded", "Abandoned"));
    EXPECT_THAT(events_about(name, begun.version->value()), ::testing::Contains("RotationStarted"));
    EXPECT_FALSE(task_of(name).failed);
    restrain({});
}

TEST_F(LeftBehindTest, ARetryThatFailsIsFailedStill) {
    const auto name = stored("old");
    abandoned(name, "by hand");
    on_set([] { throw StepFailed(StepFailed::Kind::hopeless, "no such user"); });
    clock().advance(minutes(1));
    retry_now(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_TRUE(task_of(name).failed);
    EXPECT_EQ(task_of(name).last_error, "no such user");
    EXPECT_THAT(outcomes_of(name), ElementsAre("Failed", "Abandoned"));
}

TEST_F(LeftBehindTest, ARetryGoesOnWithAVersionThatIsPending) {
    const auto name = stored("old");
    abandoned(name, "by hand");
    on_set({});
    v1::PutSecretValueRequest request;
    request.set_secret_id(name);
    request.set_client_request_token(fresh_token());
    request.set_secret_string("chosen");
    request.add_version_stages("AWSPENDING");
    call(request);
    retry_now(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "chosen");
    EXPECT_EQ(first_version(name), request.client_request_token());
}

TEST_F(LeftBehindTest, WhatTheTargetWasNotToldIsNotLeftThere) {
    const auto name = stored("old");
    on_set([] { throw StepFailed(StepFailed::Kind::retry, "away").before_any_effect(); });
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    put(name, "by hand");
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(left(name), IsEmpty());
    EXPECT_FALSE(task_of(name).failed);
}

TEST_F(LeftBehindTest, OneThatDidNothingLeavesAnEarlierOneAsItIs) {
    const auto name = stored("old");
    const auto token = abandoned(name, "by hand");
    on_set([] { throw StepFailed(StepFailed::Kind::retry, "away").before_any_effect(); });
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    put(name, "by hand again");
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(left(name), ElementsAre(token));
    const auto task = task_of(name);
    EXPECT_TRUE(task.failed) << "somebody has to look still";
    EXPECT_THAT(*task.last_error, HasSubstr("nothing was done at the target. Since a rotation before, the "
                                            "target may have the value of version " +
                                            token));
}

TEST_F(LeftBehindTest, ANewerOneDoesNotHideAnOlderThatMayBeThere) {
    const auto name = stored("old");
    std::vector<std::string> tokens;
    for (int i = 0; i < 4; ++i) tokens.push_back(abandoned(name, "by hand " + std::to_string(i)));
    // What became of any of these is not known, so the target may have each; at most three are kept.
    EXPECT_THAT(left(name), ElementsAre(tokens[3], tokens[2], tokens[1]));
    on_set({});
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(told(), ElementsAre("made-4", "made-3", "made-2"));
    EXPECT_THAT(left(name), IsEmpty());
}

TEST_F(LeftBehindTest, CancellingWhileTheTargetIsToldLeavesItForTheNext) {
    const auto name = stored("old");
    on_set([&] {
        cancel(name);
        the_answer_is_lost();
    });
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(left(name), ElementsAre(token));
    EXPECT_EQ(value_of(name, "AWSPENDING"), "made-1") << "labels stay, as in AWS";
    give_up_now(name);
    EXPECT_THAT(left(name), ElementsAre(token)) << "what the target may have is no other for that";
    on_set({});
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(told(), ElementsAre("made-1"));
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "made-2");
    EXPECT_THAT(left(name), IsEmpty());
}

TEST_F(LeftBehindTest, CancellingBeforeTheTargetIsToldLeavesNothing) {
    const auto name = stored("old");
    rotate(name);
    cancel(name);
    EXPECT_THAT(left(name), IsEmpty());
}

TEST_F(LeftBehindTest, SoDoesARotationThatIsAskedForOverOneWithoutItsLabel) {
    // AWS's advice where "a previous rotation isn't complete": take AWSPENDING off, and ask again.
    const auto name = stored("old");
    on_set(the_answer_is_lost);
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    take_pending(name, token);
    on_set({});
    rotate(name);
    EXPECT_THAT(left(name), ElementsAre(token));
    EXPECT_THAT(outcomes_of(name), ElementsAre("Abandoned"));
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(told(), ElementsAre("made-1"));
}

TEST_F(LeftBehindTest, AndGivingUpOneWithoutItsLabel) {
    const auto name = stored("old");
    on_set(the_answer_is_lost);
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    take_pending(name, token);
    give_up_now(name);
    EXPECT_THAT(left(name), ElementsAre(token));
}

TEST_F(LeftBehindTest, AValueThatIsRefusedAfterItsTargetWasToldIsLeftBehind) {
    const auto name = stored("old");
    on_set(the_answer_is_lost);
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    on_set([] { throw StepFailed(StepFailed::Kind::value_refused, "this password was used before"); });
    clock().advance(minutes(1));
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(left(name), ElementsAre(token));
    on_set({});
    clock().advance(minutes(2));
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(told(), ElementsAre("made-1"));
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "made-2");
    EXPECT_THAT(left(name), IsEmpty());
}

TEST_F(LeftBehindTest, ValuesThatAreRefusedAfterThatAreNotLeftBehind) {
    const auto name = stored("old");
    on_set(the_answer_is_lost);
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    on_set([] { throw StepFailed(StepFailed::Kind::value_refused, "this password is too young"); });
    // The second try refuses the value that may be there, the others three that are certainly not.
    for (int i = 0; i < 4; ++i) {
        clock().advance(hours(1));
        ASSERT_TRUE(workers().run_one()) << "AWSCURRENT may not log in: not left until the next window";
        EXPECT_THAT(left(name), ElementsAre(token));
        EXPECT_FALSE(task_of(name).told);
    }
    EXPECT_TRUE(task_of(name).failed);
    EXPECT_NO_THROW(give_up_now(name)) << "nothing of the pending one is at the target";
    EXPECT_THAT(left(name), ElementsAre(token));
}

TEST_F(LeftBehindTest, ALoginThatWorksClearsIt) {
    const auto name = stored("old");
    abandoned(name, "by hand");
    on_set({});
    auto request = request_for(name);
    request.set_rotate_immediately(false);
    call(request);
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(left(name), IsEmpty());
    EXPECT_FALSE(task_of(name).failed);
}

TEST_F(LeftBehindTest, VersionsThatSayNothingAreNotTold) {
    const auto name = stored("old");
    const auto token = abandoned(name, "by hand");
    // Whoever writes in the table, which is not sealed, names versions that are not there, and the one that
    // is current.
    execute(
        "UPDATE rotations SET left_behind = ARRAY['gone', (SELECT l.version_id FROM staging_labels l WHERE "
        "l.secret_id = rotations.secret_id AND l.label = 'AWSCURRENT'), (SELECT l.version_id FROM "
        "staging_labels l WHERE l.secret_id = rotations.secret_id AND l.label = 'AWSPREVIOUS')] "
        "WHERE secret_id = (SELECT id FROM secrets WHERE name = $1)",
        name);
    on_set({});
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(told(), IsEmpty());
    EXPECT_EQ(value_of(name, "AWSPREVIOUS"), "by hand");
}

TEST_F(LeftBehindTest, IsNotRemovedForNewerVersions) {
    const auto name = stored("old");
    const auto token = abandoned(name, "by hand");
    clock().advance(hours(25));
    // A hundred versions are kept. The oldest are "old", the one left behind, and "by hand"; each of the last
    // two takes one that is not needed.
    for (int i = 0; i < 99; ++i) put(name, "put-" + std::to_string(i));
    const auto secret = secret_of(name);
    ASSERT_EQ(secret.versions.size(), 100U);
    EXPECT_EQ(secret.versions[0].id.value(), token);
    clock().advance(hours(25));
    on_set({});
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(told(), ElementsAre("made-1"));
}

TEST_F(LeftBehindTest, AcknowledgedItIsNothingThatAnybodyHasToSeeTo) {
    const auto name = stored("old");
    abandoned(name, "by hand");
    const auto due = task_of(name).due;
    acknowledge_now(name);
    auto task = task_of(name);
    EXPECT_FALSE(task.failed);
    EXPECT_FALSE(task.last_error);
    EXPECT_THAT(task.left_behind, IsEmpty());
    EXPECT_EQ(task.due, due) << "the schedule stays";
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "by hand");
    EXPECT_THAT(outcomes_of(name), ElementsAre("Abandoned")) << "and so does the history";
    EXPECT_THROW(acknowledge_now(name), secrets::ServiceError) << "once";
    on_set({});
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(told(), IsEmpty());
}

TEST_F(LeftBehindTest, OneThatIsUnderWayIsNotAcknowledged) {
    const auto name = stored("old");
    on_set(the_answer_is_lost);
    rotate(name);
    for (int attempt = 1; attempt <= 3; ++attempt) {
        ASSERT_TRUE(workers().run_one());
        clock().advance(minutes(5));
    }
    ASSERT_TRUE(task_of(name).failed);
    EXPECT_THROW(acknowledge_now(name), secrets::ServiceError);
    EXPECT_TRUE(task_of(name).failed);
}

}  // namespace
}  // namespace coffer::rotation
