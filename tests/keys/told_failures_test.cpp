// Which failures are told, and which make a keeper look again soon.

#include "daemon/keys/told_failures.hpp"

#include <gmock/gmock.h>

#include <vector>

namespace coffer::keys {
namespace {

using ::testing::ElementsAre;

class ToldFailuresTest : public ::testing::Test {
protected:
    template <class Failure>
    void fail(const std::string& what, const std::string& reason) {
        failures_.guard(what, [&] { throw Failure(reason); });
    }
    void succeed(const std::string& what) {
        failures_.guard(what, [] {});
    }
    std::vector<std::string> told_;
    ToldFailures failures_{[this](const std::string& what, const std::string& reason) {
        told_.push_back(what + ": " + reason);
    }};
};

TEST_F(ToldFailuresTest, AReasonIsToldOnceUntilItIsAnother) {
    fail<Error>("looking", "one");
    fail<Error>("looking", "one");
    fail<Error>("looking", "two");
    succeed("looking");
    fail<Error>("looking", "two");
    EXPECT_THAT(told_, ElementsAre("looking: one", "looking: two", "looking: two"));
}

TEST_F(ToldFailuresTest, WhatWantsABackendIsWaitedForUntilItSucceeds) {
    EXPECT_FALSE(failures_.waits_for_a_backend());
    fail<Unavailable>("looking", "the database is away");
    succeed("destroying");
    EXPECT_TRUE(failures_.waits_for_a_backend());
    succeed("looking");
    EXPECT_FALSE(failures_.waits_for_a_backend());
    fail<DeadlineExceeded>("looking", "too late");
    EXPECT_TRUE(failures_.waits_for_a_backend());
    fail<Overloaded>("looking", "full");
    EXPECT_TRUE(failures_.waits_for_a_backend());
}

TEST_F(ToldFailuresTest, WhatDoesNotPassByItselfIsNotTriedSooner) {
    fail<IntegrityError>("looking", "altered");
    fail<Error>("destroying", "the token does not let it");
    EXPECT_FALSE(failures_.waits_for_a_backend());
}

}  // namespace
}  // namespace coffer::keys
