// A value that somebody puts while a rotation is under way is not replaced by what that rotation made, and
// what the target may have is never lost: AWS's RotationAbandoned.

#include <gmock/gmock.h>

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

class SupersededTest : public RotationFixture {
protected:
    /// Makes "made"; what setSecret does is the test's.
    void on_set(std::function<void()> set, std::function<void()> test = {}) {
        function().on_step = [set = std::move(set), test = std::move(test)](Step step, const StepContext&,
                                                                            SecretValues& values) {
            if (step == Step::create && !values.pending()) {
                values.put_pending(crypto::SecretBytes::copy_of(std::string_view("made")));
            }
            if (step == Step::set && set) set();
            if (step == Step::test && test) test();
        };
    }
    static StepFailed away() { return {StepFailed::Kind::retry, "the target is away"}; }
    static std::string value_of_version(const std::string& name, const std::string& version) {
        v1::GetSecretValueRequest request;
        request.set_secret_id(name);
        request.set_version_id(version);
        return call(request).secret_string();
    }
    static bool is_pending(const std::string& name) {
        return secrets::holder_of(secret_of(name).versions, secrets::kPending) != nullptr;
    }
};

TEST_F(SupersededTest, AValuePutWhileARotationWaitsStays) {
    const auto name = stored("old");
    bool is_away = true;
    on_set([&] {
        if (is_away) throw away();
    });
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    clock().advance(std::chrono::seconds(1));
    put(name, "by hand");
    EXPECT_FALSE(is_pending(name)) << "by the request itself, as in AWS";
    is_away = false;
    ASSERT_TRUE(workers().run_one()) << "found out at once, not at the next try";
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "by hand");
    EXPECT_EQ(value_of(name, "AWSPREVIOUS"), "old");
    EXPECT_FALSE(is_pending(name));
    EXPECT_THAT(outcomes_of(name), ElementsAre("Abandoned"));
    // The answer of the first try was lost, so the target may have it: nobody may lose that.
    EXPECT_EQ(value_of_version(name, token), "made");
    const auto task = task_of(name);
    EXPECT_TRUE(task.failed) << "somebody has to look";
    EXPECT_THAT(*task.last_error, HasSubstr("somebody put a new value at "));
    EXPECT_THAT(*task.last_error, HasSubstr("The target may have the value of version " + token));
    EXPECT_THAT(events_about(name, token), ::testing::Contains("RotationAbandoned setSecret"));
    clock().advance(hours(24 * 40));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSPREVIOUS"), "by hand") << "the next one is made from what is current";
    EXPECT_FALSE(task_of(name).failed);
}

TEST_F(SupersededTest, ANewRotationCanBeginAtOnce) {
    const auto name = stored("old");
    on_set([] { throw away(); });
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    put(name, "by hand");
    ASSERT_TRUE(workers().run_one());
    on_set({});
    EXPECT_NO_THROW(rotate(name));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "made");
    EXPECT_EQ(value_of(name, "AWSPREVIOUS"), "by hand");
}

TEST_F(SupersededTest, OnePutBeforeTheTargetWasToldIsSaidToBeHarmless) {
    const auto name = stored("old");
    on_set([] { throw away().before_any_effect(); });
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    put(name, "by hand");
    ASSERT_TRUE(workers().run_one());
    const auto task = task_of(name);
    EXPECT_THAT(*task.last_error, HasSubstr("nothing was done at the target"));
    EXPECT_FALSE(task.failed) << "nobody has to look";
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "by hand");
    EXPECT_EQ(value_of_version(name, token), "made");
}

TEST_F(SupersededTest, OnePutWhileTheTargetIsToldLeavesTheTargetsValueReadable) {
    const auto name = stored("old");
    on_set([&] { put(name, "by hand"); });
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "by hand");
    EXPECT_THAT(*task_of(name).last_error, HasSubstr("The target has the value of version " + token));
    EXPECT_TRUE(task_of(name).failed);
    EXPECT_EQ(value_of_version(name, token), "made");
}

TEST_F(SupersededTest, OnePutInTheLastStepStays) {
    const auto name = stored("old");
    function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
        if (step == Step::create) values.put_pending(crypto::SecretBytes::copy_of(std::string_view("made")));
        if (step == Step::finish) put(name, "by hand");
    };
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "by hand");
    EXPECT_THAT(outcomes_of(name), ElementsAre("Abandoned"));
}

TEST_F(SupersededTest, SoDoesOneThatIsPutWhileAStepFails) {
    const auto name = stored("old");
    on_set([&] {
        put(name, "by hand");
        throw away();
    });
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(outcomes_of(name), ElementsAre("Abandoned"));
    EXPECT_FALSE(is_pending(name));
}

TEST_F(SupersededTest, ALabelMovedBackEndsItAsWell) {
    const auto name = stored("older");
    const auto first = first_version(name);
    put(name, "old");
    on_set([] { throw away(); });
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    v1::UpdateSecretVersionStageRequest move;
    move.set_secret_id(name);
    move.set_version_stage("AWSCURRENT");
    move.set_remove_from_version_id(first_version(name));
    move.set_move_to_version_id(first);
    call(move);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "older");
    EXPECT_THAT(*task_of(name).last_error, HasSubstr("somebody moved AWSCURRENT to version " + first));
}

TEST_F(SupersededTest, AFunctionThatMovesTheLabelItselfIsNotAbandoned) {
    const auto name = stored("old");
    function().on_step = [&](Step step, const StepContext& context, SecretValues& values) {
        if (step == Step::create) values.put_pending(crypto::SecretBytes::copy_of(std::string_view("made")));
        if (step != Step::finish) return;
        v1::UpdateSecretVersionStageRequest move;
        move.set_secret_id(name);
        move.set_version_stage("AWSCURRENT");
        move.set_remove_from_version_id(first_version(name));
        move.set_move_to_version_id(context.token);
        call(move);
    };
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "made");
    EXPECT_THAT(outcomes_of(name), ElementsAre("Succeeded"));
}

TEST_F(SupersededTest, ANewRotationCanBeginBeforeTheOldOneIsLookedAt) {
    const auto name = stored("old");
    on_set([] { throw away(); });
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    put(name, "by hand");
    on_set({});
    EXPECT_NO_THROW(rotate(name));
    EXPECT_THAT(left_behind_of(secret_of(name), task_of(name)), ElementsAre(storage::VersionId(token)))
        << "the target may have it";
    EXPECT_THAT(outcomes_of(name), ElementsAre("Abandoned"));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "made");
    EXPECT_EQ(value_of(name, "AWSPREVIOUS"), "by hand");
    EXPECT_EQ(value_of_version(name, token), "made");
}

TEST_F(SupersededTest, WhatItMadeIsKeptUntilItIsLookedAt) {
    const auto name = stored("old");
    on_set([] { throw away(); });
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    // Nobody looks at it: rotations are paused, say. A hundred versions are kept, and the oldest are "old",
    // this one, and "by hand"; each of the last two takes one that is not needed.
    put(name, "by hand");
    clock().advance(hours(25));
    for (int i = 0; i < 99; ++i) put(name, "put-" + std::to_string(i));
    ASSERT_EQ(secret_of(name).versions.size(), 100U);
    EXPECT_EQ(value_of_version(name, token), "made");
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(left_behind_of(secret_of(name), task_of(name)), ElementsAre(storage::VersionId(token)));
}

TEST_F(SupersededTest, AValueForOneThatFailedInCreateSecretLetsTheNextBegin) {
    // What people are told to do when the secret lacks something: put a corrected value, then rotate again.
    function().on_step = [](Step step, const StepContext&, SecretValues& values) {
        if (step != Step::create || values.pending()) return;
        const auto current = values.current();
        if (current.text() == "without a field") {
            throw StepFailed(StepFailed::Kind::hopeless, "the secret lacks a field");
        }
        values.put_pending(crypto::SecretBytes::copy_of(std::string_view("made")));
    };
    const auto failed = [&] {
        const auto name = stored("without a field");
        const auto token = rotate(name);
        EXPECT_TRUE(workers().run_one());
        clock().advance(std::chrono::seconds(1));
        v1::UpdateSecretRequest mend;
        mend.set_secret_id(name);
        mend.set_client_request_token(fresh_token());
        mend.set_secret_string("with it");
        call(mend);
        EXPECT_FALSE(is_pending(name));
        EXPECT_EQ(labels_of(name).count(token), 0U);
        EXPECT_EQ(secret_of(name).versions.size(), 2U) << "a version without a value is of no use";
        return std::pair(name, token);
    };
    const auto expect_rotated = [&](const std::string& name) {
        clock().advance(std::chrono::seconds(1));
        EXPECT_TRUE(workers().run_one());
        EXPECT_EQ(value_of(name, "AWSCURRENT"), "made");
        EXPECT_EQ(value_of(name, "AWSPREVIOUS"), "with it");
        EXPECT_THAT(outcomes_of(name), ElementsAre("Succeeded", "Abandoned", "Failed"));
        EXPECT_FALSE(task_of(name).failed);
    };
    // By RotateSecret, before a worker has looked, and after.
    {
        const auto [name, token] = failed();
        rotate(name);
        expect_rotated(name);
    }
    {
        const auto [name, token] = failed();
        ASSERT_TRUE(workers().run_one()) << "found out at once";
        const auto task = task_of(name);
        EXPECT_FALSE(task.version);
        EXPECT_FALSE(task.failed) << "nobody has to look";
        EXPECT_THAT(*task.last_error, HasSubstr("nothing was done at the target"));
        EXPECT_THAT(events_about(name, token), ::testing::Contains("RotationAbandoned createSecret"));
        rotate(name);
        expect_rotated(name);
    }
    // By 'coffer rotation retry', likewise.
    {
        const auto [name, token] = failed();
        retry_now(name);
        expect_rotated(name);
        EXPECT_THROW(retry_now(name), secrets::ServiceError) << "nothing waits any more";
    }
    {
        const auto [name, token] = failed();
        ASSERT_TRUE(workers().run_one());
        retry_now(name);
        expect_rotated(name);
    }
}

TEST_F(SupersededTest, RetryingBeforeItIsLookedAtForgetsNothing) {
    const auto name = stored("old");
    on_set([] { throw away(); });
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    put(name, "by hand");
    retry_now(name);
    EXPECT_THAT(left_behind_of(secret_of(name), task_of(name)), ElementsAre(storage::VersionId(token)));
    on_set({});
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "made");
    EXPECT_EQ(value_of(name, "AWSPREVIOUS"), "by hand");
    EXPECT_THAT(outcomes_of(name), ::testing::UnorderedElementsAre("Succeeded", "Abandoned"));
}

TEST_F(SupersededTest, AValueAfterCancellingLetsRotationBeTurnedOnAgain) {
    const auto name = stored("old");
    on_set([] { throw away(); });
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    cancel(name);
    ASSERT_TRUE(is_pending(name)) << "labels stay, as in AWS";
    put(name, "by hand");
    EXPECT_FALSE(is_pending(name));
    EXPECT_EQ(value_of_version(name, token), "made");
    EXPECT_THAT(left_behind_of(secret_of(name), task_of(name)), ElementsAre(storage::VersionId(token)));
    on_set({});
    EXPECT_NO_THROW(rotate(name));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSPREVIOUS"), "by hand");
}

/// Of a secret that rotates; where no rotation was ever set up AWS leaves the label, and asks for it to be
/// taken off.
TEST_F(SupersededTest, SoDoesOneAfterAPendingVersionThatSomebodyPut) {
    const auto put_pending = [&](const std::string& name) {
        v1::PutSecretValueRequest pending;
        pending.set_secret_id(name);
        pending.set_client_request_token(fresh_token());
        pending.set_secret_string("somebody's");
        pending.add_version_stages("AWSPENDING");
        call(pending);
    };
    const auto name = stored("old");
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    put_pending(name);
    put(name, "by hand");
    EXPECT_NO_THROW(rotate(name));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "value-2");
    EXPECT_EQ(value_of(name, "AWSPREVIOUS"), "by hand");

    const auto without = stored("old");
    put_pending(without);
    put(without, "by hand");
    EXPECT_THAT([&] { rotate(without); },
                ::testing::ThrowsMessage<std::exception>(HasSubstr("A previous rotation isn't complete")));
}

TEST_F(SupersededTest, OneThatHasNoValueYetIsMadeFromWhatIsCurrent) {
    // A label that is moved, which takes AWSPENDING from nobody.
    const auto name = stored("older");
    const auto first = first_version(name);
    put(name, "without a field");
    function().on_step = [](Step step, const StepContext&, SecretValues& values) {
        if (step != Step::create || values.pending()) return;
        const auto current = values.current();
        if (current.text() == "without a field") {
            throw StepFailed(StepFailed::Kind::hopeless, "the secret lacks a field");
        }
        values.put_pending(crypto::SecretBytes::copy_of("made from " + std::string(current.text())));
    };
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    v1::UpdateSecretVersionStageRequest move;
    move.set_secret_id(name);
    move.set_version_stage("AWSCURRENT");
    move.set_remove_from_version_id(first_version(name));
    move.set_move_to_version_id(first);
    call(move);
    EXPECT_FALSE(workers().run_one()) << "it waits to be asked for";
    clock().advance(hours(24 * 32));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "made from older");
    EXPECT_EQ(value_of(name, "AWSPREVIOUS"), "older");
}

TEST_F(SupersededTest, WhatItWasMadeFromIsSealed) {
    const auto name = stored("old");
    on_set([] { throw away(); });
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(secret_of(name).rotation->made_from->value(), first_version(name));
    execute("UPDATE secrets SET rotation = jsonb_set(rotation, '{made_from}', '\"other\"') WHERE name = $1",
            name);
    EXPECT_THROW(secret_of(name), IntegrityError);
    execute("DELETE FROM secrets WHERE name = $1", name);
}

TEST_F(SupersededTest, OneThatAnOlderVersionOfCofferBeganGoesOn) {
    const auto name = stored("old");
    bool is_away = true;
    on_set([&] {
        if (is_away) throw away();
    });
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    // As that version stored it.
    write([&](storage::WriteTransaction& tx) {
        auto locked = storage::SecretRepository::lock(tx, name);
        locked->rotation->made_from.reset();
        storage::SecretRepository::update(tx, std::move(*locked), {});
    });
    is_away = false;
    clock().advance(minutes(1));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "made");
}

TEST_F(SupersededTest, GivingUpAgreesWithWhatIsKnownOfTheTarget) {
    const auto untouched = stored("old");
    on_set([] { throw away().before_any_effect(); });
    rotate(untouched);
    ASSERT_TRUE(workers().run_one());
    EXPECT_NO_THROW(give_up_now(untouched));
    EXPECT_FALSE(is_pending(untouched));
    const auto told = stored("old");
    on_set([] { throw away(); });
    rotate(told);
    ASSERT_TRUE(workers().run_one());
    EXPECT_THROW(give_up_now(told), secrets::ServiceError);
    EXPECT_TRUE(is_pending(told));
    // What was told once is not untold by a second try that cannot connect.
    on_set([] { throw away().before_any_effect(); });
    clock().advance(minutes(1));
    ASSERT_TRUE(workers().run_one());
    EXPECT_THROW(give_up_now(told), secrets::ServiceError);
}

TEST_F(SupersededTest, OneWhoseValueWasMadeCurrentByHandCanBeGivenUp) {
    const auto name = stored("old");
    on_set([] { throw away(); });
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    v1::UpdateSecretVersionStageRequest move;
    move.set_secret_id(name);
    move.set_version_stage("AWSCURRENT");
    move.set_remove_from_version_id(first_version(name));
    move.set_move_to_version_id(token);
    call(move);
    ASSERT_THAT(labels_of(name).at(token), ::testing::UnorderedElementsAre("AWSCURRENT", "AWSPENDING"));
    EXPECT_NO_THROW(give_up_now(name));
    EXPECT_THAT(labels_of(name).at(token), ElementsAre("AWSCURRENT"));
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "made");
    const auto task = task_of(name);
    EXPECT_FALSE(task.version);
    EXPECT_THAT(task.left_behind, ::testing::IsEmpty()) << "what the target may have is what is current";
}

TEST_F(SupersededTest, RefusedValuesAreBoundedByTheTries) {
    const auto name = stored("old");
    int made = 0;
    function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
        if (step == Step::create && !values.pending()) {
            values.put_pending(crypto::SecretBytes::copy_of("made-" + std::to_string(++made)));
        }
        if (step == Step::set) throw StepFailed(StepFailed::Kind::value_refused, "the password is too old");
    };
    rotate(name);
    // Three tries: after 1 minute, and 2 more.
    ASSERT_TRUE(workers().run_one());
    clock().advance(minutes(1) - std::chrono::milliseconds(1));
    EXPECT_FALSE(workers().run_one());
    clock().advance(std::chrono::milliseconds(1));
    ASSERT_TRUE(workers().run_one());
    clock().advance(minutes(2));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(made, 3);
    EXPECT_TRUE(task_of(name).failed);
    EXPECT_FALSE(task_of(name).told);
    clock().advance(hours(24));
    EXPECT_FALSE(workers().run_one()) << "not again before the next window";
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "old");
}

TEST_F(SupersededTest, ANameWithAnAliasIsTheFunctionThatAPolicyNames) {
    EXPECT_EQ(workers().own_arn(function_arn() + ":x"), function_arn());
    EXPECT_EQ(workers().own_arn(function_arn() + ":"), function_arn());
    EXPECT_EQ(workers().own_arn(function_arn()), function_arn());
    EXPECT_EQ(workers().own_arn(function_arn() + "x"), function_arn() + "x");
    EXPECT_TRUE(workers().has(function_arn() + ":x")) << "rotations that were set up so go on";
}

TEST_F(SupersededTest, RotationsAreLateWhenTheirWindowIsOver) {
    const auto late = [] {
        return read<std::int64_t>([](storage::ReadTransaction& tx) {
            return storage::RotationRepository::counts(tx, clock().now()).late;
        });
    };
    const auto name = stored("old");
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    const auto window_ends =
        Timestamp::from_millis(clock().now().day().millis() + 31 * kMillisPerDay).millis() -
        clock().now().millis();
    on_set([] { throw away(); });
    clock().advance(std::chrono::milliseconds(window_ends - 1));
    const auto before = late();
    clock().advance(std::chrono::milliseconds(1));
    EXPECT_GT(late(), before);
}

}  // namespace
}  // namespace coffer::rotation
