// Many workers on two nodes: each rotation once.

#include <gmock/gmock.h>

#include <map>
#include <mutex>
#include <thread>

#include "rotation_fixture.hpp"

namespace coffer::rotation {
namespace {

class WorkersTest : public RotationFixture {};

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
