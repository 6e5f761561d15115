// Many workers on two nodes: each rotation once.

#include <gmock/gmock.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "rotation_fixture.hpp"

namespace coffer::rotation {
namespace {

class WorkersTest : public RotationFixture {
protected:
    template <class Condition>
    static bool becomes_true(const Condition& condition) {
        for (int i = 0; i < 600; ++i) {
            if (condition()) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        return false;
    }
    /// In the queue it then is before those for which this was not called.
    static void put_first(const std::string& name) {
        execute(
            "UPDATE rotations SET due = due - interval '1 hour' "
            "WHERE secret_id = (SELECT id FROM secrets WHERE name = $1)",
            name);
    }
};

TEST_F(WorkersTest, TwoNodesRotateEachSecretOnce) {
    constexpr int kSecrets = 40;
    std::mutex mutex;
    std::map<std::string, int> finished;
    function().on_step = [&](Step step, const StepContext& context, SecretValues& values) {
        if (step == Step::create && !values.pending()) {
            values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
        }
        const std::lock_guard lock(mutex);
        if (step == Step::finish) ++finished[context.secret_name];
    };
    std::vector<std::string> names;
    for (int i = 0; i < kSecrets; ++i) names.push_back(stored("old"));
    for (const auto& name : names) rotate(name);
    workers().start();
    second_workers().start();
    const auto all_done = [&] {
        const std::lock_guard lock(mutex);
        return finished.size() == names.size();
    };
    for (int i = 0; i < 600 && !all_done(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    workers().stop();
    second_workers().stop();
    ASSERT_EQ(finished.size(), names.size());
    for (const auto& name : names) {
        EXPECT_EQ(finished[name], 1) << name;
        EXPECT_EQ(value_of(name, "AWSCURRENT"), "new");
        EXPECT_EQ(value_of(name, "AWSPREVIOUS"), "old");
    }
}

TEST_F(WorkersTest, FunctionThatHangsDoesNotHoldTheOthers) {
    constexpr int kSecrets = 3;
    limit(1, std::chrono::nanoseconds(0));
    std::mutex mutex;
    std::condition_variable changed;
    int begun = 0;
    bool hangs = true;
    function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
        if (step != Step::create) return;
        {
            std::unique_lock lock(mutex);
            ++begun;
            changed.wait(lock, [&] { return !hangs; });
        }
        if (!values.pending()) values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
    };
    // First in the queue, and with an alias behind the function's name.
    std::vector<std::string> hanging;
    std::vector<std::string> others;
    for (int i = 0; i < kSecrets; ++i) {
        hanging.push_back(stored("old"));
        auto request = request_for(hanging.back());
        if (i != 0) request.set_rotation_lambda_arn(function_arn() + ":PROD");
        call(request);
        put_first(hanging.back());
    }
    for (int i = 0; i < kSecrets; ++i) {
        others.push_back(stored("old"));
        auto request = request_for(others.back());
        request.set_rotation_lambda_arn(other_function_arn());
        call(request);
    }
    workers().start();
    EXPECT_TRUE(becomes_true([&] {
        return std::ranges::all_of(others, [](const auto& name) { return outcomes_of(name).size() == 1; });
    }));
    {
        const std::lock_guard lock(mutex);
        EXPECT_EQ(begun, 1);
        hangs = false;
    }
    changed.notify_all();
    EXPECT_TRUE(becomes_true([&] {
        return std::ranges::all_of(hanging, [](const auto& name) { return outcomes_of(name).size() == 1; });
    }));
    workers().stop();
}

TEST_F(WorkersTest, OfAFullFunctionNothingIsClaimed) {
    limit(1, std::chrono::nanoseconds(0));
    const auto first = stored("old");
    const auto second = stored("old");
    rotate(first);
    rotate(second);
    put_first(first);
    bool claimed_another = true;
    int created = 0;
    function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
        if (step != Step::create) return;
        if (++created == 1) claimed_another = workers().run_one();
        values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
    };
    EXPECT_TRUE(workers().run_one());
    EXPECT_FALSE(claimed_another);
    EXPECT_THAT(outcomes_of(first), ::testing::ElementsAre("Succeeded"));
    EXPECT_THAT(outcomes_of(second), ::testing::IsEmpty());
    EXPECT_TRUE(workers().run_one());
    EXPECT_THAT(outcomes_of(second), ::testing::ElementsAre("Succeeded"));
}

TEST_F(WorkersTest, BeginsKeepApart) {
    constexpr std::chrono::milliseconds kApart{300};
    limit(0, kApart);
    std::mutex mutex;
    std::vector<std::chrono::steady_clock::time_point> begun;
    function().on_step = [&](Step step, const StepContext&, SecretValues& values) {
        if (step != Step::create) return;
        {
            const std::lock_guard lock(mutex);
            begun.push_back(std::chrono::steady_clock::now());
        }
        values.put_pending(crypto::SecretBytes::copy_of(std::string_view("new")));
    };
    std::vector<std::string> names;
    for (int i = 0; i < 3; ++i) names.push_back(stored("old"));
    for (const auto& name : names) rotate(name);
    const auto since = std::chrono::steady_clock::now();
    workers().start();
    EXPECT_TRUE(becomes_true([&] {
        return std::ranges::all_of(names, [](const auto& name) { return outcomes_of(name).size() == 1; });
    }));
    workers().stop();
    // At the earliest: the first at once, each of the others after as many intervals. However slow all else
    // is.
    ASSERT_EQ(begun.size(), 3U);
    std::ranges::sort(begun);
    EXPECT_GE(begun[1] - since, kApart);
    EXPECT_GE(begun[2] - since, 2 * kApart);
}

TEST_F(WorkersTest, NothingIsBegunWhileEverythingIsPaused) {
    const auto name = stored("old");
    rotate(name);
    environment().execute("UPDATE rotation_control SET paused = true");
    EXPECT_FALSE(workers().run_one());
    environment().execute("UPDATE rotation_control SET paused = false");
    EXPECT_TRUE(workers().run_one());
}

TEST_F(WorkersTest, StoppingDoesNotWaitForWorkThatIsNotThere) {
    workers().start();
    workers().wake();
    workers().stop();
    SUCCEED();
}

}  // namespace
}  // namespace coffer::rotation
