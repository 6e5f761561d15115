// What programs' ends mean, and the JSON that they read.

#include "daemon/rotation/program_outcome.hpp"

#include <gmock/gmock.h>

#include "daemon/rotation/secret_json.hpp"

namespace coffer::rotation {
namespace {

using crypto::SecretBytes;
using program_runner::Answer;
using program_runner::Outcome;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Kind = StepFailed::Kind;

struct Failure {
    Kind kind = Kind::retry;
    std::string words;
};

Failure failure_of(Answer answer, std::string_view notes = "", const std::string& step = "setSecret") {
    Redactor redactor;
    redactor.add(SecretBytes::copy_of(std::string_view("s3cret-value")));
    const ProgramRun run{std::move(answer), {}, SecretBytes::copy_of(notes)};
    try {
        require_done(run, {"rotate-app", step}, redactor);
    } catch (const StepFailed& failed) {
        return {failed.kind(), failed.what()};
    }
    ADD_FAILURE() << "it counts as done";
    return {};
}

TEST(ProgramOutcome, ExitCodeNoughtAloneIsDone) {
    const ProgramRun run{{.outcome = Outcome::exited, .code = 0}, {}, {}};
    EXPECT_NO_THROW(require_done(run, {"p", "setSecret"}, Redactor()));
}

TEST(ProgramOutcome, ExitCodesSayWhatToDoNext) {
    const auto kind_of = [](int code) { return failure_of({.outcome = Outcome::exited, .code = code}).kind; };
    EXPECT_EQ(kind_of(1), Kind::retry);
    EXPECT_EQ(kind_of(75), Kind::retry);
    EXPECT_EQ(kind_of(65), Kind::value_refused);
    EXPECT_EQ(kind_of(78), Kind::hopeless);
    EXPECT_EQ(kind_of(64), Kind::hopeless);
    EXPECT_EQ(kind_of(127), Kind::retry);
    EXPECT_THAT(
        failure_of({.outcome = Outcome::exited, .code = 75}).words,
        HasSubstr("program \"rotate-app\", setSecret: exit code 75 (to be tried again); it said nothing"));
}

TEST(ProgramOutcome, WhatItSaidIsShownWithoutSecrets) {
    const auto failure =
        failure_of({.outcome = Outcome::exited, .code = 1}, "trying\nrefused s3cret-value!\n");
    EXPECT_THAT(failure.words, AllOf(HasSubstr("it said: trying | refused ***!"), Not(HasSubstr("s3cret"))));
    const auto cut =
        failure_of({.outcome = Outcome::exited, .code = 1, .notes_cut = true}, "cret-value\nend\n");
    EXPECT_THAT(cut.words, AllOf(HasSubstr("it said: end"), Not(HasSubstr("cret-value"))));
}

TEST(ProgramOutcome, OtherEndsAreToldApart) {
    EXPECT_THAT(failure_of({.outcome = Outcome::signalled, .code = 11}).words,
                HasSubstr("ended by signal 11"));
    EXPECT_THAT(failure_of({.outcome = Outcome::timed_out}).words, HasSubstr("not done within its time"));
    EXPECT_THAT(failure_of({.outcome = Outcome::flooded}).words, HasSubstr("wrote more than"));
    EXPECT_EQ(failure_of({.outcome = Outcome::busy, .detail = "16 run"}).kind, Kind::retry);
    const auto refused = failure_of({.outcome = Outcome::refused, .detail = "there is none"});
    EXPECT_THAT(refused.words, HasSubstr("coffer-runner does not start it: there is none"));
}

// Behind createSecret AWSPENDING may be all that logs in: laid aside until the next window is too long then.
TEST(ProgramOutcome, ARefusalIsFinalOnlyBeforeThereIsANewValue) {
    const auto kind_in = [](const std::string& step) {
        return failure_of({.outcome = Outcome::refused, .detail = "there is none"}, "", step).kind;
    };
    EXPECT_EQ(kind_in("createSecret"), Kind::hopeless);
    EXPECT_EQ(kind_in("check"), Kind::hopeless);
    EXPECT_EQ(kind_in("setSecret"), Kind::retry);
    EXPECT_EQ(kind_in("testSecret"), Kind::retry);
    EXPECT_EQ(kind_in("finishSecret"), Kind::retry);
    EXPECT_EQ(failure_of({.outcome = Outcome::busy}, "", "createSecret").kind, Kind::retry);
}

TEST(SecretJson, IsWhatRfc8259Says) {
    SecretJson json;
    json.begin_object()
        .member("a", std::string_view("q\"b\\\n\x01é", 8))
        .begin_object("o")
        .member("n", std::int64_t{-5})
        .end_object()
        .begin_object("empty")
        .end_object()
        .value("text", SecretBytes::copy_of(std::string_view("plain")))
        // printf '\377\0' | base64
        .value("raw", SecretBytes::copy_of(std::string_view("\xff\0", 2)))
        .end_object();
    EXPECT_EQ(json.take().text(),
              R"({"a":"q\"b\\\n\u0001é","o":{"n":-5},"empty":{},"text":"plain","rawBinary":"/wA="})");
}

TEST(SecretJson, Grows) {
    SecretJson json;
    const std::string large(200'000, '"');
    json.begin_object().member("x", large).end_object();
    const auto text = json.take();
    EXPECT_EQ(text.size(), 2 * large.size() + std::string_view(R"({"x":""})").size());
}

}  // namespace
}  // namespace coffer::rotation
