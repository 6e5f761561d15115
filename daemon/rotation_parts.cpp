#include "daemon/rotation_parts.hpp"

#include <algorithm>
#include <utility>

#include "daemon/rotation/mysql_function.hpp"
#include "daemon/rotation/postgresql_function.hpp"
#include "daemon/rotation/random_function.hpp"
#include "daemon/rotation/redis_function.hpp"
#include "daemon/rotation/ssh_function.hpp"

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

/// Makes the function of a section, by the section's type.
struct MakeFunction {
    using Made = std::shared_ptr<rotation::Function>;

    Made operator()(const server::RandomFunctionSection& section) const {
        return std::make_shared<rotation::RandomFunction>(
            rotation::RandomSettings{section.field, password_settings(section.password)});
    }
    Made operator()(const server::PostgresqlFunctionSection& section) const {
        return std::make_shared<rotation::PostgresqlFunction>(
            rotation::PostgresqlSettings{.tls = {section.tls, section.ca_file},
                                         .password = password_settings(section.password),
                                         .admin_secret = section.admin_secret,
                                         .send_plain_password = section.send_plain_password});
    }
    Made operator()(const server::MysqlFunctionSection& section) const {
        return std::make_shared<rotation::MysqlFunction>(
            rotation::MysqlSettings{.tls = {section.tls == "verify-full", section.ca_file},
                                    .password = password_settings(section.password),
                                    .admin_secret = section.admin_secret,
                                    .send_plain_password = section.send_plain_password});
    }
    Made operator()(const server::RedisFunctionSection& section) const {
        return std::make_shared<rotation::RedisFunction>(
            rotation::RedisSettings{.ca_file = section.ca_file,
                                    .password = password_settings(section.password),
                                    .admin_secret = section.admin_secret,
                                    .allow_unsaved = section.allow_unsaved});
    }
    Made operator()(const server::SshFunctionSection& /*section*/) const {
        return std::make_shared<rotation::SshFunction>();
    }
};

std::shared_ptr<rotation::Function> function_of(const server::RotationFunctionSection& section) {
    try {
        return std::visit(MakeFunction{}, section.kind);
    } catch (const Error& error) {
        throw Error("[[rotation_function]] \"" + section.name + "\": " + error.what());
    }
}

rotation::FunctionSet functions_of(const server::Config& config) {
    rotation::FunctionSet functions;
    for (const auto& section : config.rotation.functions) {
        functions.add({.name = section.name,
                       .arn = rotation::function_arn(config.node.region, config.node.account, section.name),
                       .description = section.description,
                       .timeout = section.timeout,
                       .function = function_of(section)});
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
                             const secrets::PageTokens& page_tokens, std::shared_ptr<server::Metrics> metrics,
                             std::shared_ptr<server::Log> log)
    : workers_(std::move(parts), functions_of(config), settings_of(config.rotation), events_of(metrics, log)),
      service_(workers_, page_tokens, {config.node.region, config.node.account}) {
    metrics->add_sampler([this] { return rotation_metrics(workers_, workers_.parts().clock.now()); });
}

}  // namespace coffer::daemon
