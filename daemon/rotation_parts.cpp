#include "daemon/rotation_parts.hpp"

#include <algorithm>
#include <utility>

#include "daemon/rotation/lambda_function.hpp"
#include "daemon/rotation/postgresql_function.hpp"
#include "daemon/rotation/program_function.hpp"
#include "daemon/rotation/random_function.hpp"

namespace coffer::daemon {

using server::gauge_family;

namespace {

rotation::PasswordSettings password_settings(const server::RotationPassword& section) {
    rotation::PasswordSettings settings{.length = section.length,
                                        .exclude_characters = section.exclude_characters,
                                        .exclude_numbers = section.exclude_numbers,
                                        .exclude_punctuation = section.exclude_punctuation,
                                        .exclude_uppercase = section.exclude_uppercase,
                                        .exclude_lowercase = section.exclude_lowercase,
                                        .require_each_included_type = section.require_each_included_type};
    if (const auto refusal = rotation::refusal_of(settings); !refusal.empty()) {
        throw Error("no password keeps its rules: " + refusal);
    }
    return settings;
}

using CredentialsPtr = std::shared_ptr<rotation::RoleCredentials>;

/// Makes the function of a section, by the section's type.
class MakeFunction {
public:
    using Made = std::shared_ptr<rotation::Function>;
    using Section = server::RotationFunctionSection;

    MakeFunction(const server::Config& config, CredentialsPtr credentials)
        : config_(config), credentials_(std::move(credentials)) {}

    Made operator()(const Section& section) const {
        try {
            return std::visit([&](const auto& kind) { return make(section, kind); }, section.kind);
        } catch (const Error& error) {
            throw Error("[[rotation_function]] \"" + section.name + "\": " + error.what());
        }
    }

    [[nodiscard]] std::string arn_of(const Section& section) const {
        return rotation::function_arn(config_.node.region, config_.node.account, section.name);
    }

private:
    [[nodiscard]] Made make(const Section& /*section*/, const server::RandomFunctionSection& kind) const {
        return std::make_shared<rotation::RandomFunction>(
            rotation::RandomSettings{kind.field, password_settings(kind.password)});
    }
    [[nodiscard]] Made make(const Section& /*section*/, const server::PostgresqlFunctionSection& kind) const {
        return std::make_shared<rotation::PostgresqlFunction>(
            rotation::PostgresqlSettings{.tls = {kind.tls, kind.ca_file},
                                         .password = password_settings(kind.password),
                                         .admin_secret = kind.admin_secret,
                                         .send_plain_password = kind.send_plain_password});
    }
    [[nodiscard]] Made make(const Section& /*section*/, const server::ExecFunctionSection& kind) const {
        return std::make_shared<rotation::ProgramFunction>(
            rotation::ProgramSettings{kind.program, kind.makes_password, kind.field,
                                      password_settings(kind.password)},
            rotation::RunnerClient(config_.rotation.runner));
    }
    [[nodiscard]] Made make(const Section& section, const server::LambdaFunctionSection& kind) const {
        return std::make_shared<rotation::LambdaFunction>(
            rotation::LambdaSettings{.name = section.name,
                                     .arn = arn_of(section),
                                     .program = kind.program,
                                     .role = kind.role,
                                     .region = config_.node.region,
                                     .endpoint = config_.rotation.aws_endpoint,
                                     .ca_file = config_.rotation.aws_ca_file.string()},
            rotation::RunnerClient(config_.rotation.runner), credentials_);
    }

    const server::Config& config_;
    const CredentialsPtr credentials_;
};

rotation::FunctionSet functions_of(const server::Config& config, CredentialsPtr credentials) {
    const MakeFunction make(config, std::move(credentials));
    rotation::FunctionSet functions;
    for (const auto& section : config.rotation.functions) {
        functions.add({.name = section.name,
                       .arn = make.arn_of(section),
                       .description = section.description,
                       .timeout = section.timeout,
                       .function = make(section)});
    }
    return functions;
}

rotation::WorkerSettings settings_of(const server::RotationSection& section) {
    return {.workers = section.workers,
            .lease = std::chrono::duration_cast<std::chrono::seconds>(section.lease),
            .retry = {section.attempts, section.retry_after, section.retry_at_most}};
}

rotation::RunnerEvents events_of(const std::shared_ptr<server::Metrics>& metrics,
                                 const std::shared_ptr<server::Log>& log) {
    rotation::RunnerEvents events;
    events.succeeded = [metrics, log](const std::string& secret) {
        metrics->rotation("succeeded");
        log->info("a secret was rotated", {{"secret", std::string_view(secret)}});
    };
    events.failed = [metrics, log](const std::string& secret, rotation::Step step, const std::string& reason,
                                   bool final) {
        metrics->rotation(final ? "failed" : "retry");
        log->error(final ? "the rotation of a secret failed; see 'coffer rotation status'"
                         : "a step of a rotation failed; tried again later",
                   {{"secret", std::string_view(secret)},
                    {"step", rotation::step_name(step)},
                    {"reason", std::string_view(reason)}});
    };
    events.left = [metrics, log](const std::string& secret, const std::string& reason) {
        metrics->rotation("left");
        log->warning("a rotation is not gone on with",
                     {{"secret", std::string_view(secret)}, {"reason", std::string_view(reason)}});
    };
    events.interrupted = [metrics, log](const std::string& secret, const std::string& reason) {
        metrics->rotation("interrupted");
        log->error("a rotation was interrupted; gone on with when its lease is over",
                   {{"secret", std::string_view(secret)}, {"reason", std::string_view(reason)}});
    };
    return events;
}

std::vector<prometheus::MetricFamily> rotation_metrics(const rotation::Workers& workers, Timestamp now) {
    const auto counts = workers.counts();
    if (!counts) return {};
    const auto number = [](auto value) { return static_cast<double>(value); };
    const double oldest =
        counts->oldest_due ? std::max(0.0, now.seconds() - counts->oldest_due->seconds()) : 0.0;
    return {
        gauge_family("coffer_rotations_due", "Rotations that are due, those that run included.",
                     number(counts->due)),
        gauge_family("coffer_rotations_running", "Rotations that a node works on.", number(counts->running)),
        gauge_family("coffer_rotations_failed",
                     "Secrets whose last rotation failed, and is not tried again before its next window.",
                     number(counts->failed)),
        gauge_family("coffer_rotations_oldest_due_seconds",
                     "How long the rotation that waits longest has been due.", oldest)};
}

}  // namespace

RotationParts::RotationParts(const server::Config& config, rotation::RotationParts parts,
                             CredentialsPtr credentials, const secrets::PageTokens& page_tokens,
                             std::shared_ptr<server::Metrics> metrics, std::shared_ptr<server::Log> log)
    : workers_(std::move(parts), functions_of(config, std::move(credentials)), settings_of(config.rotation),
               events_of(metrics, log)),
      service_(workers_, page_tokens, {config.node.region, config.node.account}) {
    metrics->add_sampler([this] { return rotation_metrics(workers_, workers_.parts().clock.now()); });
}

}  // namespace coffer::daemon
