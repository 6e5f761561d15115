#include "daemon/rotation_parts.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "daemon/rotation/api_function.hpp"
#include "daemon/rotation/oauth_function.hpp"
#include "daemon/rotation/postgresql_function.hpp"
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

rotation::HttpsServer https_server(const server::HttpsUrl& url, const std::filesystem::path& ca_file) {
    return {url.host, url.port, ca_file};
}

rotation::OauthSettings oauth_settings(const server::OauthFunctionSection& section) {
    using Settings = rotation::OauthSettings;
    Settings settings;
    settings.server = https_server(section.token_url, section.ca_file);
    settings.token_path = section.token_url.target;
    if (section.grant == "refresh_token") settings.grant = Settings::Grant::refresh_token;
    if (section.client_authentication == "post") settings.authentication = Settings::Authentication::post;
    if (section.client_authentication == "none") settings.authentication = Settings::Authentication::none;
    settings.scope = section.scope;
    settings.audience = section.audience;
    if (section.test_url) {
        settings.test_server = https_server(*section.test_url, section.ca_file);
        settings.test_path = section.test_url->target;
    }
    return settings;
}

/// The template `text` of `what`. Places may begin with those of `scopes`, or have no '.'.
rotation::TextTemplate template_of(const std::string& what, const std::string& text,
                                   const std::vector<std::string>& scopes) {
    try {
        auto made = rotation::TextTemplate::parse(text);
        for (const auto& name : made.names()) {
            const auto dot = name.find('.');
            if (dot == std::string::npos || name == "coffer.token" || name == "coffer.secret") continue;
            if (std::ranges::find(scopes, name.substr(0, dot)) == scopes.end()) {
                throw Error("there is no ${" + name + "} here");
            }
        }
        return made;
    } catch (const Error& error) {
        throw Error(what + ": " + error.what());
    }
}

rotation::ApiCall api_call(const server::ApiFunctionSection& section, const server::ApiCallSection& call,
                           const std::string& name, const std::vector<std::string>& scopes) {
    rotation::ApiCall made;
    made.method = boost::beast::http::string_to_verb(call.method);
    const auto base = section.url.target == "/" ? std::string() : section.url.target;
    made.path = template_of(name + ".path", base + call.path, scopes);
    auto headers = call.headers;
    headers.insert(section.headers.begin(), section.headers.end());
    for (const auto& [header, text] : headers) {
        made.headers.emplace(header, template_of(name + ".headers." + header, text, scopes));
    }
    if (!call.json.empty()) {
        made.content_type = "application/json";
        made.body = template_of(name + ".json", call.json, scopes);
    } else if (!call.form.empty()) {
        made.content_type = "application/x-www-form-urlencoded";
        made.body = template_of(name + ".form", call.form, scopes);
        made.body_escape = rotation::Escape::form;
    } else if (call.method != "GET" && call.method != "DELETE") {
        made.content_type = "application/json";
        made.body = rotation::TextTemplate::parse("{}");
    }
    return made;
}

rotation::ApiSettings api_settings(const server::ApiFunctionSection& section) {
    rotation::ApiSettings settings;
    settings.server = https_server(section.url, section.ca_file);
    std::vector<std::string> scopes;
    // A key is tried as an application would use it: without an administrator's rights.
    if (section.test) settings.test = api_call(section, *section.test, "test", scopes);
    if (!section.admin_secret.empty()) scopes.emplace_back("admin");
    settings.create = api_call(section, section.create, "create", scopes);
    scopes.emplace_back("new");
    if (section.remove) settings.remove = api_call(section, *section.remove, "delete", scopes);
    settings.take = section.take;
    settings.repeatable = section.repeatable;
    settings.admin_secret = section.admin_secret;
    return settings;
}

/// Makes the function of a section, by the section's type.
struct MakeFunction {
    using Made = std::shared_ptr<rotation::Function>;
    const Clock& clock;

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
    Made operator()(const server::OauthFunctionSection& section) const {
        return std::make_shared<rotation::OauthFunction>(oauth_settings(section), clock);
    }
    Made operator()(const server::ApiFunctionSection& section) const {
        return std::make_shared<rotation::ApiFunction>(api_settings(section));
    }
};

std::shared_ptr<rotation::Function> function_of(const server::RotationFunctionSection& section,
                                                const Clock& clock) {
    try {
        return std::visit(MakeFunction{clock}, section.kind);
    } catch (const Error& error) {
        throw Error("[[rotation_function]] \"" + section.name + "\": " + error.what());
    }
}

rotation::FunctionSet functions_of(const server::Config& config, const Clock& clock) {
    rotation::FunctionSet functions;
    for (const auto& section : config.rotation.functions) {
        functions.add({.name = section.name,
                       .arn = rotation::function_arn(config.node.region, config.node.account, section.name),
                       .description = section.description,
                       .timeout = section.timeout,
                       .function = function_of(section, clock)});
    }
    return functions;
}

/// Throws Error for a schedule that cannot be.
rotation::Restraints restraints_of(const server::RotationSection& section) {
    std::vector<rotation::Blackout> blackouts;
    for (const auto& each : section.blackouts) {
        rotation::Blackout blackout{.name = each.name,
                                    .secrets = rotation::SecretNames(each.secrets),
                                    .lasts = each.lasts,
                                    .from = each.from,
                                    .to = each.to};
        if (!each.schedule.empty()) {
            try {
                rotation::ScheduleText text;
                text.expression = each.schedule;
                blackout.schedule = rotation::Schedule::parse(text);
            } catch (const rotation::ScheduleError& error) {
                throw Error("[[rotation_blackout]] \"" + each.name + "\": schedule: " + error.what());
            }
        }
        blackouts.push_back(std::move(blackout));
    }
    std::vector<rotation::Group> groups;
    for (const auto& each : section.groups) {
        groups.push_back({each.name, rotation::SecretNames(each.secrets), each.apart});
    }
    return {std::move(blackouts), std::move(groups)};
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
    : workers_(parts, functions_of(config, parts.clock), restraints_of(config.rotation),
               settings_of(config.rotation), events_of(metrics, log)),
      service_(workers_, page_tokens, {config.node.region, config.node.account}) {
    metrics->add_sampler([this] { return rotation_metrics(workers_, workers_.parts().clock.now()); });
}

}  // namespace coffer::daemon
