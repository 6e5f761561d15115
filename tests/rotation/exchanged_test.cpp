// What a server hands out once is never lost, whatever becomes of the rotation that asked for it.

#include <gmock/gmock.h>

#include <algorithm>

#include "rotation_fixture.hpp"

namespace coffer::rotation {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// createSecret gets what nobody can get a second time, and something happens before it can be stored.
class ExchangedTest : public RotationFixture {
protected:
    void exchange(std::function<void(const StepContext&)> meanwhile) {
        function().on_step = [meanwhile = std::move(meanwhile)](Step step, const StepContext& context,
                                                                SecretValues& values) {
            if (step != Step::create || values.pending()) return;
            static_cast<void>(values.current());
            values.begin_exchange();
            meanwhile(context);
            values.put_exchanged(crypto::SecretBytes::copy_of(std::string_view("handed out")));
        };
    }
    static std::string value_of_version(const std::string& name, const std::string& version) {
        v1::GetSecretValueRequest request;
        request.set_secret_id(name);
        request.set_version_id(version);
        return call(request).secret_string();
    }
    static void put_as(const std::string& name, const std::string& version, const std::string& value) {
        v1::PutSecretValueRequest request;
        request.set_secret_id(name);
        request.set_client_request_token(version);
        request.set_secret_string(value);
        request.add_version_stages("AWSPENDING");
        call(request);
    }
};

TEST_F(ExchangedTest, BecomesCurrent) {
    const auto name = stored("old");
    exchange([](const StepContext&) {});
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "handed out");
    EXPECT_THAT(events_about(name, token), ::testing::Contains("RotationValueStored").Times(1));
}

TEST_F(ExchangedTest, IsKeptWhenTheRotationIsTurnedOffAndGivenUp) {
    const auto name = stored("old");
    exchange([&](const StepContext&) {
        cancel(name);
        give_up_now(name);
        EXPECT_EQ(secret_of(name).versions.size(), 1U) << "the version without a value is of no use";
    });
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of_version(name, token), "handed out");
    EXPECT_EQ(labels_of(name).size(), 1U) << "without a label: that is the people's to decide";
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "old");
    EXPECT_TRUE(task_of(name).failed) << "somebody has to look";
    EXPECT_THAT(task_of(name).last_error.value(),
                HasSubstr("What the server handed out for it is version " + token));
    EXPECT_THAT(outcomes_of(name), ElementsAre("Abandoned"));
}

TEST_F(ExchangedTest, IsSaidToBeThereWhenTheRotationIsTurnedOff) {
    const auto name = stored("old");
    exchange([&](const StepContext&) { cancel(name); });
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSPENDING"), "handed out") << "labels stay, as in AWS";
    EXPECT_THAT(task_of(name).last_error.value(),
                HasSubstr("What the server handed out for it is version " + token));
}

TEST_F(ExchangedTest, DoesNotDisturbARotationThatWasBegunMeanwhile) {
    const auto name = stored("old");
    std::string second;
    exchange([&](const StepContext& context) {
        take_pending(name, context.token);
        second = rotate(name);
    });
    const auto first = rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of_version(name, first), "handed out");
    EXPECT_EQ(task_of(name).version->value(), second);
    EXPECT_FALSE(task_of(name).failed);
    EXPECT_THAT(outcomes_of(name), ElementsAre("Abandoned"));
    function().on_step = nullptr;
    ASSERT_TRUE(workers().run_one());
    EXPECT_THAT(labels_of(name).at(second), ElementsAre("AWSCURRENT"));
    EXPECT_EQ(value_of_version(name, first), "handed out");
}

TEST_F(ExchangedTest, IsKeptBesideAValueThatSomebodyPutIntoItsVersion) {
    const auto name = stored("old");
    exchange([&](const StepContext& context) { put_as(name, context.token, "by hand"); });
    const auto token = rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of_version(name, token), "by hand");
    const auto secret = secret_of(name);
    ASSERT_EQ(secret.versions.size(), 3U);
    const auto kept = std::ranges::find_if(secret.versions, [&](const auto& version) {
        return version.id.value() != token && version.id.value() != first_version(name);
    });
    EXPECT_EQ(value_of_version(name, kept->id.value()), "handed out");
    EXPECT_THAT(kept->labels, IsEmpty());
    EXPECT_TRUE(task_of(name).failed);
    EXPECT_THAT(task_of(name).last_error.value(),
                HasSubstr("What the server handed out for it is version " + kept->id.value()));
}

TEST_F(ExchangedTest, WaitsForADamagedSecretToBeWhole) {
    const auto name = stored("old");
    exchange([&](const StepContext&) {
        execute("UPDATE secrets SET description = 'altered' WHERE name = $1", name);
    });
    int holds = 0;
    on_hold = [&](const std::string& reason) {
        ++holds;
        EXPECT_THAT(reason, HasSubstr("does not match its row"));
        execute("UPDATE secrets SET description = NULL WHERE name = $1", name);
    };
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(holds, 1);
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "handed out");
}

TEST_F(ExchangedTest, IsNotKeptTwiceWhereItIsThereAlready) {
    // As after a transaction whose outcome was not learned.
    const auto name = stored("old");
    exchange([&](const StepContext& context) { put_as(name, context.token, "handed out"); });
    rotate(name);
    ASSERT_TRUE(workers().run_one());
    EXPECT_EQ(value_of(name, "AWSCURRENT"), "handed out");
    EXPECT_EQ(secret_of(name).versions.size(), 2U);
}

}  // namespace
}  // namespace coffer::rotation
