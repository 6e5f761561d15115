#include "daemon/rotation_functions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "daemon/rotation/api_function.hpp"
#include "daemon/rotation/certificate_function.hpp"
#include "daemon/rotation/lambda_function.hpp"
#include "daemon/rotation/mysql_function.hpp"
#include "daemon/rotation/oauth_function.hpp"
#include "daemon/rotation/postgresql_function.hpp"
#include "daemon/rotation/program_function.hpp"
#include "daemon/rotation/random_function.hpp"
#include "daemon/rotation/redis_function.hpp"
#include "daemon/rotation/ssh_function.hpp"
#include "daemon/rotation_restraints.hpp"

namespace coffer::daemon {

namespace {

using CredentialsPtr = std::shared_ptr<rotation::RoleCredentials>;

/// `whose` is told to people.
rotation::PasswordSettings password_settings(const server::RotationPassword& section,
                                             const std::string& whose) {
    rotation::PasswordSettings settings{.length = section.length,
                                        .exclude_characters = section.exclude_characters,
                                        .exclude_numbers = section.exclude_numbers,
                                        .exclude_punctuation = section.exclude_punctuation,
                                        .exclude_uppercase = section.exclude_uppercase,
                                        .exclude_lowercase = section.exclude_lowercase,
                                        .require_each_included_type = section.require_each_included_type};
    if (const auto refusal = rotation::refusal_of(settings); !refusal.empty()) {
        throw Error("no password keeps " + whose + ": " + refusal);
    }
    return settings;
}

rotation::PasswordPolicy password_policy(const server::RotationPasswords& section) {
    std::vector<rotation::PasswordPolicy::Exception> exceptions;
    for (const auto& each : section.exceptions) {
        const auto whose = "the rules of its exception for \"" + each.secrets.front() + "\"";
        exceptions.push_back({rotation::SecretNames(each.secrets), password_settings(each.rules, whose)});
    }
    return {password_settings(section.usual, "its rules"), std::move(exceptions)};
}

/// Throws Error when `passwords` of some secrets are too weak for so few iterations.
std::uint32_t scram_iterations(std::int64_t iterations, const server::RotationPasswords& passwords) {
    const auto require_strong = [iterations](const server::RotationPassword& rules,
                                             const std::string& whose) {
        const auto bits = rotation::bits_of(password_settings(rules, whose));
        if (bits >= rotation::kBitsWithoutIterations) return;
        throw Error(fmt::format(
            "'scram_iterations' of {} is for passwords that have {} bits or more, and those of {} have {}: "
            "make 'password_length' greater, exclude less, or leave the {} iterations",
            iterations, rotation::kBitsWithoutIterations, whose, std::floor(bits),
            rotation::kScramIterations));
    };
    if (iterations < rotation::kScramIterations) {
        require_strong(passwords.usual, "its rules");
        for (const auto& each : passwords.exceptions) {
            require_strong(each.rules, "the rules of its exception for \"" + each.secrets.front() + "\"");
        }
    }
    return static_cast<std::uint32_t>(iterations);
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
    made.method = call.method;
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

rotation::CertificateSettings certificate_settings(const std::string& name,
                                                   const server::CertificateFunctionSection& section) {
    constexpr std::int64_t kShareOfLife = 3;
    std::vector<certificates::KeyType> types;
    for (const auto& type : section.key_types) {
        if (const auto known = certificates::key_type_of(type)) types.push_back(*known);
    }
    const auto before = section.renew_before_days > 0 ? std::chrono::hours(24 * section.renew_before_days)
                                                      : std::chrono::hours(24 * section.days / kShareOfLife);
    return {.function = name,
            .key_types = std::move(types),
            .usages = {std::ranges::find(section.usages, "server") != section.usages.end(),
                       std::ranges::find(section.usages, "client") != section.usages.end()},
            .days = section.days,
            .renew_before = before,
            .allowed_names = certificates::AllowedNames(section.allowed_names, section.allow_wildcards),
            .revoke_superseded = section.revoke_superseded};
}

/// Throws Error for what no function could be made of, by the section's type.
struct Look {
    void operator()(const server::RandomFunctionSection& kind) const { look(kind.password); }
    void operator()(const server::PostgresqlFunctionSection& kind) const {
        look(kind.password);
        static_cast<void>(scram_iterations(kind.scram_iterations, kind.password));
    }
    void operator()(const server::MysqlFunctionSection& kind) const { look(kind.password); }
    void operator()(const server::RedisFunctionSection& kind) const { look(kind.password); }
    void operator()(const server::ExecFunctionSection& kind) const { look(kind.password); }
    void operator()(const server::SshFunctionSection& /*kind*/) const {}
    void operator()(const server::LambdaFunctionSection& /*kind*/) const {}
    void operator()(const server::OauthFunctionSection& kind) const {
        static_cast<void>(oauth_settings(kind));
    }
    void operator()(const server::ApiFunctionSection& kind) const { static_cast<void>(api_settings(kind)); }
    void operator()(const server::CertificateFunctionSection& kind) const {
        static_cast<void>(certificate_settings("", kind));
        if (kind.authority.empty()) static_cast<void>(certificates::read_certificates(kind.ca_file));
    }

private:
    static void look(const server::RotationPasswords& password) {
        static_cast<void>(password_policy(password));
    }
};

std::string named(const server::RotationFunctionSection& section, const Error& error) {
    return "[[rotation_function]] \"" + section.name + "\": " + error.what();
}

/// Makes the function of a section, by the section's type.
class MakeFunction {
public:
    using Made = std::shared_ptr<rotation::Function>;
    using Section = server::RotationFunctionSection;

    MakeFunction(const server::Config& config, const Clock& clock, CredentialsPtr credentials,
                 CertificateBasis certificates)
        : config_(config), clock_(clock), credentials_(std::move(credentials)), certificates_(certificates) {}

    Made operator()(const Section& section) const {
        try {
            return std::visit([&](const auto& kind) { return make(section, kind); }, section.kind);
        } catch (const Error& error) {
            throw Error(named(section, error));
        }
    }

    [[nodiscard]] std::string arn_of(const Section& section) const {
        return rotation::function_arn(config_.node.region, config_.node.account, section.name);
    }

private:
    [[nodiscard]] Made make(const Section& /*section*/, const server::RandomFunctionSection& kind) const {
        return std::make_shared<rotation::RandomFunction>(
            rotation::RandomSettings{kind.field, password_policy(kind.password)});
    }
    [[nodiscard]] Made make(const Section& /*section*/, const server::PostgresqlFunctionSection& kind) const {
        return std::make_shared<rotation::PostgresqlFunction>(rotation::PostgresqlSettings{
            .tls = {kind.tls, kind.ca_file},
            .password = password_policy(kind.password),
            .admin_secret = kind.admin_secret,
            .send_plain_password = kind.send_plain_password,
            .scram_iterations = scram_iterations(kind.scram_iterations, kind.password)});
    }
    [[nodiscard]] Made make(const Section& /*section*/, const server::MysqlFunctionSection& kind) const {
        return std::make_shared<rotation::MysqlFunction>(
            rotation::MysqlSettings{.tls = {kind.tls == "verify-full", kind.ca_file},
                                    .password = password_policy(kind.password),
                                    .admin_secret = kind.admin_secret,
                                    .send_plain_password = kind.send_plain_password});
    }
    [[nodiscard]] Made make(const Section& /*section*/, const server::RedisFunctionSection& kind) const {
        return std::make_shared<rotation::RedisFunction>(
            rotation::RedisSettings{.ca_file = kind.ca_file,
                                    .password = password_policy(kind.password),
                                    .admin_secret = kind.admin_secret,
                                    .allow_unsaved = kind.allow_unsaved});
    }
    [[nodiscard]] Made make(const Section& /*section*/, const server::SshFunctionSection& /*kind*/) const {
        return std::make_shared<rotation::SshFunction>();
    }
    [[nodiscard]] Made make(const Section& /*section*/, const server::ExecFunctionSection& kind) const {
        return std::make_shared<rotation::ProgramFunction>(
            rotation::ProgramSettings{kind.program, kind.makes_password, kind.field,
                                      password_policy(kind.password)},
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

    [[nodiscard]] Made make(const Section& /*section*/, const server::OauthFunctionSection& kind) const {
        return std::make_shared<rotation::OauthFunction>(oauth_settings(kind), clock_);
    }
    [[nodiscard]] Made make(const Section& /*section*/, const server::ApiFunctionSection& kind) const {
        return std::make_shared<rotation::ApiFunction>(api_settings(kind));
    }

    [[nodiscard]] Made make(const Section& section, const server::CertificateFunctionSection& kind) const {
        std::unique_ptr<const rotation::CertificateSource> source;
        if (kind.authority.empty()) {
            source = std::make_unique<rotation::ProgramSource>(
                kind.program, rotation::RunnerClient(config_.rotation.runner),
                certificates::read_certificates(kind.ca_file));
        } else {
            source = std::make_unique<rotation::AuthoritySource>(
                certificates::find_authority(certificates_.lists.authorities(), kind.authority),
                certificates_.lists);
        }
        return std::make_shared<rotation::CertificateFunction>(
            certificate_settings(section.name, kind), std::move(source), certificates_.ledger, clock_);
    }

    const server::Config& config_;
    const Clock& clock_;
    const CredentialsPtr credentials_;
    const CertificateBasis certificates_;
};

}  // namespace

rotation::FunctionSet rotation_functions(const server::Config& config, const Clock& clock,
                                         CredentialsPtr credentials, CertificateBasis certificates) {
    const MakeFunction make(config, clock, std::move(credentials), certificates);
    rotation::FunctionSet functions;
    for (const auto& section : config.rotation.functions) {
        functions.add({.name = section.name,
                       .arn = make.arn_of(section),
                       .description = section.description,
                       .timeout = section.timeout,
                       .at_once = section.at_once,
                       .function = make(section)});
    }
    return functions;
}

std::vector<std::string> rotation_problems(const server::Config& config, Timestamp now) {
    std::vector<std::string> problems;
    for (const auto& section : config.rotation.functions) {
        try {
            std::visit(Look(), section.kind);
        } catch (const Error& error) {
            problems.push_back(named(section, error));
        }
    }
    try {
        static_cast<void>(rotation_restraints(config.rotation, now));
    } catch (const Error& error) {
        problems.emplace_back(error.what());
    }
    return problems;
}

}  // namespace coffer::daemon
