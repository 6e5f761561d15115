// What the steps of a rotation see, and what is left after each way that one can end: through the pipeline, a
// real token and a real database. The expectations are AWS's (what its rotation templates rely on, and its
// user guide).

#include <gmock/gmock.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "daemon/secrets/errors.hpp"
#include "daemon/secrets/labels.hpp"
#include "rotation_fixture.hpp"

namespace coffer::rotation {
namespace {

using secrets::CallError;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class RotationTest : public RotationFixture {};

TEST_F(RotationTest, StepsRunInTheirOrderWithOneTokenAndSeeAPendingVersion) {
    const auto name = stored("old");
    std::vector<std::string> seen;
    function().on_step = [&](Step step, const StepContext& context, SecretValues& values) {
        const auto labels = labels_of(name);
        EXPECT_THAT(labels.at(context.token), ElementsAre("AWSPENDING"));
        EXPECT_TRUE(describe(name).rotation_enabled()) << "the templates want it before the first step";
        seen.push_back(std::string(step_name(step)) +
                       (values.pending() ? " with a value" : " without a value"));
        if (step == Step::create) values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
    };
    const auto token = rotate(name);
    EXPECT_THAT(labels_of(name), UnorderedElementsAre(version_with(token, "AWSPENDING"),
                                                      version_with(first_version(name), "AWSCURRENT")));
    EXPECT_EQ(refusal_of([&] { value_of(name, "AWSPENDING"); }).substr(0, 25), "ResourceNotFoundException");
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(seen, ElementsAre("createSecret without a value", "setSecret with a value",
                                  "testSecret with a value", "finishSecret with a value"));
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "new");
    EXPECT_EQ(value_of(name, "AWSPREVIOUS"), "old");
    EXPECT_THAT(labels_of(name).at(token), ElementsAre("AWSCURRENT")) << "AWSPENDING is taken off";
    const auto after = describe(name);
    EXPECT_EQ(after.last_rotated_date(), clock().now().seconds());
    EXPECT_FALSE(workers().run_one()) << "nothing more is due";
    EXPECT_NO_THROW(rotate(name)) << "a second one is accepted";
    ASSERT_TRUE(workers().run_one());
}

TEST_F(RotationTest, ARepeatedRequestDoesNotRotateTwice) {
    const auto name = stored("old");
    v1::RotateSecretRequest request = request_for(name);
    EXPECT_EQ(call(request).version_id(), request.client_request_token());
    EXPECT_EQ(call(request).version_id(), request.client_request_token());
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(call(request).version_id(), request.client_request_token());
    EXPECT_FALSE(workers().run_one());
    EXPECT_EQ(function().created, 1);
}

TEST_F(RotationTest, SetSecretIsToldWhetherTheTargetCanHaveTheValueAlready) {
    const auto name = stored("old");
    std::vector<bool> told;
    bool away = true;
    function().on_step = [&](Step step, const StepContext& context, SecretValues& values) {
        if (step == Step::create && !values.pending()) {
            values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
        }
        if (step != Step::set) {
            EXPECT_FALSE(context.value_is_new) << step_name(step);
            return;
        }
        told.push_back(context.value_is_new);
        if (std::exchange(away, false)) throw StepFailed(StepFailed::Kind::retry, "the answer was lost");
    };
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    clock().advance(std::chrono::minutes(1));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "new");
    EXPECT_THAT(told, ElementsAre(true, false)) << "the first try may have reached the target";

    // One that somebody stored as AWSPENDING may have been set by them.
    told.clear();
    v1::PutSecretValueRequest put;
    put.set_secret_id(name);
    put.set_client_request_token(fresh_token());
    put.set_secret_string("by hand");
    put.add_version_stages("AWSPENDING");
    call(put);
    clock().advance(std::chrono::hours(24 * 32));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "by hand");
    EXPECT_THAT(told, ElementsAre(false));
}

TEST_F(RotationTest, ASecondOneIsRefusedWhileTheFirstIsNotComplete) {
    const auto name = stored("old");
    rotate(name);
    EXPECT_THAT(refusal_of([&] { rotate(name); }),
                HasSubstr("InvalidRequestException: A previous rotation isn't complete"));
}

TEST_F(RotationTest, WithoutAFunctionOrWithAnUnknownOneNothingIsStored) {
    const auto name = stored("old");
    auto request = request_for(name);
    request.clear_rotation_lambda_arn();
    EXPECT_EQ(refusal_of([&] { call(request); }),
              "InvalidRequestException: No Lambda rotation function ARN is associated with this secret.");
    request.set_rotation_lambda_arn("arn:aws:lambda:eu-test-1:111122223333:function:nope");
    EXPECT_THAT(refusal_of([&] { call(request); }),
                HasSubstr("AccessDeniedException: Secrets Manager cannot invoke"));
    request = request_for(name);
    request.clear_client_request_token();
    EXPECT_THAT(refusal_of([&] { call(request); }),
                HasSubstr("InvalidParameterException: You must provide a ClientRequestToken"));
    request = request_for(name);
    request.mutable_rotation_rules()->set_schedule_expression("rate(4 hours)");
    EXPECT_THAT(refusal_of([&] { call(request); }),
                HasSubstr("You cannot specify both rotation frequency and schedule expression"));
    const auto after = describe(name);
    EXPECT_FALSE(after.has_rotation_enabled());
    EXPECT_FALSE(after.has_rotation_lambda_arn());
    EXPECT_FALSE(after.has_rotation_rules());
    EXPECT_EQ(labels_of(name).size(), 1U);
}

TEST_F(RotationTest, TheScheduleIsShownAsGivenAndTheNextDateComputed) {
    // The clock stands at 2026-09-21 (UTC) or later in these tests.
    const auto name = stored("old");
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    const auto by_days = describe(name);
    EXPECT_EQ(by_days.rotation_rules().automatically_after_days(), 30);
    // The last second of the thirtieth day after today.
    EXPECT_EQ(by_days.next_rotation_date(), clock().now().day().seconds() + 31 * 86400.0 - 1);
    auto request = request_for(name);
    request.mutable_rotation_rules()->Clear();
    request.mutable_rotation_rules()->set_schedule_expression("rate(4 hours)");
    request.mutable_rotation_rules()->set_duration("2h");
    call(request);
    const auto by_hours = describe(name);
    EXPECT_EQ(by_hours.rotation_rules().schedule_expression(), "rate(4 hours)");
    EXPECT_EQ(by_hours.rotation_rules().duration(), "2h");
    EXPECT_EQ(by_hours.rotation_rules().automatically_after_days(), 1);
    ASSERT_TRUE(workers().run_one());
}

TEST_F(RotationTest, DaysThatAwsHasNoNumberForAreLeftOut) {
    // 29 February: 1,461 days apart, where RotationRulesType has AutomaticallyAfterDays from 1 to 1,000.
    const auto name = stored("old");
    auto request = request_for(name);
    request.mutable_rotation_rules()->Clear();
    request.mutable_rotation_rules()->set_schedule_expression("cron(0 0 29 2 ? *)");
    call(request);
    const auto rules = describe(name).rotation_rules();
    EXPECT_FALSE(rules.has_automatically_after_days());
    EXPECT_EQ(rules.schedule_expression(), "cron(0 0 29 2 ? *)");
    ASSERT_TRUE(workers().run_one());
}

TEST_F(RotationTest, IsDueWithinItsWindowAndNotBefore) {
    const auto name = stored("old");
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    const auto rotated = describe(name).last_rotated_date();
    clock().advance(std::chrono::milliseconds(clock().now().day().millis() + 30 * kMillisPerDay - 1 -
                                              clock().now().millis()));
    EXPECT_FALSE(workers().run_one()) << "a moment before the window";
    EXPECT_EQ(describe(name).last_rotated_date(), rotated);
    clock().advance(std::chrono::hours(24));
    EXPECT_TRUE(workers().run_one()) << "at the window's end at the latest";
    EXPECT_EQ(describe(name).last_rotated_date(), clock().now().seconds());
    EXPECT_FALSE(workers().run_one()) << "once";
    // Daemons that were off for long: late, and once.
    clock().advance(std::chrono::hours(24 * 100));
    EXPECT_TRUE(workers().run_one());
    EXPECT_FALSE(workers().run_one());
}

TEST_F(RotationTest, ABlackoutHoldsBackWhatNobodyAskedFor) {
    const auto name = stored("old");
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    clock().advance(std::chrono::hours(24 * 32));
    const auto ends = clock().now() + std::chrono::hours(10);
    restrain(Restraints(
        {{.name = "freeze", .secrets = SecretNames({name}), .from = clock().now(), .to = ends}}, {}));
    const auto before = describe(name).last_rotated_date();
    EXPECT_TRUE(workers().run_one()) << "it is looked at";
    EXPECT_FALSE(workers().run_one()) << "and laid aside";
    EXPECT_EQ(describe(name).last_rotated_date(), before);
    EXPECT_THAT(labels_of(name), ::testing::SizeIs(2)) << "no version is begun";
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(describe(name).last_rotated_date(), clock().now().seconds())
        << "by hand it rotates all the same";
    clock().advance(std::chrono::hours(24 * 32));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(describe(name).last_rotated_date(), clock().now().seconds()) << "as it does afterwards";
    restrain({});
}

TEST_F(RotationTest, AfterABlackoutItRotatesWithinHalfAnHour) {
    const auto name = stored("old");
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    clock().advance(std::chrono::hours(24 * 32));
    const auto ends = clock().now() + std::chrono::hours(10);
    restrain(Restraints(
        {{.name = "freeze", .secrets = SecretNames({name}), .from = clock().now(), .to = ends}}, {}));
    EXPECT_TRUE(workers().run_one());
    clock().advance(std::chrono::milliseconds(std::chrono::hours(10)) - std::chrono::milliseconds(1));
    EXPECT_FALSE(workers().run_one()) << "not before its end";
    clock().advance(std::chrono::minutes(31));
    EXPECT_TRUE(workers().run_one());
    EXPECT_EQ(describe(name).last_rotated_date(), clock().now().seconds());
    restrain({});
}

TEST_F(RotationTest, WindowsThatWereMissedAreMadeUpForWithinHalfAnHour) {
    constexpr int kSecrets = 12;
    std::vector<std::string> names;
    for (int i = 0; i < kSecrets; ++i) {
        names.push_back(stored("old"));
        rotate(names.back());
        ASSERT_TRUE(workers().run_one());
    }
    spread_missed(std::chrono::minutes(30));
    const auto rotated = [&] {
        return std::ranges::count_if(names, [](const std::string& name) {
            return task_of(name).last_error == std::nullopt &&
                   describe(name).last_rotated_date() > clock().now().seconds() - 3600;
        });
    };
    clock().advance(std::chrono::hours(24 * 32));
    std::set<std::int64_t> moments;
    while (workers().run_one()) {
    }
    for (const auto& name : names) {
        const auto task = task_of(name);
        const auto in = task.due->millis() - clock().now().millis();
        EXPECT_GE(in, 0);
        EXPECT_LT(in, 30 * 60'000);
        if (in == 0) continue;
        EXPECT_THAT(task.last_error.value(), HasSubstr("its window was missed"));
        moments.insert(in / 60'000);
    }
    EXPECT_GT(moments.size(), 3U) << "each has a moment of its own";
    EXPECT_LE(rotated(), 1);
    clock().advance(std::chrono::minutes(30));
    while (workers().run_one()) {
    }
    EXPECT_EQ(rotated(), kSecrets) << "and is laid aside once";
}

TEST_F(RotationTest, WhatIsDueInItsWindowIsNotLaidAside) {
    const auto name = stored("old");
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    spread_missed(std::chrono::minutes(30));
    const auto window_ends = *secret_of(name).rotation->closes;
    clock().advance(std::chrono::milliseconds(window_ends.millis() - clock().now().millis() - 1));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(describe(name).last_rotated_date(), clock().now().seconds());
}

TEST_F(RotationTest, SecretsOfAGroupKeepApart) {
    const auto one = stored("old");
    const auto two = stored("old");
    for (const auto& name : {one, two}) {
        rotate(name);
        ASSERT_TRUE(workers().run_one());
    }
    clock().advance(std::chrono::hours(24 * 32));
    restrain(Restraints({}, {{"pair " + one, SecretNames({one, two}), std::chrono::hours(2)}}));
    while (workers().run_one()) {
    }
    const auto rotated = [&] {
        return int{describe(one).last_rotated_date() == clock().now().seconds()} +
               int{describe(two).last_rotated_date() == clock().now().seconds()};
    };
    EXPECT_EQ(rotated(), 1) << "one of the two, and the other waits";
    clock().advance(std::chrono::minutes(119));
    EXPECT_FALSE(workers().run_one());
    clock().advance(std::chrono::minutes(1));
    EXPECT_TRUE(workers().run_one());
    EXPECT_EQ(rotated(), 1);
    restrain({});
}

TEST_F(RotationTest, AChangeByHandCountsAsOne) {
    const auto name = stored("old");
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    clock().advance(std::chrono::hours(24 * 20));
    put(name, "by hand");
    EXPECT_EQ(describe(name).next_rotation_date(), clock().now().day().seconds() + 31 * 86400.0 - 1);
    clock().advance(std::chrono::hours(24 * 20));
    EXPECT_FALSE(workers().run_one());
    clock().advance(std::chrono::hours(24 * 12));
    EXPECT_TRUE(workers().run_one());
}

TEST_F(RotationTest, NeverRotatedIsNotOverdueSince1970) {
    const auto name = stored("old");
    auto request = request_for(name);
    request.set_rotate_immediately(false);
    call(request);
    ASSERT_TRUE(workers().run_one()) << "the test of the login";
    EXPECT_FALSE(describe(name).has_last_rotated_date());
    EXPECT_FALSE(workers().run_one());
    EXPECT_EQ(describe(name).next_rotation_date(), clock().now().day().seconds() + 31 * 86400.0 - 1);
}

TEST_F(RotationTest, NotImmediatelyOnlyTriesTheLogin) {
    const auto name = stored("old");
    std::vector<std::string> seen;
    function().on_step = [&](Step step, const StepContext& context, SecretValues& values) {
        EXPECT_THAT(labels_of(name).at(context.token), ElementsAre("AWSPENDING")) << "a temporary version";
        seen.push_back(std::string(step_name(step)) + " " + std::string(values.pending()->text()));
    };
    auto request = request_for(name);
    request.set_rotate_immediately(false);
    call(request);
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(seen, ElementsAre("testSecret old"));
    EXPECT_EQ(labels_of(name).size(), 1U) << "which is gone afterwards";
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "old");
    EXPECT_TRUE(describe(name).rotation_enabled());

    function().on_step = [](Step, const StepContext&, SecretValues&) {
        throw StepFailed(StepFailed::Kind::retry, "the login is refused");
    };
    request.set_client_request_token(fresh_token());
    call(request);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(labels_of(name).size(), 1U) << "a failing one leaves nothing either";
    EXPECT_EQ(task_of(name).last_error, "the login is refused");
    EXPECT_TRUE(task_of(name).failed);
}

TEST_F(RotationTest, ARetryOfAFailedTestTestsAgain) {
    const auto name = stored("old");
    std::vector<std::string> seen;
    bool refused = true;
    function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
        seen.push_back(std::string(step_name(step)) + " " + std::string(values.pending()->text()));
        if (refused) throw StepFailed(StepFailed::Kind::retry, "the login is refused");
    };
    auto request = request_for(name);
    request.set_rotate_immediately(false);
    call(request);
    ASSERT_TRUE(workers().run_one());
    ASSERT_TRUE(task_of(name).failed);
    retry_now(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(seen, ElementsAre("testSecret old", "testSecret old"));
    EXPECT_EQ(labels_of(name).size(), 1U) << "nothing was rotated";
    EXPECT_TRUE(task_of(name).failed);
    refused = false;
    retry_now(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(seen, ElementsAre("testSecret old", "testSecret old", "testSecret old"));
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "old");
    EXPECT_EQ(labels_of(name).size(), 1U);
    EXPECT_FALSE(task_of(name).failed);
    EXPECT_THROW(retry_now(name), secrets::ServiceError) << "nothing waits any more";
    // Its window begins a rotation, as ever.
    function().on_step = nullptr;
    clock().advance(std::chrono::hours(24 * 32));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "value-1");
}

TEST_F(RotationTest, AFailureIsTriedAgainLaterWithTheSameValueUntilThereAreNoMoreTries) {
    const auto name = stored("old");
    bool away = true;
    function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
        if (step == Step::create && !values.pending()) {
            ++function().created;
            values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
        }
        if (step == Step::set && away) throw StepFailed(StepFailed::Kind::retry, "the target is away");
    };
    const auto token = rotate(name);
    for (int attempt = 1; attempt < 3; ++attempt) {
        ASSERT_TRUE(workers().run_one());
        EXPECT_EQ(task_of(name).attempt, attempt);
        EXPECT_EQ(task_of(name).last_error, "the target is away");
        EXPECT_FALSE(workers().run_one()) << "not at once";
        // 1 minute, then 2: doubled each time.
        clock().advance(std::chrono::minutes(attempt) - std::chrono::milliseconds(1));
        EXPECT_FALSE(workers().run_one());
        clock().advance(std::chrono::milliseconds(1));
    }
    ASSERT_TRUE(workers().run_one());
    EXPECT_TRUE(task_of(name).failed) << "the third of three tries";
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "old");
    EXPECT_THAT(labels_of(name).at(token), ElementsAre("AWSPENDING"));
    EXPECT_THAT(outcomes_of(name), ElementsAre("Failed"));
    // The target may have it by now, so it is not left alone until the next window.
    clock().advance(std::chrono::minutes(4));
    ASSERT_TRUE(workers().run_one());
    EXPECT_TRUE(task_of(name).failed);
    EXPECT_THAT(outcomes_of(name), ElementsAre("Failed")) << "told once";
    away = false;
    clock().advance(std::chrono::hours(1));
    EXPECT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "new");
    EXPECT_EQ(function().created, 1) << "what may be at the target is not replaced by another value";
    EXPECT_THAT(labels_of(name).at(token), ElementsAre("AWSCURRENT"));
}

TEST_F(RotationTest, WhatFailedBeforeTheTargetWasAskedWaitsForTheNextWindow) {
    const auto name = stored("old");
    function().on_step = [](Step, const StepContext&, SecretValues&) {
        throw StepFailed(StepFailed::Kind::retry, "no value can be made now");
    };
    rotate(name);
    for (int attempt = 1; attempt <= 3; ++attempt) {
        ASSERT_TRUE(workers().run_one());
        clock().advance(std::chrono::minutes(5));
    }
    EXPECT_TRUE(task_of(name).failed);
    clock().advance(std::chrono::hours(24));
    EXPECT_FALSE(workers().run_one());
    function().on_step = nullptr;
    clock().advance(std::chrono::hours(24 * 31));
    EXPECT_TRUE(workers().run_one());
    EXPECT_EQ(labels_of(name).size(), 2U);
}

TEST_F(RotationTest, ATargetThatLostTheNewValueIsToldAgain) {
    const auto name = stored("old");
    std::vector<std::string> seen;
    bool lost = true;
    function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
        seen.emplace_back(step_name(step));
        if (step == Step::create) values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
        if (step == Step::test && std::exchange(lost, false)) {
            throw StepFailed(StepFailed::Kind::retry, "a replica without it has taken over");
        }
    };
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    clock().advance(std::chrono::minutes(1));
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(seen, ElementsAre("createSecret", "setSecret", "testSecret", "setSecret", "testSecret",
                                  "finishSecret"));
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "new");
}

TEST_F(RotationTest, WhatGoesWrongWithinCofferIsTriedAgainAndTold) {
    const auto name = stored("old");
    bool broken = true;
    function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
        if (broken) throw std::runtime_error("with a detail that is nobody's business");
        if (step == Step::create) values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
    };
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_FALSE(workers().run_one()) << "not at once";
    EXPECT_THAT(task_of(name).last_error.value(), ::testing::Not(HasSubstr("nobody")));
    broken = false;
    clock().advance(std::chrono::minutes(1));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "new");
}

TEST_F(RotationTest, ATestWhoseLabelWentToAnotherVersionEnds) {
    const auto name = stored("old");
    auto request = request_for(name);
    request.set_rotate_immediately(false);
    call(request);
    v1::PutSecretValueRequest other;
    other.set_secret_id(name);
    other.set_client_request_token(fresh_token());
    other.set_secret_string("by hand");
    other.add_version_stages("AWSPENDING");
    call(other);
    ASSERT_TRUE(workers().run_one());
    const auto task = task_of(name);
    EXPECT_FALSE(task.version) << "at rest";
    EXPECT_FALSE(secret_of(name).rotation->testing);
    EXPECT_TRUE(task.failed);
    EXPECT_THAT(task.last_error.value(), HasSubstr("the login was not tried, since AWSPENDING"));
    EXPECT_EQ(value_of(name, "AWSPENDING"), "by hand") << "which is somebody's";
    EXPECT_FALSE(workers().run_one());
    // So it ends where its own version has lost the label before it had its value.
    const auto second = stored("old");
    auto again = request_for(second);
    again.set_rotate_immediately(false);
    call(again);
    write([&](storage::WriteTransaction& tx) {
        auto locked = storage::SecretRepository::lock(tx, second);
        secrets::add_pending(locked->versions, *locked->rotation->making, clock().now());
        storage::SecretRepository::update(tx, std::move(*locked), {});
    });
    take_pending(second, again.client_request_token());
    ASSERT_TRUE(workers().run_one());
    EXPECT_TRUE(task_of(second).failed);
    EXPECT_FALSE(task_of(second).version);
    EXPECT_EQ(labels_of(second).size(), 1U);
    EXPECT_EQ(secret_of(second).versions.size(), 1U) << "the version for the test is gone";
}

TEST_F(RotationTest, PausingStopsBetweenTwoSteps) {
    const auto name = stored("old");
    std::vector<std::string> seen;
    function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
        seen.emplace_back(step_name(step));
        if (step != Step::create || values.pending()) return;
        values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
        environment().execute("UPDATE rotation_control SET paused = true");
    };
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(seen, ElementsAre("createSecret"));
    environment().execute("UPDATE rotation_control SET paused = false");
    ASSERT_TRUE(second_workers().run_one()) << "at once, by whoever comes first";
    EXPECT_EQ(labels_of(name).size(), 2U);
}

TEST_F(RotationTest, PausedWhileItBeginsItStaysBegunAndIsToldOnce) {
    const auto name = stored("old");
    function().ends["value-1"] = clock().now() + std::chrono::hours(1);
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    clock().advance(std::chrono::hours(2));
    // A worker has it by then, and has not begun it.
    function().on_renew_by = [] { environment().execute("UPDATE rotation_control SET paused = true"); };
    ASSERT_TRUE(workers().run_one());
    function().on_renew_by = nullptr;
    const auto task = task_of(name);
    ASSERT_TRUE(task.version.has_value());
    EXPECT_EQ(task.attempt, 1);
    EXPECT_FALSE(task.node.has_value()) << "it is given back";
    const auto token = task.version->value();
    EXPECT_THAT(labels_of(name).at(token), ElementsAre("AWSPENDING"));
    EXPECT_EQ(function().created, 1) << "no step is begun";
    EXPECT_FALSE(workers().run_one());
    environment().execute("UPDATE rotation_control SET paused = false");
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "value-2");
    EXPECT_THAT(labels_of(name).at(token), ElementsAre("AWSCURRENT"));
    EXPECT_THAT(events_about(name, token),
                ElementsAre("RotationStarted", "RotationValueStored", "RotationStepSucceeded createSecret",
                            "RotationStepSucceeded setSecret", "RotationStepSucceeded testSecret",
                            "RotationSucceeded"));
}

TEST_F(RotationTest, VersionsOfTwoSecretsMayHaveTheSameId) {
    // Ids are the callers' ClientRequestTokens, which AWS wants to be unique within a secret alone.
    const auto first = fresh_token();
    const auto admin = stored("the administrator's", first);
    const auto name = stored("the application's", first);
    auto request = request_for(name);
    const auto other = stored("another's", request.client_request_token());
    const auto text_of = [](const std::optional<crypto::SecretBytes>& value) {
        return value ? std::string(value->text()) : "none";
    };
    int steps = 0;
    function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
        ++steps;
        EXPECT_EQ(text_of(values.current_of(admin)), "the administrator's") << step_name(step);
        EXPECT_EQ(text_of(values.current_of(other)), "another's") << step_name(step);
        EXPECT_EQ(text_of(values.current()), "the application's") << step_name(step);
        EXPECT_EQ(text_of(values.pending()), step == Step::create ? "none" : "the new") << step_name(step);
        EXPECT_EQ(text_of(values.current_of(admin)), "the administrator's") << step_name(step);
        if (step == Step::create) {
            values.put_pending(crypto::SecretBytes::copy_of(std::string_view("the new")));
        }
    };
    call(request);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(steps, 4);
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "the new");
    EXPECT_EQ(value_of(name, "AWSPREVIOUS"), "the application's");
}

TEST_F(RotationTest, AMasterKeyThatIsReplacedDuringCreateSecretSealsTheNewValue) {
    const auto name = stored("old");
    function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
        if (step != Step::create) return;
        static_cast<void>(values.current());
        v1::UpdateSecretRequest update;
        update.set_secret_id(name);
        update.set_kms_key_id("alias/second");
        call(update);
        values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
    };
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "new");
    const auto second = node().hsm().find_master_key("second")->id.value();
    const auto secret = secret_of(name);
    for (const auto& version : secret.versions) {
        EXPECT_EQ(version.master_key, second) << version.id.value();
    }
    EXPECT_THAT(events_about(name, token), ::testing::Contains("RotationValueStored").Times(1));
}

TEST_F(RotationTest, NoOtherValueIsExchangedThanTheOneThatIsNoted) {
    const auto name = stored("old");
    bool sent = false;
    function().on_step = [&](Step, const StepContext&, SecretValues& values) {
        static_cast<void>(values.current());
        put(name, "by hand");  // while the server is connected to
        values.begin_exchange();
        sent = true;
    };
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_FALSE(sent);
    EXPECT_FALSE(task_of(name).spent.has_value());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "by hand");
    EXPECT_THAT(outcomes_of(name), ElementsAre("Abandoned"));
}

TEST_F(RotationTest, CancellingATestLeavesNothingBehind) {
    const auto name = stored("old");
    function().on_step = [&](Step, const StepContext&, SecretValues&) {
        v1::CancelRotateSecretRequest cancel;
        cancel.set_secret_id(name);
        call(cancel);
    };
    auto request = request_for(name);
    request.set_rotate_immediately(false);
    call(request);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(labels_of(name).size(), 1U);
    function().on_step = nullptr;
    EXPECT_NO_THROW(rotate(name));
}

TEST_F(RotationTest, BinaryStaysBinary) {
    v1::CreateSecretRequest create;
    create.set_name("rotation/" + fresh_token());
    create.set_client_request_token(fresh_token());
    create.set_secret_binary(std::string("\xff\x00\x01", 3));
    call(create);
    rotate(create.name());
    ASSERT_TRUE(workers().run_one());
    v1::GetSecretValueRequest read;
    read.set_secret_id(create.name());
    EXPECT_TRUE(call(read).has_secret_binary());
    EXPECT_FALSE(call(read).has_secret_string());
}

TEST_F(RotationTest, ARefusedValueIsReplacedByAnotherOne) {
    const auto name = stored("old");
    std::deque<std::string> values_made{"without a digit", "w1th a digit"};
    function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
        if (step == Step::create && !values.pending()) {
            values.put_pending(crypto::SecretBytes::copy_of(std::string_view(values_made.front())));
            values_made.pop_front();
        }
        if (step == Step::set && values.pending()->text() == "without a digit") {
            throw StepFailed(StepFailed::Kind::value_refused, "the password must have a digit");
        }
    };
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "old");
    EXPECT_EQ(labels_of(name).count(token), 0U) << "the refused version has no label any more";
    clock().advance(std::chrono::minutes(1));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "w1th a digit");
    EXPECT_EQ(labels_of(name).size(), 2U);
}

TEST_F(RotationTest, WhatIsHopelessIsNotTriedAgain) {
    const auto name = stored("old");
    function().on_step = [](Step, const StepContext&, SecretValues&) {
        throw StepFailed(StepFailed::Kind::hopeless, "the secret lacks a field");
    };
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_TRUE(task_of(name).failed);
    clock().advance(std::chrono::hours(2));
    EXPECT_FALSE(workers().run_one());
}

TEST_F(RotationTest, ANewValueByHandEndsARotationUnderWay) {
    const auto name = stored("old");
    function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
        if (step == Step::create) values.put_pending(crypto::SecretBytes::copy_of(std::string_view("made")));
        if (step == Step::set) throw StepFailed(StepFailed::Kind::retry, "away");
    };
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    v1::UpdateSecretVersionStageRequest take_away;
    take_away.set_secret_id(name);
    take_away.set_version_stage("AWSPENDING");
    take_away.set_remove_from_version_id(token);
    call(take_away);
    put(name, "by hand");
    clock().advance(std::chrono::minutes(1));
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "by hand") << "nothing left over is applied";
    EXPECT_FALSE(task_of(name).version);
    EXPECT_THAT(outcomes_of(name), ElementsAre("Abandoned"));
}

TEST_F(RotationTest, CancellingStopsWhatIsUnderWayAndLeavesTheLabels) {
    const auto name = stored("old");
    const auto token = rotate(name);
    v1::CancelRotateSecretRequest cancel;
    cancel.set_secret_id(name);
    EXPECT_EQ(call(cancel).version_id(), token);
    EXPECT_FALSE(workers().run_one());
    const auto after = describe(name);
    EXPECT_FALSE(after.rotation_enabled());
    EXPECT_TRUE(after.has_rotation_enabled());
    EXPECT_EQ(after.rotation_lambda_arn(), function_arn());
    EXPECT_FALSE(after.has_next_rotation_date());
    EXPECT_THAT(labels_of(name).at(token), ElementsAre("AWSPENDING"));
    const auto other = stored("x");
    cancel.set_secret_id(other);
    EXPECT_THAT(refusal_of([&] { call(cancel); }), HasSubstr("InvalidRequestException"));
}

TEST_F(RotationTest, CancellingWhatTheTargetMayHaveLeavesTheVersionInTheHistory) {
    const auto name = stored("old");
    function().on_step = [](Step step, const StepContext& /*context*/, SecretValues& values) {
        if (step == Step::create && !values.pending())
            values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
        if (step == Step::set) throw StepFailed(StepFailed::Kind::retry, "the answer was lost");
    };
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    v1::CancelRotateSecretRequest cancel;
    cancel.set_secret_id(name);
    call(cancel);
    using Runs = std::vector<storage::RotationRun>;
    const auto runs = read<Runs>([id = id_of(name)](storage::ReadTransaction& tx) {
        return storage::RotationRepository::runs(tx, id);
    });
    ASSERT_EQ(runs.size(), 1U);
    EXPECT_EQ(runs[0].version.value(), token);
    EXPECT_EQ(runs[0].outcome, "Abandoned");
    EXPECT_THAT(runs[0].message.value_or(""), HasSubstr("The target may have the value of version " + token));
    // Where nothing was begun at the target there is nothing to say.
    const auto other = stored("old");
    rotate(other);
    cancel.set_secret_id(other);
    call(cancel);
    EXPECT_THAT(outcomes_of(other), ElementsAre());
}

TEST_F(RotationTest, ADeletedSecretIsNotRotatedAndARestoredOneIs) {
    const auto name = stored("old");
    rotate(name);
    v1::DeleteSecretRequest remove;
    remove.set_secret_id(name);
    call(remove);
    EXPECT_THAT(refusal_of([&] { rotate(name); }), HasSubstr("marked for deletion"));
    EXPECT_FALSE(workers().run_one());
    v1::RestoreSecretRequest restore;
    restore.set_secret_id(name);
    call(restore);
    EXPECT_TRUE(workers().run_one());
    EXPECT_EQ(labels_of(name).size(), 2U);
}

TEST_F(RotationTest, ADeletedSecretIsNothingThatAnybodyHasToSeeTo) {
    const auto name = stored("old");
    function().on_step = [](Step, const StepContext&, SecretValues&) {
        throw StepFailed(StepFailed::Kind::hopeless, "no");
    };
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    clock().advance(std::chrono::hours(24 * 32));
    struct Seen {
        storage::RotationRepository::Counts counts;
        bool listed = false;
    };
    const auto look = [&] {
        return read<Seen>([&](storage::ReadTransaction& tx) {
            Seen seen{.counts = storage::RotationRepository::counts(tx, clock().now())};
            for (const auto& task : storage::RotationRepository::list(tx, "", 10'000)) {
                seen.listed = seen.listed || task.name == name;
            }
            return seen;
        });
    };
    const auto before = look();
    v1::DeleteSecretRequest remove;
    remove.set_secret_id(name);
    call(remove);
    const auto deleted = look();
    EXPECT_TRUE(before.listed);
    EXPECT_FALSE(deleted.listed);
    EXPECT_EQ(deleted.counts.due, before.counts.due - 1);
    EXPECT_EQ(deleted.counts.failed, before.counts.failed - 1);
    EXPECT_EQ(deleted.counts.late, before.counts.late - 1);
    EXPECT_EQ(deleted.counts.oldest_due, std::nullopt) << "it is the only one";
    v1::RestoreSecretRequest restore;
    restore.set_secret_id(name);
    call(restore);
    const auto restored = look();
    EXPECT_TRUE(restored.listed);
    EXPECT_EQ(restored.counts.due, before.counts.due);
    EXPECT_EQ(restored.counts.failed, before.counts.failed);
    EXPECT_EQ(restored.counts.late, before.counts.late);
    EXPECT_EQ(restored.counts.oldest_due, before.counts.oldest_due);
}

TEST_F(RotationTest, WhoeverIsKilledAtAStepIsFollowedByAnotherNode) {
    for (const auto killed_at : {Step::create, Step::set, Step::test, Step::finish}) {
        const auto name = stored("old");
        bool dies = true;
        function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
            if (step == Step::create && !values.pending()) {
                ++function().created;
                values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
            }
            // The effect at the target is there; that it is was never written down, nor anything else by this
            // node.
            if (step == killed_at && std::exchange(dies, false)) {
                execute(
                    "UPDATE rotations SET fence = fence + 1 WHERE secret_id = (SELECT id FROM secrets WHERE "
                    "name = $1)",
                    name);
                throw std::runtime_error("killed");
            }
        };
        function().created = 0;
        const auto token = rotate(name);
        ASSERT_TRUE(workers().run_one());
        EXPECT_THAT(labels_of(name).at(token), ElementsAre("AWSPENDING"));
        EXPECT_FALSE(second_workers().run_one()) << "as long as the lease lasts nobody else has it";
        end_lease(name);
        ASSERT_TRUE(second_workers().run_one());
        EXPECT_THAT(labels_of(name).at(token), ElementsAre("AWSCURRENT")) << step_name(killed_at);
        EXPECT_EQ(function().created, 1);
        EXPECT_EQ(labels_of(name).size(), 2U);
    }
}

TEST_F(RotationTest, WhoLostItsLeaseChangesNothingAnyMore) {
    const auto name = stored("old");
    function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
        if (step == Step::create && !values.pending()) {
            values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
        }
        if (step != Step::test || overtaken_) return;
        overtaken_ = true;
        end_lease(name);
        ASSERT_TRUE(second_workers().run_one());  // which does it all
        put(name, "later, by hand");
    };
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "later, by hand");
    EXPECT_THAT(outcomes_of(name), ElementsAre("Succeeded"));
}

TEST_F(RotationTest, TheTableOfWhatIsDueIsNotBelieved) {
    // By somebody with the database: a step is skipped, another version is named, a secret without rotation
    // is queued.
    const auto name = stored("old");
    std::vector<std::string> seen;
    function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
        seen.emplace_back(step_name(step));
        if (step == Step::create && !values.pending()) {
            values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
        }
    };
    rotate(name);
    execute("UPDATE rotations SET step = 4 WHERE secret_id = (SELECT id FROM secrets WHERE name = $1)", name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "new");
    EXPECT_THAT(seen, ElementsAre("createSecret", "setSecret", "testSecret", "finishSecret"));
    // A version that the queue names is neither rotated to nor removed.
    for (const char* what : {"test_only = true", "test_only = false"}) {
        const auto before = secret_of(name);
        execute(
            "UPDATE rotations SET due = '2000-01-01', step = 3, version_id = (SELECT l.version_id FROM "
            "staging_labels l "
            "WHERE l.secret_id = rotations.secret_id AND l.label = 'AWSPREVIOUS'), " +
                std::string(what) + " WHERE secret_id = (SELECT id FROM secrets WHERE name = $1)",
            name);
        ASSERT_TRUE(workers().run_one());
        EXPECT_EQ(labels_of(name).size(), 2U) << "at the worst a rotation came early";
        for (const auto& version : before.versions) {
            EXPECT_NE(secrets::find_version(secret_of(name).versions, version.id), nullptr);
        }
    }
    const auto other = stored("x");
    execute("INSERT INTO rotations (secret_id, due) SELECT id, '2000-01-01' FROM secrets WHERE name = $1",
            other);
    seen.clear();
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(seen, IsEmpty());
    EXPECT_EQ(labels_of(other).size(), 1U);
    // What the rotation is, is sealed.
    execute(
        "UPDATE secrets SET rotation = jsonb_set(rotation, '{function}', '\"arn:other\"') WHERE name = $1",
        name);
    EXPECT_THROW(secret_of(name), IntegrityError);
}

TEST_F(RotationTest, EveryStepIsAnEvent) {
    const auto name = stored("old");
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(events_about(name, token),
                ElementsAre("RotateSecret", "RotationStarted", "RotationValueStored",
                            "RotationStepSucceeded createSecret", "RotationStepSucceeded setSecret",
                            "RotationStepSucceeded testSecret", "RotationSucceeded"));
}

}  // namespace
}  // namespace coffer::rotation
