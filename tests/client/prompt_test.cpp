// The program `coffer`, asking on a terminal for a value that nobody is to see.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "program_test.hpp"
#include "tests/support/terminal_job.hpp"

namespace coffer::client_test {
namespace {

using coffer::testing::TerminalJob;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class PromptTest : public ProgramTest {
protected:
    PromptTest()
        : ProgramTest([this](Session& session, const v1::Request& request) {
              const std::lock_guard lock(mutex);
              if (request.has_put_secret_value())
                  stored.push_back(request.put_secret_value().secret_string());
              v1::Response response;
              response.set_id(request.id());
              response.mutable_put_secret_value();
              session.respond(std::move(response));
          }) {}

    static std::vector<std::string> put() { return {COFFER_PROGRAM, "put", "db"}; }
    /// Types the same at both prompts.
    static void answer(TerminalJob& job, const std::string& typed) {
        job.await("Value of db: ");
        job.type(typed);
        job.await("again: ");
        job.type(typed);
    }
    static int exit_code(TerminalJob& job) {
        const int status = job.await_change();
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    std::vector<std::string> values() {
        const std::lock_guard lock(mutex);
        return stored;
    }

    std::mutex mutex;
    std::vector<std::string> stored;
};

// A terminal that puts lines together itself keeps 4,095 bytes of one.
TEST_F(PromptTest, AValueIsTakenWhole) {
    for (const std::size_t size : {1U, 4095U, 4096U, 5000U, 65'536U}) {
        stored.clear();
        const std::string value(size, 'v');
        TerminalJob job(put());
        answer(job, value + "\n");
        EXPECT_EQ(exit_code(job), 0) << size << ": " << job.shown();
        EXPECT_THAT(values(), ElementsAre(value));
        EXPECT_THAT(job.shown(), Not(HasSubstr("v\r\n"))) << size;
        EXPECT_TRUE(job.is_as_before());
    }
}

TEST_F(PromptTest, OneByteTooManyIsRefused) {
    TerminalJob job(put());
    job.await("Value of db: ");
    job.type(std::string(65'537, 'v') + "\n");
    EXPECT_EQ(exit_code(job), 1);
    EXPECT_THAT(job.shown(), AllOf(HasSubstr("more than 65536 bytes"), HasSubstr("a pipe or a file")));
    EXPECT_THAT(values(), IsEmpty());
    EXPECT_TRUE(job.is_as_before());
}

TEST_F(PromptTest, SeveralLinesAreRefused) {
    const std::string key = "-----BEGIN PRIVATE KEY-----\nline-two\nline-three\n-----END PRIVATE KEY-----\n";
    for (const bool at_the_second_prompt : {false, true}) {
        TerminalJob job(put());
        job.await("Value of db: ");
        if (at_the_second_prompt) {
            job.type("-----BEGIN PRIVATE KEY-----\n");
            job.await("again: ");
        }
        job.type(key);
        EXPECT_EQ(exit_code(job), 1);
        EXPECT_THAT(job.shown(), AllOf(HasSubstr("more than one line"), HasSubstr("a pipe or a file"),
                                       Not(HasSubstr("line-"))));
        EXPECT_THAT(values(), IsEmpty());
        EXPECT_TRUE(job.is_as_before());
    }
}

// The terminal's usual characters (termios(3)): DEL erases a character, Ctrl-W a word, Ctrl-U the line, and
// what follows Ctrl-V is meant as it is.
TEST_F(PromptTest, WhatIsTypedCanBeCorrected) {
    const std::vector<std::pair<std::string, std::string>> lines{{"abc\x7f\x7fx", "ax"},
                                                                 {"\x7f"
                                                                  "a",
                                                                  "a"},
                                                                 {"one two \x17three", "one three"},
                                                                 {"wrong\x15right", "right"},
                                                                 {"a\x16\x15"
                                                                  "b",
                                                                  "a\x15"
                                                                  "b"},
                                                                 {"caf\xc3\xa9\x7f"
                                                                  "e\ta",
                                                                  "cafe\ta"}};
    for (const auto& [typed, expected] : lines) {
        stored.clear();
        // Erasing a whole character is what a terminal of UTF-8 does.
        TerminalJob job({"/bin/sh", "-c", "stty iutf8; exec " + put()[0] + " put db"});
        answer(job, typed + "\n");
        EXPECT_EQ(exit_code(job), 0) << job.shown();
        EXPECT_THAT(values(), ElementsAre(expected));
    }
}

TEST_F(PromptTest, TheEndOfInputIsNoAnswer) {
    for (const std::string typed : {"\x04", "half\x04"}) {
        TerminalJob job(put());
        job.await("Value of db: ");
        job.type(typed);
        EXPECT_EQ(exit_code(job), 1);
        EXPECT_THAT(job.shown(), HasSubstr("the input ended"));
        EXPECT_THAT(values(), IsEmpty());
        EXPECT_TRUE(job.is_as_before());
    }
}

TEST_F(PromptTest, TwoDifferentAnswersAreAskedForAnew) {
    TerminalJob job(put());
    job.await("Value of db: ");
    job.type("s3cret\n");
    job.await("again: ");
    job.type("s3cert\n");
    job.await("not the same");
    answer(job, "s3cret\n");
    EXPECT_EQ(exit_code(job), 0);
    EXPECT_THAT(values(), ElementsAre("s3cret"));
    EXPECT_THAT(job.shown(), Not(HasSubstr("s3c")));
}

TEST_F(PromptTest, ASignalFindsTheTerminalAsItWas) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
        for (const bool second : {false, true}) {
            TerminalJob job(put());
            job.await("Value of db: ");
            if (second) {
                job.type("half\n");
                job.await("again: ");
            }
            EXPECT_FALSE(job.is_as_before());
            job.type("half");
            job.signal(signal);
            const int status = job.await_change();
            EXPECT_TRUE(WIFSIGNALED(status));
            EXPECT_EQ(WTERMSIG(status), signal);
            EXPECT_TRUE(job.is_as_before()) << signal;
            EXPECT_THAT(values(), IsEmpty());
        }
    }
}

TEST_F(PromptTest, CtrlCInterrupts) {
    TerminalJob job(put());
    job.await("Value of db: ");
    job.type("half\x03");
    const int status = job.await_change();
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGINT);
    EXPECT_TRUE(job.is_as_before());
}

TEST_F(PromptTest, AStopGivesTheTerminalBackAndAsksAnew) {
    TerminalJob job(put());
    job.await("Value of db: ");
    job.type("half\x1a");
    const int status = job.await_change();
    ASSERT_TRUE(WIFSTOPPED(status));
    EXPECT_TRUE(job.is_as_before());
    job.signal(SIGCONT);
    answer(job, "whole\n");
    EXPECT_EQ(exit_code(job), 0);
    EXPECT_THAT(values(), ElementsAre("whole"));
    EXPECT_THAT(job.shown(), Not(HasSubstr("whole")));
}

// A shell has the terminal in between, and shows what is typed.
TEST_F(PromptTest, AfterAStopThatCannotBeCaughtItHidesAgain) {
    TerminalJob job(put());
    job.await("Value of db: ");
    job.signal(SIGSTOP);
    ASSERT_TRUE(WIFSTOPPED(job.await_change()));
    job.set_as_before();
    job.signal(SIGCONT);
    answer(job, "whole\n");
    EXPECT_EQ(exit_code(job), 0);
    EXPECT_THAT(values(), ElementsAre("whole"));
    EXPECT_THAT(job.shown(), Not(HasSubstr("whole")));
}

}  // namespace
}  // namespace coffer::client_test
