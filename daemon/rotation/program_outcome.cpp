#include "daemon/rotation/program_outcome.hpp"

#include <fmt/format.h>

namespace coffer::rotation {

using program_runner::Outcome;
using Kind = StepFailed::Kind;

namespace {

constexpr std::size_t kLines = 5;
constexpr std::size_t kCharacters = 700;

Kind kind_of(int exit_code) {
    switch (exit_code) {
        case kProgramValueRefused:
            return Kind::value_refused;
        case kProgramKnowsNoSuchStep:
        case kProgramHopeless:
            return Kind::hopeless;
        default:
            return Kind::retry;
    }
}

std::string meaning_of(int exit_code) {
    switch (exit_code) {
        case kProgramKnowsNoSuchStep:
            return " (it does not know this step)";
        case kProgramValueRefused:
            return " (the target refuses the value)";
        case kProgramTryAgain:
            return " (to be tried again)";
        case kProgramHopeless:
            return " (somebody has to look)";
        default:
            return "";
    }
}

}  // namespace

Kind kind_of_refusal(std::string_view step) noexcept {
    return step == kCheckStep || step == step_name(Step::create) ? Kind::hopeless : Kind::retry;
}

std::string last_words_of(const ProgramRun& run, const Redactor& redactor) {
    const auto said = without_torn_line(run.notes.text(), run.answer.notes_cut);
    return last_words(redactor.redact(said), kLines, kCharacters);
}

void require_done(const ProgramRun& run, const ProgramStep& what, const Redactor& redactor) {
    const auto& answer = run.answer;
    if (answer.outcome == Outcome::exited && answer.code == kProgramDone) return;
    const auto who = fmt::format("program \"{}\", {}: ", what.name, what.step);
    if (answer.outcome == Outcome::refused) {
        throw StepFailed(kind_of_refusal(what.step),
                         who + "coffer-runner does not start it: " + answer.detail)
            .before_any_effect();
    }
    if (answer.outcome == Outcome::busy) {
        throw StepFailed(Kind::retry, who + "coffer-runner cannot start it at the moment: " + answer.detail)
            .before_any_effect();
    }
    const auto words = last_words_of(run, redactor);
    const auto said =
        words.empty() ? std::string("; it said nothing on standard error") : "; it said: " + words;
    switch (answer.outcome) {
        case Outcome::exited:
            throw StepFailed(kind_of(answer.code), fmt::format("{}exit code {}{}{}", who, answer.code,
                                                               meaning_of(answer.code), said));
        case Outcome::signalled:
            throw StepFailed(Kind::retry, fmt::format("{}ended by signal {}{}", who, answer.code, said));
        case Outcome::timed_out:
            throw StepFailed(Kind::retry,
                             fmt::format("{}killed, with all that it started: it was not done within its "
                                         "time ('timeout' here, 'time_limit' of runner.toml){}",
                                         who, said));
        case Outcome::flooded:
            throw StepFailed(Kind::retry,
                             who +
                                 "killed, with all that it started: it wrote more than 64 KiB to standard "
                                 "output, or 1 MiB to standard error");
        default:
            throw StepFailed(Kind::retry, who + "coffer-runner did not run it");
    }
}

}  // namespace coffer::rotation
