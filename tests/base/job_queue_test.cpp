#include "daemon/base/job_queue.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace coffer {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// What a worker owns; here a place where jobs leave their names.
using Log = std::vector<std::string>;

/// What became of a job, as its caller hears it.
enum class Fate { pending, ran, overloaded, unavailable, late, other };

class NamedJob final : public Job<Log> {
public:
    NamedJob(std::string name, JobOptions options, std::atomic<Fate>& fate)
        : Job(options), name_(std::move(name)), fate_(fate) {}

    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    void run(Log& log) override {
        log.push_back(name_);
        fate_ = Fate::ran;
    }

    void fail(std::exception_ptr error) noexcept override {
        try {
            std::rethrow_exception(std::move(error));
        } catch (const Overloaded&) {
            fate_ = Fate::overloaded;
        } catch (const Unavailable&) {
            fate_ = Fate::unavailable;
        } catch (const DeadlineExceeded&) {
            fate_ = Fate::late;
        } catch (...) {
            fate_ = Fate::other;
        }
    }

private:
    std::string name_;
    std::atomic<Fate>& fate_;
};

class JobQueueTest : public testing::Test {
protected:
    std::unique_ptr<Job<Log>> job(const std::string& name, Priority priority = Priority::read,
                                  Deadline deadline = Deadline::max()) {
        fates_.push_back(std::make_unique<std::atomic<Fate>>(Fate::pending));
        return std::make_unique<NamedJob>(name, JobOptions{priority, deadline}, *fates_.back());
    }
    [[nodiscard]] Fate fate(std::size_t number) const { return *fates_.at(number); }

    /// Runs what is queued, without waiting for more.
    Log drain(JobQueue<Log>& queue) {
        Log log;
        while (auto next = queue.pop(steady_clock::now())) next->run(log);
        return log;
    }

private:
    std::vector<std::unique_ptr<std::atomic<Fate>>> fates_;
};

TEST_F(JobQueueTest, UrgentLanesGoFirstAndEachLaneKeepsItsOrder) {
    JobQueue<Log> queue(10);
    queue.push(job("rewrap 1", Priority::rewrap));
    queue.push(job("write 1", Priority::write));
    queue.push(job("read 1", Priority::read));
    queue.push(job("rotation 1", Priority::rotation));
    queue.push(job("read 2", Priority::read));
    queue.push(job("write 2", Priority::write));
    EXPECT_EQ(queue.size(), 6U);
    EXPECT_EQ(drain(queue), (Log{"read 1", "read 2", "write 1", "write 2", "rotation 1", "rewrap 1"}));
    EXPECT_EQ(queue.size(), 0U);
}

TEST_F(JobQueueTest, ALaneThatWaitsHasItsFairShare) {
    JobQueue<Log> queue(100, 3);
    for (int i = 1; i <= 9; ++i) queue.push(job("read " + std::to_string(i)));
    for (int i = 1; i <= 2; ++i) queue.push(job("rewrap " + std::to_string(i), Priority::rewrap));
    // Three others went first, then it does, twice; what is left comes in its order.
    EXPECT_EQ(drain(queue), (Log{"read 1", "read 2", "read 3", "rewrap 1", "read 4", "read 5", "read 6",
                                 "rewrap 2", "read 7", "read 8", "read 9"}));
}

TEST_F(JobQueueTest, TheLaneThatWasPassedOverMostGoesFirst) {
    JobQueue<Log> queue(100, 2);
    queue.push(job("rewrap 1", Priority::rewrap));
    queue.push(job("write 1", Priority::write));
    for (int i = 1; i <= 4; ++i) queue.push(job("read " + std::to_string(i)));
    // Both waited for two reads: the more urgent of them goes first, and the other has waited for one more.
    EXPECT_EQ(drain(queue), (Log{"read 1", "read 2", "write 1", "rewrap 1", "read 3", "read 4"}));
}

TEST_F(JobQueueTest, ALaneThatWasPassedOverAndIsEmptyKeepsNobodyBack) {
    JobQueue<Log> queue(100, 2);
    queue.push(job("late", Priority::rewrap, steady_clock::now() - milliseconds(1)));
    for (int i = 1; i <= 3; ++i) queue.push(job("read " + std::to_string(i)));
    EXPECT_EQ(drain(queue), (Log{"read 1", "read 2", "read 3"}));
    EXPECT_EQ(fate(0), Fate::late);
    queue.push(job("write 1", Priority::write));
    for (int i = 4; i <= 6; ++i) queue.push(job("read " + std::to_string(i)));
    EXPECT_EQ(drain(queue), (Log{"read 4", "read 5", "write 1", "read 6"}));
}

TEST_F(JobQueueTest, CompanyIsTakenFromOneLaneInItsOrder) {
    JobQueue<Log> queue(10);
    for (const auto* name : {"a1", "b1", "a2", "b2", "a3", "a4"}) queue.push(job(name));
    queue.push(job("a5", Priority::write));
    const auto wanted = [](const Job<Log>& waiting) {
        return dynamic_cast<const NamedJob&>(waiting).name().starts_with("a");
    };
    Log taken;
    for (const auto& item : queue.take_if(Priority::read, 3, wanted)) item->run(taken);
    EXPECT_EQ(taken, (Log{"a1", "a2", "a3"}));
    EXPECT_EQ(queue.size(), 4U);
    EXPECT_TRUE(queue.take_if(Priority::rewrap, 3, wanted).empty());
    EXPECT_TRUE(queue.take_if(Priority::read, 0, wanted).empty());
    EXPECT_EQ(drain(queue), (Log{"b1", "b2", "a4", "a5"}));
}

TEST_F(JobQueueTest, AFullLaneRefusesAtOnceAndTheOthersDoNot) {
    JobQueue<Log> queue(2);
    queue.push(job("a"));
    queue.push(job("b"));
    queue.push(job("c"));
    queue.push(job("d", Priority::rewrap));
    EXPECT_EQ(fate(0), Fate::pending);
    EXPECT_EQ(fate(1), Fate::pending);
    EXPECT_EQ(fate(2), Fate::overloaded);
    EXPECT_EQ(fate(3), Fate::pending);
    EXPECT_EQ(drain(queue), (Log{"a", "b", "d"}));
    queue.push(job("e"));  // there is room again
    EXPECT_EQ(drain(queue), (Log{"e"}));
}

TEST_F(JobQueueTest, JobsWhoseDeadlinePassedAreFailedAndNotRun) {
    JobQueue<Log> queue(10);
    const auto past = steady_clock::now() - milliseconds(1);
    queue.push(job("late 1", Priority::read, past));
    queue.push(job("in time", Priority::write, steady_clock::now() + std::chrono::hours(1)));
    queue.push(job("late 2", Priority::rewrap, past));
    EXPECT_EQ(drain(queue), (Log{"in time"}));
    EXPECT_EQ(fate(0), Fate::late);
    EXPECT_EQ(fate(1), Fate::ran);
    EXPECT_EQ(fate(2), Fate::late);
}

TEST_F(JobQueueTest, PopGivesUpAtItsTime) {
    JobQueue<Log> queue(1);
    EXPECT_EQ(queue.pop(steady_clock::now() + milliseconds(5)), nullptr);
    EXPECT_FALSE(queue.closed());
}

TEST_F(JobQueueTest, AfterCloseNothingComesInAndWhatIsQueuedGoesOut) {
    JobQueue<Log> queue(10);
    queue.push(job("a"));
    queue.close();
    EXPECT_TRUE(queue.closed());
    queue.push(job("b"));
    EXPECT_EQ(fate(1), Fate::unavailable);
    Log log;
    while (auto next = queue.pop()) next->run(log);  // pop without a limit ends when closed and empty
    EXPECT_EQ(log, (Log{"a"}));
    queue.close();  // harmless
    EXPECT_EQ(queue.pop(), nullptr);
}

TEST_F(JobQueueTest, CloseWakesEveryWaitingWorker) {
    JobQueue<Log> queue(10);
    std::vector<std::thread> workers;
    for (int i = 0; i < 4; ++i) {
        workers.emplace_back([&queue] {
            while (queue.pop()) {
            }
        });
    }
    queue.close();
    for (auto& worker : workers) worker.join();
}

// Many producers and workers, a small queue, and a close in the midst: each job hears exactly once.
TEST(JobQueueUnderLoad, EveryJobEndsExactlyOnce) {
    struct Counts {
        std::atomic<int> ran{0};
        std::atomic<int> failed{0};
    };
    struct Nothing {};
    class CountingJob final : public Job<Nothing> {
    public:
        CountingJob(JobOptions options, Counts& counts, std::atomic<int>& calls)
            : Job(options), counts_(counts), calls_(calls) {}
        void run(Nothing&) override {
            ++calls_;
            ++counts_.ran;
        }
        void fail(std::exception_ptr) noexcept override {
            ++calls_;
            ++counts_.failed;
        }

    private:
        Counts& counts_;
        std::atomic<int>& calls_;
    };

    constexpr int kProducers = 4;
    constexpr int kJobsEach = 5000;
    constexpr int kWorkers = 3;
    Counts counts;
    std::vector<std::atomic<int>> calls(kProducers * kJobsEach);
    JobQueue<Nothing> queue(64);

    std::vector<std::thread> workers;
    for (int w = 0; w < kWorkers; ++w) {
        workers.emplace_back([&queue] {
            Nothing nothing;
            while (auto job = queue.pop()) job->run(nothing);
        });
    }
    std::vector<std::thread> producers;
    for (int p = 0; p < kProducers; ++p) {
        producers.emplace_back([&, p] {
            for (int i = 0; i < kJobsEach; ++i) {
                JobOptions options;
                options.priority = static_cast<Priority>(i % static_cast<int>(kPriorityCount));
                if (i % 7 == 0) options.deadline = steady_clock::now();
                queue.push(std::make_unique<CountingJob>(options, counts,
                                                         calls[static_cast<std::size_t>(p * kJobsEach + i)]));
                if (p == 0 && i == kJobsEach / 2) queue.close();
            }
        });
    }
    for (auto& producer : producers) producer.join();
    for (auto& worker : workers) worker.join();

    EXPECT_EQ(counts.ran + counts.failed, kProducers * kJobsEach);
    EXPECT_GT(counts.ran, 0);
    for (const auto& n : calls) EXPECT_EQ(n, 1);
    EXPECT_EQ(queue.size(), 0U);
}

}  // namespace
}  // namespace coffer
