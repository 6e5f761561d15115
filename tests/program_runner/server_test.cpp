// The runner as a process of its own, with real connections: whom it listens to, and that nobody disturbs
// others.

#include "daemon/program_runner/server.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/fd.hpp"
#include "daemon/program_runner/message.hpp"
#include "daemon/program_runner/request.hpp"
#include "daemon/program_runner/socket.hpp"

namespace coffer::program_runner {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ServerTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto name = (fs::temp_directory_path() / "coffer-srv-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
        const auto file = folder_ / "program";
        std::ofstream(file) << "#!/bin/bash\ncat\n";
        ::chmod(file.c_str(), 0755);
        Program program;
        program.name = "echo";
        program.files = {file};
        program.command = {file.string()};
        program.network = Network::host;
        program.limits.processes = 100'000;
        config_.socket = folder_ / "runner.sock";
        config_.work_directory = folder_ / "work";
        config_.allowed_users = {::geteuid()};
        config_.programs = {program};
    }
    void TearDown() override {
        stop();
        fs::remove_all(folder_);
    }

    /// Begins to serve, in a process of its own, at `listener` where there is one.
    void start(Fd listener = Fd()) {
        std::array<int, 2> ends{};
        ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        Fd read(ends[0]);
        Fd write(ends[1]);
        server_ = ::fork();
        if (server_ == 0) serve(write, std::move(listener));
        write.reset();
        char ready = 0;
        ASSERT_EQ(::read(read.get(), &ready, 1), 1) << "it did not begin to listen";
    }
    void stop() {
        if (server_ <= 0) return;
        ::kill(server_, SIGTERM);
        int status = 0;
        ::waitpid(server_, &status, 0);
        server_ = -1;
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
    }

    [[nodiscard]] Fd connected() const {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, config_.socket.c_str(), config_.socket.native().size() + 1);
        Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        return socket;
    }
    static Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(60); }
    static Message request_for(const std::string& program, std::string_view body) {
        return {
            head_of(Request{.program = program, .step = "setSecret", .timeout = std::chrono::seconds(60)}),
            crypto::SecretBytes::copy_of(body)};
    }
    [[nodiscard]] std::string echoed(std::string_view text) const {
        const auto socket = connected();
        send_message(socket.get(), request_for("echo", text), soon());
        const auto answer = receive_message(socket.get(), soon());
        EXPECT_EQ(parse_answer(answer.head).outcome, Outcome::exited) << answer.head;
        return std::string(answer.body.text());
    }
    /// Whether the other side ends the connection without a word.
    static bool is_closed(const Fd& socket) {
        char byte = 0;
        return ::read(socket.get(), &byte, 1) <= 0;
    }

    RunnerConfig config_;
    fs::path folder_;

private:
    [[noreturn]] void serve(const Fd& ready, Fd listener) {
        std::signal(SIGPIPE, SIG_IGN);
        try {
            serve_all(
                config_, [](const std::string&) {},
                [&] { static_cast<void>(::write(ready.get(), "r", 1) == 1); }, std::move(listener));
        } catch (const std::exception&) {
            ::_exit(1);
        }
        ::_exit(0);
    }
    pid_t server_ = -1;
};

TEST_F(ServerTest, RunsWhatItsConfigurationHas) {
    start();
    EXPECT_EQ(echoed("hello"), "hello");
    const auto socket = connected();
    send_message(socket.get(), request_for("nope", "x"), soon());
    const auto answer = parse_answer(receive_message(socket.get(), soon()).head);
    EXPECT_EQ(answer.outcome, Outcome::refused);
    EXPECT_THAT(answer.detail, HasSubstr("no [[program]] of that name"));
    struct stat status {};
    ASSERT_EQ(::stat(config_.socket.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0660U);
    stop();
    EXPECT_FALSE(fs::exists(config_.socket));
}

TEST_F(ServerTest, TakesASocketThatSomebodyElseMadeAndLeavesIt) {
    start(listen_at(config_.socket));
    EXPECT_EQ(echoed("hello"), "hello");
    stop();
    EXPECT_TRUE(fs::exists(config_.socket));
}

TEST_F(ServerTest, ListensToTheUsersThatAreAllowedAlone) {
    config_.allowed_users = {::geteuid() + 1};
    start();
    EXPECT_TRUE(is_closed(connected()));
}

TEST_F(ServerTest, GarbageEndsItsOwnConnectionAlone) {
    start();
    const auto silent = connected();
    const auto garbage = connected();
    ASSERT_EQ(::write(garbage.get(), "GET / HTTP/1.1\r\n\r\n", 18), 18);
    EXPECT_TRUE(is_closed(garbage));
    const auto wrong = connected();
    send_message(wrong.get(), {R"({"version":1,"command":"/bin/sh"})"}, soon());
    EXPECT_TRUE(is_closed(wrong));
    EXPECT_EQ(echoed("still there"), "still there");
}

TEST_F(ServerTest, OverItsLimitItSaysThatItIsBusy) {
    config_.programs_at_a_time = 1;
    start();
    const auto first = connected();  // takes the one place, and says nothing yet
    const auto second = connected();
    EXPECT_EQ(parse_answer(receive_message(second.get(), soon()).head).outcome, Outcome::busy);
    send_message(first.get(), request_for("echo", "served"), soon());
    EXPECT_EQ(receive_message(first.get(), soon()).body.text(), "served");
}

TEST_F(ServerTest, ASecondOneAtTheSamePlaceIsRefused) {
    start();
    EXPECT_THROW(serve_all(
                     config_, [](const std::string&) {}, [] {}),
                 Error);
    EXPECT_EQ(echoed("the first"), "the first");
}

TEST_F(ServerTest, AFolderThatIsOpenToOthersIsRefused) {
    ::chmod(folder_.c_str(), 0755);
    EXPECT_THROW(serve_all(
                     config_, [](const std::string&) {}, [] {}),
                 Error);
}

TEST_F(ServerTest, WhatAnotherRunLeftIsRemovedAndNothingElse) {
    fs::create_directories(config_.work_directory / "program-old" / "deep");
    fs::create_directories(config_.work_directory / "mine");
    start();
    EXPECT_FALSE(fs::exists(config_.work_directory / "program-old"));
    EXPECT_TRUE(fs::exists(config_.work_directory / "mine"));
}

}  // namespace
}  // namespace coffer::program_runner
