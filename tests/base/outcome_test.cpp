#include "daemon/base/outcome.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "daemon/base/errors.hpp"

namespace coffer {
namespace {

TEST(Outcome, IsAValueOrAnError) {
    Outcome<std::string> value(std::string("v"));
    EXPECT_TRUE(value.has_value());
    EXPECT_EQ(value.take(), "v");

    Outcome<std::string> error(std::make_exception_ptr(Unavailable("away")));
    EXPECT_FALSE(error.has_value());
    EXPECT_THROW((void)error.take(), Unavailable);
    EXPECT_THROW(std::rethrow_exception(error.error()), Unavailable);
}

TEST(Outcome, OfACall) {
    EXPECT_EQ(outcome_of([] { return std::make_unique<int>(3); }).take().operator*(), 3);
    auto failed = outcome_of([]() -> int { throw DeadlineExceeded("late"); });
    EXPECT_FALSE(failed.has_value());
    EXPECT_THROW((void)failed.take(), DeadlineExceeded);
}

TEST(WaitFor, ReturnsWhatAnotherThreadCompletesWith) {
    std::thread worker;
    const int value = wait_for<int>([&worker](Completion<int> done) {
        worker = std::thread([done = std::move(done)]() mutable { done(Outcome<int>(7)); });
    });
    worker.join();
    EXPECT_EQ(value, 7);
    EXPECT_THROW((void)wait_for<int>([](Completion<int> done) {
                     done(Outcome<int>(std::make_exception_ptr(Overloaded("full"))));
                 }),
                 Overloaded);
}

}  // namespace
}  // namespace coffer
