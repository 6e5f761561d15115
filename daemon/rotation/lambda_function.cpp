#include "daemon/rotation/lambda_function.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "daemon/base/uuid.hpp"
#include "daemon/rotation/secret_json.hpp"

namespace coffer::rotation {

namespace json = boost::json;
using crypto::SecretBytes;
using program_runner::Outcome;
using Kind = StepFailed::Kind;

namespace {

constexpr int kHandlerRaised = 1;
constexpr std::size_t kMostWordCharacters = 700;

/// What a handler raised, as lambda_runner.py writes it: "ValueError: no such user". Empty for anything else.
std::string raised_words(std::string_view output) {
    boost::system::error_code failed;
    const auto value = json::parse(json::string_view(output.data(), output.size()), failed);
    const auto* object = failed ? nullptr : value.if_object();
    const auto* type = object != nullptr ? object->if_contains("errorType") : nullptr;
    const auto* message = object != nullptr ? object->if_contains("errorMessage") : nullptr;
    if (type == nullptr || message == nullptr || !type->is_string() || !message->is_string()) return "";
    return std::string(type->get_string()) + ": " + std::string(message->get_string());
}

/// Tells `redactor` the value that the handler may have made just now. False when that cannot be found out:
/// then nothing that the handler said may be shown.
bool knows_new_value(SecretValues& values, Redactor& redactor) {
    try {
        if (const auto made = values.pending()) redactor.add(*made);
        return true;
    } catch (const RotationLost&) {
        throw;
    } catch (const Error&) {
        return false;
    }
}

}  // namespace

SecretBytes LambdaFunction::input(std::string_view step, const StepContext& context,
                                  const StepCredentials& credentials) const {
    const auto left =
        std::chrono::floor<std::chrono::milliseconds>(context.deadline - std::chrono::steady_clock::now());
    SecretJson json;
    json.begin_object()
        .begin_object("Event")
        .member("SecretId", context.secret_arn)
        .member("ClientRequestToken", context.token)
        .member("Step", step)
        .end_object()
        .begin_object("Environment")
        .member("AWS_ACCESS_KEY_ID", credentials.access_key_id)
        .member("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.text())
        .member("AWS_SESSION_TOKEN", credentials.session_token.text())
        .member("AWS_REGION", settings_.region)
        .member("AWS_DEFAULT_REGION", settings_.region)
        .member("SECRETS_MANAGER_ENDPOINT", settings_.endpoint)  // what AWS's templates read
        .member("AWS_ENDPOINT_URL_SECRETS_MANAGER", settings_.endpoint)
        .member("AWS_ENDPOINT_URL_STS", settings_.endpoint)
        .member("AWS_EC2_METADATA_DISABLED", "true");
    if (!settings_.ca_file.empty()) json.member("AWS_CA_BUNDLE", settings_.ca_file);
    json.end_object()
        .begin_object("Context")
        .member("function_name", settings_.name)
        .member("invoked_function_arn", settings_.arn)
        .member("aws_request_id", Uuid::random().text())
        .member("remaining_ms", std::max<std::int64_t>(left.count(), 0))
        .end_object()
        .end_object();
    return json.take();
}

void LambdaFunction::refuse_moved_label(SecretValues& values) const {
    if (!values.new_is_current()) return;
    throw StepFailed(
        Kind::hopeless,
        fmt::format(
            "the handler of \"{}\" moved AWSCURRENT to the new value in {}, before the target was told "
            "of it: have it call PutSecretValue with VersionStages [\"AWSPENDING\"] (without them the "
            "label moves), and move AWSCURRENT back to the version that is AWSPREVIOUS (coffer "
            "update-secret-version-stage)",
            settings_.program, step_name(Step::create)));
}

void LambdaFunction::verify(Step step, SecretValues& values) const {
    const auto refuse = [&](const std::string& what) {
        throw StepFailed(Kind::retry, fmt::format("the handler of \"{}\" returned from {}, but {}",
                                                  settings_.program, step_name(step), what));
    };
    if (step == Step::create) refuse_moved_label(values);
    if (step == Step::create && !values.pending()) {
        refuse(
            "stored no value under the ClientRequestToken of the event (PutSecretValue with VersionStages "
            "[\"AWSPENDING\"])");
    }
    if (step == Step::finish && !values.new_is_current()) {
        refuse(
            "AWSCURRENT is not on the new version (UpdateSecretVersionStage with MoveToVersionId and "
            "RemoveFromVersionId)");
    }
}

StepCredentials LambdaFunction::issue(std::string_view step, const StepContext& context) const {
    try {
        return credentials_->issue(settings_.role, settings_.name, context.deadline);
    } catch (const StepFailed& failed) {
        throw StepFailed(failed.kind() == Kind::hopeless ? kind_of_refusal(step) : failed.kind(),
                         failed.what())
            .before_any_effect();
    }
}

void LambdaFunction::run(Step step, const StepContext& context, SecretValues& values) {
    const ProgramStep what{settings_.program, std::string(step_name(step))};
    // Of an earlier try that did not return. A handler in the shape of AWS's templates finds nothing to do
    // then.
    if (step == Step::create) refuse_moved_label(values);
    const auto credentials = issue(what.step, context);
    // Before the handler runs: when it was killed for its time, there is none left to read values in.
    Redactor redactor;
    redactor.add(credentials.secret_access_key);
    redactor.add(credentials.session_token);
    redactor.add(values.current());
    if (const auto previous = values.previous()) redactor.add(*previous);
    const auto pending = values.pending();
    if (pending) redactor.add(*pending);
    auto run = runner_.ask(
        {.kind = program_runner::ProgramKind::python, .program = settings_.program, .step = what.step},
        input(what.step, context, credentials), context);
    if (run.answer.outcome == Outcome::exited && run.answer.code == kProgramDone) {
        verify(step, values);
        return;
    }
    if (!pending && !knows_new_value(values, redactor)) {
        run.output.clear();
        run.notes.clear();
    }
    if (run.answer.outcome == Outcome::exited && run.answer.code == kHandlerRaised) {
        const auto words = raised_words(run.output.text());
        if (!words.empty()) {
            throw StepFailed(
                Kind::retry,
                fmt::format("the handler of \"{}\" raised in {}: {}", settings_.program, what.step,
                            last_words(redactor.redact(words), kMostWordCharacters, kMostWordCharacters)));
        }
    }
    require_done(run, what, redactor);
}

std::vector<Check> LambdaFunction::check(const StepContext& context, SecretValues& /*values*/) {
    std::vector<Check> checks;
    const auto refusal = credentials_->refusal_of(settings_.role, settings_.name);
    checks.push_back(refusal.empty() ? Check{"role", Check::Outcome::passed,
                                             "credentials of \"" + settings_.role + "\" can be had"}
                                     : Check{"role", Check::Outcome::failed, refusal});
    try {
        const auto run = runner_.ask({.operation = program_runner::Operation::look,
                                      .kind = program_runner::ProgramKind::python,
                                      .program = settings_.program,
                                      .step = std::string(kCheckStep)},
                                     {}, context);
        if (run.answer.outcome == Outcome::ready) {
            checks.push_back({"program", Check::Outcome::passed,
                              "coffer-runner can start it; a handler has no step that changes nothing, so it "
                              "was not run"});
        } else {
            require_done(run, {settings_.program, std::string(kCheckStep)}, Redactor());
        }
    } catch (const StepFailed& failed) {
        checks.push_back({"program", Check::Outcome::failed, failed.what()});
    }
    return checks;
}

}  // namespace coffer::rotation
