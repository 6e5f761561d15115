#include "daemon/base/await.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/base/errors.hpp"

namespace coffer {
namespace {

namespace asio = boost::asio;

/// Move-only and without a default constructor, as SecretBytes is move-only.
class Value {
public:
    explicit Value(int number) : number_(std::make_unique<int>(number)) {}
    [[nodiscard]] int number() const { return *number_; }

private:
    std::unique_ptr<int> number_;
};

TEST(AwaitCompletion, ValueThatIsThereAtOnce) {
    asio::io_context io;
    int got = 0;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            const Value value = co_await await_completion<Value>(
                [](Completion<Value> done) { done(Outcome<Value>(Value(5))); });
            got = value.number();
        },
        asio::detached);
    io.run();
    EXPECT_EQ(got, 5);
}

TEST(AwaitCompletion, ResumesOnTheCoroutinesOwnExecutor) {
    asio::io_context io;
    std::thread worker;
    std::thread::id resumed_on;
    std::thread::id completed_on;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            const auto start = [&](Completion<Value> done) {
                worker = std::thread([&, done = std::move(done)]() mutable {
                    completed_on = std::this_thread::get_id();
                    done(Outcome<Value>(Value(1)));
                });
            };
            (void)co_await await_completion<Value>(start);
            resumed_on = std::this_thread::get_id();
        },
        asio::detached);
    io.run();  // does not run dry while the worker is at it
    worker.join();
    EXPECT_EQ(resumed_on, std::this_thread::get_id());
    EXPECT_NE(completed_on, resumed_on);
}

TEST(AwaitCompletion, AnErrorIsThrownIntoTheCoroutine) {
    asio::io_context io;
    bool caught = false;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            try {
                const auto start = [](Completion<Value> done) {
                    done(Outcome<Value>(std::make_exception_ptr(Overloaded("full"))));
                };
                (void)co_await await_completion<Value>(start);
            } catch (const Overloaded&) {
                caught = true;
            }
        },
        asio::detached);
    io.run();
    EXPECT_TRUE(caught);
}

TEST(AwaitCompletion, ManyAtOnceFromManyThreads) {
    constexpr int kCoroutines = 200;
    asio::thread_pool io(2);
    asio::thread_pool backend(3);
    std::atomic<int> sum{0};
    for (int i = 1; i <= kCoroutines; ++i) {
        asio::co_spawn(
            io,
            [&backend, &sum, i]() -> asio::awaitable<void> {
                for (int round = 0; round < 10; ++round) {
                    const auto start = [&backend, i](Completion<Value> done) {
                        asio::post(backend,
                                   [i, done = std::move(done)]() mutable { done(Outcome<Value>(Value(i))); });
                    };
                    const Value value = co_await await_completion<Value>(start);
                    sum += value.number();
                }
            },
            asio::detached);
    }
    io.join();
    backend.join();
    EXPECT_EQ(sum, 10 * kCoroutines * (kCoroutines + 1) / 2);
}

// What a connection does that is torn down while a request is with the token: the completion comes
// anyway, and must find nobody to harm.
TEST(AwaitCompletion, ACancelledCoroutineStillGetsItsCompletion) {
    asio::io_context io;
    asio::cancellation_signal cancel;
    std::optional<Completion<Value>> pending;
    bool returned = false;
    std::exception_ptr end;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            const auto start = [&](Completion<Value> done) { pending.emplace(std::move(done)); };
            (void)co_await await_completion<Value>(start);
            returned = true;
        },
        asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr e) { end = std::move(e); }));
    io.poll();
    ASSERT_TRUE(pending.has_value());
    cancel.emit(asio::cancellation_type::terminal);
    io.poll();
    (*pending)(Outcome<Value>(Value(3)));
    pending.reset();
    io.restart();
    io.run();
    // The job itself is not cancelled: it ends by its own deadline, and its result is delivered.
    EXPECT_TRUE(returned);
    EXPECT_EQ(end, nullptr);
}

// The whole executor goes while a completion is outstanding: the coroutine's frame is destroyed, and the
// completion that comes later frees what it holds and does nothing.
TEST(AwaitCompletion, ACompletionThatOutlivesTheCoroutine) {
    std::optional<Completion<Value>> pending;
    auto alive = std::make_shared<int>(0);
    bool resumed = false;
    {
        asio::io_context io;
        asio::co_spawn(
            io,
            [&resumed, &pending, alive]() -> asio::awaitable<void> {
                const auto start = [&pending](Completion<Value> done) { pending.emplace(std::move(done)); };
                (void)co_await await_completion<Value>(start);
                resumed = true;
            },
            asio::detached);
        io.poll();
        ASSERT_TRUE(pending.has_value());
        EXPECT_GT(alive.use_count(), 1);
        // The completion owns the suspended coroutine. It is dropped, uncalled, before the executor goes.
        pending.reset();
        io.restart();
        io.poll();
    }
    EXPECT_FALSE(resumed);
    EXPECT_EQ(alive.use_count(), 1);
}

TEST(AwaitCompletion, ACompletionPostedButNeverRun) {
    auto alive = std::make_shared<int>(0);
    {
        asio::io_context io;
        std::optional<Completion<Value>> pending;
        asio::co_spawn(
            io,
            [&pending, alive]() -> asio::awaitable<void> {
                const auto start = [&pending](Completion<Value> done) { pending.emplace(std::move(done)); };
                (void)co_await await_completion<Value>(start);
                ADD_FAILURE() << "resumed though the executor was not run";
            },
            asio::detached);
        io.poll();
        ASSERT_TRUE(pending.has_value());
        (*pending)(Outcome<Value>(Value(1)));  // queued on io, which is destroyed instead of run
        pending.reset();
    }
    EXPECT_EQ(alive.use_count(), 1);
}

// What threads of a journal or a token hold when a process ends: the coroutine has gone on, its context is
// gone, and the completion that was called is destroyed only now.
TEST(AwaitCompletion, ACalledCompletionMayOutliveTheContext) {
    std::optional<Completion<Value>> called;
    auto io = std::make_unique<asio::io_context>();
    int got = 0;
    asio::co_spawn(
        *io,
        [&]() -> asio::awaitable<void> {
            const auto start = [&](Completion<Value> done) { called.emplace(std::move(done)); };
            const Value value = co_await await_completion<Value>(start);
            got = value.number();
        },
        asio::detached);
    io->poll();
    ASSERT_TRUE(called.has_value());
    (*called)(Outcome<Value>(Value(7)));
    io->restart();
    io->run();  // ends, since a completion that was called is no work any more
    EXPECT_EQ(got, 7);
    io.reset();
    called.reset();
}

}  // namespace
}  // namespace coffer
