// RotateSecret with a ClientRequestToken that was sent before, or that is a version's.

#include <gmock/gmock.h>

#include "daemon/secrets/errors.hpp"
#include "rotation_fixture.hpp"

namespace coffer::rotation {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RepeatedTest : public RotationFixture {};

// RotateSecret's errors are ResourceNotFound, InvalidParameter, InvalidRequest and InternalServiceError (API
// reference).
TEST_F(RepeatedTest, ATokenThatIsAVersionsIsNoRepeatedRequest) {
    const auto name = stored("first");
    const auto created = first_version(name);
    auto request = request_for(name);
    request.set_client_request_token(created);
    const auto refused = [&] { return refusal_of([&] { call(request); }); };
    EXPECT_THAT(refused(), HasSubstr("InvalidRequestException: You can't use ClientRequestToken " + created));
    EXPECT_FALSE(describe(name).has_rotation_enabled()) << "nothing was stored, and it is said";
    put(name, "second");
    ASSERT_THAT(labels_of(name).at(created), ElementsAre("AWSPREVIOUS"));
    EXPECT_THAT(refused(), HasSubstr("InvalidRequestException: You can't use ClientRequestToken " + created));
    EXPECT_FALSE(workers().run_one());
}

TEST_F(RepeatedTest, ARepeatedRequestWithAnotherConfigurationIsNone) {
    const auto name = stored("old");
    auto request = request_for(name);
    call(request);
    request.mutable_rotation_rules()->set_automatically_after_days(60);
    EXPECT_NO_THROW(call(request)) << "while it is under way: the schedule is stored";
    EXPECT_EQ(describe(name).rotation_rules().automatically_after_days(), 60);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(function().created, 1) << "and it goes on";
    EXPECT_NO_THROW(call(request));
    EXPECT_FALSE(workers().run_one()) << "it was done";
    request.mutable_rotation_rules()->set_automatically_after_days(90);
    EXPECT_THAT(refusal_of([&] { call(request); }), HasSubstr("InvalidRequestException: You can't use"));
    EXPECT_EQ(describe(name).rotation_rules().automatically_after_days(), 60);
    request.clear_rotation_rules();
    EXPECT_NO_THROW(call(request)) << "what is not said is as it is stored";
    EXPECT_FALSE(workers().run_one());
}

TEST_F(RepeatedTest, ARepeatedRequestIsKnownAfterAValueWasPut) {
    const auto name = stored("old");
    const auto request = request_for(name);
    call(request);
    ASSERT_TRUE(workers().run_one());
    put(name, "by hand");
    EXPECT_NO_THROW(call(request)) << "its client may not have learned that it was done";
    EXPECT_FALSE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "by hand");
}

TEST_F(RepeatedTest, TheTokenOfACancelledRotationGoesOnWithItsVersion) {
    const auto name = stored("old");
    int made = 0;
    bool is_away = true;
    const auto steps = [&](Step step, const StepContext&, SecretValues& values) {
        if (step == Step::create && !values.pending()) {
            values.put_pending(crypto::SecretBytes::copy_of("made-" + std::to_string(++made)));
        }
        if (step == Step::set && is_away) throw StepFailed(StepFailed::Kind::retry, "the answer was lost");
    };
    function().on_step = steps;
    other_function().on_step = steps;
    auto request = request_for(name);
    const auto token = call(request).version_id();
    ASSERT_TRUE(workers().run_one());
    cancel(name);
    request.set_rotation_lambda_arn(other_function_arn());
    request.set_rotate_immediately(false);
    EXPECT_THAT(refusal_of([&] { call(request); }), HasSubstr("A previous rotation isn't complete"))
        << "a test would remove the version";
    request.clear_rotate_immediately();
    EXPECT_EQ(call(request).version_id(), token);
    const auto after = describe(name);
    EXPECT_TRUE(after.rotation_enabled());
    EXPECT_EQ(after.rotation_lambda_arn(), other_function_arn());
    EXPECT_TRUE(task_of(name).told) << "the target may have its value since the first time";
    EXPECT_THROW(give_up_now(name), secrets::ServiceError);
    is_away = false;
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "made-1") << "the value that the target may have";
    EXPECT_THAT(labels_of(name).at(token), ElementsAre("AWSCURRENT"));
    EXPECT_THAT(task_of(name).left_behind, ::testing::IsEmpty());
}

TEST_F(RepeatedTest, AnotherFunctionGoesOnWithWhatIsUnderWay) {
    const auto name = stored("old");
    bool is_away = true;
    const auto steps = [&](Step step, const StepContext&, SecretValues& values) {
        if (step == Step::create && !values.pending()) {
            values.put_pending(crypto::SecretBytes::copy_of(std::string_view("made")));
        }
        if (step == Step::set && is_away) throw StepFailed(StepFailed::Kind::retry, "the answer was lost");
    };
    function().on_step = steps;
    other_function().on_step = steps;
    auto request = request_for(name);
    call(request);
    ASSERT_TRUE(workers().run_one());
    request.set_rotation_lambda_arn(other_function_arn());
    call(request);
    EXPECT_EQ(describe(name).rotation_lambda_arn(), other_function_arn());
    EXPECT_TRUE(task_of(name).told);
    is_away = false;
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "made");
}

TEST_F(RepeatedTest, ARepeatedTestIsNoSecondOne) {
    const auto name = stored("old");
    auto request = request_for(name);
    request.set_rotate_immediately(false);
    call(request);
    EXPECT_NO_THROW(call(request));
    ASSERT_TRUE(workers().run_one());
    EXPECT_FALSE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "old");
}

}  // namespace
}  // namespace coffer::rotation
