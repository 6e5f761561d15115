// Functions that are programs, with a runner at a socket that answers as it is told: what is made of what a
// program printed, and of what a handler left behind.

#include "daemon/rotation/program_function.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/base/fd.hpp"
#include "daemon/rotation/lambda_function.hpp"

namespace coffer::rotation {
namespace {

namespace fs = std::filesystem;
using crypto::SecretBytes;
using program_runner::Answer;
using program_runner::Outcome;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Kind = StepFailed::Kind;

SecretBytes secret(std::string_view text) {
    return SecretBytes::copy_of(text);
}

/// Values in memory.
struct Values final : SecretValues {
    SecretBytes current() override { return secret("current-value"); }
    std::optional<SecretBytes> pending() override {
        return made.empty() ? std::nullopt : std::optional(secret(made));
    }
    std::optional<SecretBytes> previous() override { return std::nullopt; }
    std::vector<SecretBytes> left_behind() override { return {}; }
    void put_pending(SecretBytes value) override { made = value.text(); }
    bool new_is_current() override { return moved; }
    std::optional<SecretBytes> current_of(const std::string& /*name*/) override { return std::nullopt; }
    SecretBytes random(std::size_t size) override { return SecretBytes(size); }
    std::string mark_of(const Bytes& what) override {
        return "mark of " + std::to_string(what.size()) + " bytes";
    }
    bool is_mark_of(const std::string& mark, const Bytes& what) override { return mark == mark_of(what); }
    void begin_exchange() override {}
    void undo_exchange() override {}
    void put_exchanged(SecretBytes value) override { put_pending(std::move(value)); }

    std::string made;
    std::atomic<bool> moved = false;
};

struct Credentials final : RoleCredentials {
    StepCredentials issue(const std::string& /*role*/, const std::string& /*session*/,
                          Deadline /*deadline*/) override {
        if (refuses) throw StepFailed(Kind::hopeless, "there is no role \"r\"");
        return {"ASIA", secret("key-of-the-session"), secret("token-of-the-session")};
    }
    std::string refusal_of(const std::string& /*role*/, const std::string& /*session*/) override {
        return "";
    }
    bool refuses = false;
};

struct StepEnd {
    Kind kind = Kind::unknown;
    std::string words = "it counts as done";
};

template <class Call>
StepEnd end_of(Call call) {
    try {
        call();
    } catch (const StepFailed& failed) {
        return {failed.kind(), failed.what()};
    }
    return {};
}

class ProgramFunctionTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto name = (fs::temp_directory_path() / "coffer-ask-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, socket().c_str(), socket().native().size() + 1);
        listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        ASSERT_EQ(::listen(listener_.get(), 0), 0);
    }
    void TearDown() override {
        // Whoever still waits for a connection gets one that ends.
        ::shutdown(listener_.get(), SHUT_RDWR);
        if (runner_.joinable()) runner_.join();
        fs::remove_all(folder_);
    }
    [[nodiscard]] fs::path socket() const { return folder_ / "s"; }
    static Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(60); }
    [[nodiscard]] StepContext context() const { return {"arn", "name", "token", soon(), ended_}; }

    /// The next request gets this answer.
    void answer(
        Answer what, std::string output = "", std::string notes = "", std::function<void()> doing = [] {}) {
        runner_ = std::thread([this, what, output, notes, doing] {
            const Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!connection) return;
            static_cast<void>(program_runner::receive_message(connection.get(), soon()));
            doing();
            program_runner::send_message(connection.get(), {head_of(what), secret(output), secret(notes)},
                                         soon());
        });
    }
    [[nodiscard]] ProgramFunction program() const {
        ProgramSettings settings;
        settings.program = "p";
        return {settings, RunnerClient(socket())};
    }
    [[nodiscard]] LambdaFunction handler() const {
        LambdaSettings settings;
        settings.name = "f";
        settings.program = "p";
        settings.role = "r";
        return {settings, RunnerClient(socket()), credentials_};
    }
    StepEnd created() {
        return end_of([this] { program().run(Step::create, context(), values_); });
    }
    StepEnd handled(Step step) {
        return end_of([this, step] { handler().run(step, context(), values_); });
    }

    fs::path folder_;
    Fd listener_;
    Values values_;
    std::shared_ptr<Credentials> credentials_ = std::make_shared<Credentials>();
    const std::atomic<bool>* ended_ = nullptr;
    std::thread runner_;
};

TEST_F(ProgramFunctionTest, WhatAProgramPrintsIsTheNewValue) {
    answer({.outcome = Outcome::exited}, "new-value\n");
    EXPECT_EQ(created().words, "it counts as done");
    EXPECT_EQ(values_.made, "new-value");
}

TEST_F(ProgramFunctionTest, ThePresentValueIsNoNewOne) {
    answer({.outcome = Outcome::exited}, "current-value\n");
    const auto failure = created();
    EXPECT_EQ(failure.kind, Kind::retry);
    EXPECT_THAT(failure.words, HasSubstr("it printed the present value"));
    EXPECT_EQ(values_.made, "");
}

TEST_F(ProgramFunctionTest, WhatAProgramPrintedIsNotToldHoweverItEnded) {
    answer({.outcome = Outcome::signalled, .code = 11}, "new-value\n", "made new-value; it is good\n");
    const auto failure = created();
    EXPECT_THAT(failure.words, AllOf(HasSubstr("made ***; it is good"), Not(HasSubstr("new-value"))));
}

TEST_F(ProgramFunctionTest, AHandlerThatMovesAwscurrentInCreateSecretIsFoundOut) {
    values_.made = "new-value";
    // PutSecretValue without VersionStages (AWS's API reference: the new version becomes AWSCURRENT).
    answer({.outcome = Outcome::exited}, "", "", [this] { values_.moved = true; });
    const auto is_found_out = [this] {
        const auto failure = handled(Step::create);
        EXPECT_EQ(failure.kind, Kind::hopeless);
        EXPECT_THAT(failure.words, AllOf(HasSubstr("VersionStages [\"AWSPENDING\"]"),
                                         HasSubstr("update-secret-version-stage")));
    };
    is_found_out();
    // After a try that did not return it is not even run, for it would find nothing to do.
    is_found_out();
}

TEST_F(ProgramFunctionTest, AHandlerThatStoresAwspendingHasCreated) {
    values_.made = "new-value";
    answer({.outcome = Outcome::exited});
    EXPECT_EQ(handled(Step::create).words, "it counts as done");
}

TEST_F(ProgramFunctionTest, ARoleThatIsRefusedIsFinalOnlyBeforeThereIsANewValue) {
    credentials_->refuses = true;
    EXPECT_EQ(handled(Step::create).kind, Kind::hopeless);
    EXPECT_EQ(handled(Step::set).kind, Kind::retry);
    EXPECT_EQ(handled(Step::finish).kind, Kind::retry);
}

TEST_F(ProgramFunctionTest, ARunnerThatTakesNoConnectionsIsForLater) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket().c_str(), socket().native().size() + 1);
    // Nobody accepts; connect(2): EAGAIN when the backlog is full.
    std::vector<Fd> waiting;
    do {
        waiting.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        ASSERT_LT(waiting.size(), 100U);
    } while (::connect(waiting.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
             0);
    const auto failure = created();
    EXPECT_EQ(failure.kind, Kind::retry);
    EXPECT_THAT(failure.words, HasSubstr("does not take connections at the moment"));
}

TEST_F(ProgramFunctionTest, WhenTheNodeStopsTheRunnerIsToldAndWaitedFor) {
    const std::atomic<bool> ended = true;
    ended_ = &ended;
    std::atomic<bool> killed = false;
    runner_ = std::thread([&] {
        const Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        static_cast<void>(program_runner::receive_message(connection.get(), soon()));
        char byte = 0;
        // Nothing more comes, and the other direction is still open.
        if (::recv(connection.get(), &byte, 1, 0) != 0) return;
        killed = ::send(connection.get(), "x", 1, MSG_NOSIGNAL) == 1;
    });
    EXPECT_THROW(program().run(Step::set, context(), values_), RotationLost);
    runner_.join();
    EXPECT_TRUE(killed);
}

}  // namespace
}  // namespace coffer::rotation
