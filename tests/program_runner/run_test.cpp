// Real programs, run as coffer-runner runs them: what they are given, what becomes of them, and what is left
// of them.

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "daemon/program_runner/child.hpp"
#include "daemon/program_runner/processes.hpp"
#include "daemon/program_runner/supervisor.hpp"

namespace coffer::program_runner {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class RunTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto name = (fs::temp_directory_path() / "coffer-run-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
        fs::create_directory(work());
        std::array<int, 2> ends{};
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
        here_ = Fd(ends[0]);
        there_ = Fd(ends[1]);
        adopt_orphans();
        std::signal(SIGPIPE, SIG_IGN);  // as the runner does
    }
    void TearDown() override { fs::remove_all(folder_); }

    [[nodiscard]] fs::path work() const { return folder_ / "work"; }
    fs::path written(const std::string& text) const {
        const auto file = folder_ / "program";
        std::ofstream(file) << text;
        ::chmod(file.c_str(), 0755);
        return file;
    }
    [[nodiscard]] Program program(const std::string& script, Network network = Network::host) const {
        Program made;
        made.name = "p";
        made.files = {written("#!/bin/bash\n" + script + "\n")};
        made.command = {made.files.front().string()};
        made.network = network;
        // Of the user that runs the tests, who may have many.
        made.limits.processes = 100'000;
        return made;
    }
    RunResult run(const Program& what, std::string_view input = "",
                  milliseconds timeout = milliseconds(60'000)) {
        return run_program(what, {.program = "p", .step = "setSecret", .timeout = timeout},
                           crypto::SecretBytes::copy_of(input), here_.get(), work());
    }
    RunResult run(const std::string& script) { return run(program(script)); }
    /// In a process of its own, so that this one has one thread.
    void hang_up_when_there_is(const std::string& name) {
        const pid_t other = ::fork();
        if (other == 0) {
            here_.reset();
            while (!fs::exists(folder_ / name)) ::usleep(10'000);
            ::_exit(0);
        }
        there_.reset();
    }

    fs::path folder_;

private:
    Fd here_;
    Fd there_;
};

TEST_F(RunTest, IsGivenItsInputAndGivesItsOutput) {
    const auto result = run(program("tr a-z A-Z; echo note >&2; exit 3"), "hello");
    EXPECT_EQ(result.answer.outcome, Outcome::exited);
    EXPECT_EQ(result.answer.code, 3);
    EXPECT_EQ(result.output.text(), "HELLO");
    EXPECT_EQ(result.notes.text(), "note\n");
}

TEST_F(RunTest, NeedNotReadItsInput) {
    const std::string large(1'000'000, 'x');
    EXPECT_EQ(run(program("exit 0"), large).answer.outcome, Outcome::exited);
}

TEST_F(RunTest, IsStartedCleanly) {
    ::setenv("COFFER_TEST_LEAK", "x", 1);
    auto clean = program(
        "env; pwd; ls /proc/$$/fd; ulimit -c; ulimit -v; grep -E 'NoNewPrivs|SigIgn|SigBlk' "
        "/proc/self/status; umask; "
        "ls -A");
    clean.environment = {"LANG=C.test"};
    clean.limits.memory = 256U * 1024 * 1024;
    const auto result = run(clean);
    const std::string said(result.output.text());
    EXPECT_THAT(said, Not(HasSubstr("COFFER_TEST_LEAK")));
    EXPECT_THAT(said, HasSubstr("LANG=C.test\n"));
    EXPECT_THAT(said, HasSubstr("HOME=" + work().string() + "/program-"));
    EXPECT_THAT(said, HasSubstr("\n0\n1\n2\n255\n"));  // 255: bash's own, of the script
    EXPECT_THAT(said, HasSubstr("\n0\n262144\n"));
    EXPECT_THAT(said, AllOf(HasSubstr("NoNewPrivs:\t1"), HasSubstr("SigIgn:\t0000000000000000"),
                            HasSubstr("SigBlk:\t0000000000000000"), HasSubstr("0077")));
    EXPECT_TRUE(fs::is_empty(work())) << "its folder is removed";
}

TEST_F(RunTest, ItsFolderIsRemovedWhateverIsInIt) {
    const auto result = run("mkdir -p a/b; echo x >a/b/c; ln -s /etc link; chmod 0 a/b a .");
    EXPECT_EQ(result.answer.code, 0);
    EXPECT_TRUE(fs::is_empty(work()));
    EXPECT_TRUE(fs::exists("/etc/passwd"));
}

TEST_F(RunTest, ThatTakesTooLongIsKilledWithAllThatItStarted) {
    for (const auto network : {Network::host, Network::none}) {
        if (network == Network::none && namespaces_refused() != 0) continue;
        const auto pids = (folder_ / "pids").string();
        auto endless =
            program("trap '' TERM; for i in 1 2; do setsid bash -c \"trap '' TERM; echo \\$PPID >>" + pids +
                        "; exec sleep 7777\" & done; (sleep 7777 &) ; sleep 7777",
                    network);
        endless.limits.time = milliseconds(300);
        const auto result = run(endless);
        EXPECT_EQ(result.answer.outcome, Outcome::timed_out);
        EXPECT_EQ(result.answer.detail, "");
        EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "no child is left";
        EXPECT_EQ(errno, ECHILD);
    }
}

TEST_F(RunTest, WhatItLeavesRunningIsKilled) {
    const auto result = run("(setsid sleep 7777 &) ; sleep 7777 & echo done");
    EXPECT_EQ(result.answer.outcome, Outcome::exited);
    EXPECT_EQ(result.output.text(), "done\n");
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

TEST_F(RunTest, IsToldToEndWhenWhoeverAskedGoesAwayAndMayDoSo) {
    hang_up_when_there_is("up");
    const auto result = run("trap 'echo bye >&2; exit 0' TERM; echo x >" + (folder_ / "up").string() +
                            "; while :; do sleep 0.05; done");
    EXPECT_TRUE(result.abandoned);
    EXPECT_THAT(std::string(result.notes.text()), HasSubstr("bye\n"));
}

TEST_F(RunTest, ThatFloodsIsKilled) {
    EXPECT_EQ(run("exec yes").answer.outcome, Outcome::flooded);
    EXPECT_EQ(run("exec yes").output.size(), kOutputMost) << "it may stand in what it said";
    const auto errors = run("exec yes >&2");
    EXPECT_EQ(errors.answer.outcome, Outcome::flooded);
    EXPECT_TRUE(errors.answer.notes_cut);
    EXPECT_EQ(errors.notes.size(), kNotesMost);
}

TEST_F(RunTest, OfItsNotesTheEndIsKept) {
    const auto result = run("for i in {1..5000}; do echo line $i; done >&2");
    EXPECT_TRUE(result.answer.notes_cut);
    EXPECT_TRUE(result.notes.text().ends_with("line 4999\nline 5000\n"));
}

TEST_F(RunTest, AnOutputAsLongAsASecretIsTaken) {
    const auto result = run("head -c 65536 /dev/zero | tr '\\0' a; echo");
    EXPECT_EQ(result.answer.outcome, Outcome::exited);
    EXPECT_EQ(result.output.size(), 65'537U);
}

TEST_F(RunTest, ASignalIsNamed) {
    const auto result = run("echo new-value; kill -SEGV $$");
    EXPECT_EQ(result.output.text(), "new-value\n");
    EXPECT_EQ(result.answer.outcome, Outcome::signalled);
    EXPECT_EQ(result.answer.code, SIGSEGV);
}

TEST_F(RunTest, WithoutNetworkThereIsNone) {
    if (const int error = namespaces_refused(); error != 0) {
        const auto result = run(program("true", Network::none));
        EXPECT_EQ(result.answer.outcome, is_shortage(error) ? Outcome::busy : Outcome::refused);
        EXPECT_THAT(result.answer.detail, HasSubstr("gives the runner's user no namespaces"));
        return;
    }
    const auto result =
        run(program("tail -n +3 /proc/net/dev | grep -vc '^ *lo:'; id -u; "
                    "(exec 3<>/dev/tcp/127.0.0.1/1) 2>&1 | grep -q unreachable && echo unreachable; kill "
                    "-KILL -1; echo alone",
                    Network::none));
    EXPECT_EQ(result.output.text(), "0\n" + std::to_string(::geteuid()) + "\nunreachable\nalone\n");
}

TEST_F(RunTest, WhatCannotBeExecutedIsRefused) {
    auto wrong = program("true");
    wrong.command = {(folder_ / "nope").string()};
    const auto result = run(wrong);
    EXPECT_EQ(result.answer.outcome, Outcome::refused);
    EXPECT_THAT(result.answer.detail, HasSubstr("cannot be executed: No such file"));
}

TEST_F(RunTest, WhatIsBeingWrittenIsForLater) {
    const auto busy = program("true");
    // execve(2): ETXTBSY while somebody has it open for writing.
    const std::ofstream open(busy.files.front(), std::ios::app);
    const auto result = run(busy);
    EXPECT_EQ(result.answer.outcome, Outcome::busy);
    EXPECT_THAT(result.answer.detail, HasSubstr("cannot be executed: Text file busy"));
}

TEST_F(RunTest, AHandlersMessageIsWholeOrLeftOut) {
    const auto raised = [this](int characters) {
        Program handler = program("");
        std::ofstream(folder_ / "handler.py")
            << "def lambda_handler(event, context):\n    raise ValueError('k' * " << characters << ")\n";
        handler.command = {
            "/usr/bin/python3", "-I", "-B", COFFER_LAMBDA_RUNNER, (folder_ / "handler.py").string(),
            "lambda_handler",   "512"};
        return run(handler, R"({"Event":{},"Environment":{},"Context":{"aws_request_id":"1",
            "function_name":"f","invoked_function_arn":"a","remaining_ms":60000}})");
    };
    const auto shown = raised(4'000);
    EXPECT_EQ(shown.answer.code, 1);
    EXPECT_EQ(shown.output.text(),
              R"({"errorType": "ValueError", "errorMessage": ")" + std::string(4'000, 'k') + "\"}");
    const auto left_out = raised(4'001);
    EXPECT_EQ(left_out.answer.code, 1);
    EXPECT_THAT(
        std::string(left_out.output.text()),
        AllOf(HasSubstr(R"("errorType": "ValueError")"), HasSubstr("4001 characters"), Not(HasSubstr("kk"))));
}

TEST_F(RunTest, FilesThatOthersCanWriteAreNotStarted) {
    auto open = program("true");
    EXPECT_EQ(trouble_with_files(open), "");
    ::chmod(open.files.front().c_str(), 0775);
    EXPECT_THAT(trouble_with_files(open), HasSubstr("can be written by others than its owner"));
    ::chmod(open.files.front().c_str(), 0755);
    ::chmod(folder_.c_str(), 0777);
    EXPECT_THAT(trouble_with_files(open), HasSubstr("could put another file in its place"));
    ::chmod(folder_.c_str(), 0700);
    open.files = {folder_ / "nope"};
    EXPECT_THAT(trouble_with_files(open), HasSubstr("No such file"));
}

}  // namespace
}  // namespace coffer::program_runner
