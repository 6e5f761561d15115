#include "daemon/rotation/program_function.hpp"

#include "daemon/rotation/secret_json.hpp"
#include "proto/utf8.hpp"

namespace coffer::rotation {

using crypto::SecretBytes;
using Kind = StepFailed::Kind;

namespace {

constexpr std::size_t kValueMost = 65'536;

std::string_view without_line_end(std::string_view value) noexcept {
    return value.substr(0, value.size() - (value.ends_with('\n') ? 1 : 0));
}

}  // namespace

ProgramRun ProgramFunction::start(std::string_view step, const StepContext& context, SecretValues& values,
                                  Redactor& redactor) const {
    SecretJson event;
    event.begin_object()
        .member("Step", step)
        .member("SecretId", context.secret_arn)
        .member("ClientRequestToken", context.token);
    const auto tell = [&](std::string_view name, const SecretBytes& value) {
        event.value(name, value);
        redactor.add(value);
    };
    tell("Current", values.current());
    if (const auto pending = step == kCheckStep ? std::nullopt : values.pending()) tell("Pending", *pending);
    if (const auto previous = values.previous()) tell("Previous", *previous);
    event.end_object();
    return runner_.ask(
        {.kind = program_runner::ProgramKind::exec, .program = settings_.program, .step = std::string(step)},
        event.take(), context);
}

SecretBytes ProgramFunction::make(const StepContext& context, SecretValues& values) {
    if (settings_.makes_password) {
        return new_password_value(settings_.password.of(context.secret_name), settings_.field, values,
                                  values.current());
    }
    const ProgramStep what{settings_.program, std::string(step_name(Step::create))};
    Redactor redactor;
    auto run = start(what.step, context, values, redactor);
    // One line end is a habit of programs that print, and no part of the value. Without it before the
    // redactor learns the value, which may stand elsewhere within a line.
    run.output.truncate(without_line_end(run.output.text()).size());
    // Nothing is shown of one that printed too much.
    if (run.answer.outcome != program_runner::Outcome::flooded) redactor.add(run.output);
    try {
        require_done(run, what, redactor);
    } catch (const StepFailed& failed) {
        // No value was given yet that could be refused.
        throw StepFailed(failed.kind() == Kind::value_refused ? Kind::retry : failed.kind(), failed.what());
    }
    const auto refuse = [&](const std::string& why) {
        throw StepFailed(Kind::retry,
                         "program \"" + what.name + "\", " + what.step + ": exit code 0, but " + why);
    };
    if (run.output.empty()) refuse("it printed no new value on standard output");
    const auto current = values.current();
    if (without_line_end(run.output.text()) == without_line_end(current.text())) {
        refuse("it printed the present value (Current), where a new one is wanted");
    }
    if (run.output.size() > kValueMost) refuse("what it printed is longer than the 65536 bytes of a secret");
    if (proto::utf8_length(current.text()) && !proto::utf8_length(run.output.text())) {
        refuse("what it printed is not UTF-8, as the current value is");
    }
    return std::move(run.output);
}

void ProgramFunction::run(Step step, const StepContext& context, SecretValues& values) {
    if (step == Step::create) {
        // A value that is there already may be at the target already as well: no other one is made.
        if (!values.pending()) values.put_pending(make(context, values));
        return;
    }
    const ProgramStep what{settings_.program, std::string(step_name(step))};
    Redactor redactor;
    const auto done = start(what.step, context, values, redactor);
    require_done(done, what, redactor);
}

std::vector<Check> ProgramFunction::check(const StepContext& context, SecretValues& values) {
    const ProgramStep what{settings_.program, std::string(kCheckStep)};
    Redactor redactor;
    try {
        const auto run = start(kCheckStep, context, values, redactor);
        if (run.answer.outcome == program_runner::Outcome::exited &&
            run.answer.code == kProgramKnowsNoSuchStep) {
            return {{"program", Check::Outcome::skipped, "it can be started, and has no step \"check\""}};
        }
        require_done(run, what, redactor);
        const auto words = last_words_of(run, redactor);
        return {{"program", Check::Outcome::passed, words.empty() ? "it finds nothing in the way" : words}};
    } catch (const StepFailed& failed) {
        return {{"program", Check::Outcome::failed, failed.what()}};
    }
}

}  // namespace coffer::rotation
