#include "daemon/server/rotation_config.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/case_conv.hpp>
#include <boost/url/parse.hpp>
#include <map>
#include <set>
#include <span>
#include <string_view>

#include "daemon/server/certificate_config.hpp"
#include "daemon/server/https_url.hpp"
#include "daemon/server/units.hpp"

namespace coffer::server {

namespace {

using std::chrono::milliseconds;
using Need = TableReader::Need;

constexpr milliseconds kOneSecond{1'000};
constexpr std::size_t kLambdaNameMax = 64;  // AWS Lambda's limit of a function's name
constexpr std::size_t kMostFunctions = 1'000;
constexpr std::int64_t kMostWorkers = 64;
constexpr std::int64_t kMostBeginsPerSecond = 1'000;
constexpr std::int64_t kLeastBegins = 1'000;  // millionths of one a second
constexpr std::int64_t kLongestPassword = 4'096;
constexpr std::int64_t kMostScramIterations = 100'000;  // every login takes a tenth of a second then

bool is_function_name(std::string_view name) {
    return !name.empty() && name.size() <= kLambdaNameMax &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
               std::string_view::npos;
}

void read_rules(TableReader& reader, RotationPassword& password) {
    reader.read_integer("password_length", password.length, 1, kLongestPassword);
    reader.read_text("exclude_characters", password.exclude_characters, Need::optional,
                     TableReader::Empty::allowed);
    reader.read_flag("exclude_numbers", password.exclude_numbers);
    reader.read_flag("exclude_punctuation", password.exclude_punctuation);
    reader.read_flag("exclude_uppercase", password.exclude_uppercase);
    reader.read_flag("exclude_lowercase", password.exclude_lowercase);
    reader.read_flag("require_each_included_type", password.require_each_included_type);
}

void read_password(TableReader& reader, RotationPasswords& passwords) {
    read_rules(reader, passwords.usual);
    for (const toml::table* table : reader.find_tables("password_exception")) {
        auto inner = reader.inner(*table, "[[rotation_function.password_exception]]");
        // What it does not say is as for the others.
        RotationPasswordException exception{{}, passwords.usual};
        inner.read_text_or_texts("secrets", exception.secrets, Need::required);
        if (inner.has("secrets") && exception.secrets.empty()) {
            inner.complain("secrets", "must name the secrets by patterns: [\"legacy/*\"]");
        }
        read_rules(inner, exception.rules);
        inner.finish();
        passwords.exceptions.push_back(std::move(exception));
    }
}

/// `text` must be one of `known`.
template <std::size_t N>
void require_known(TableReader& reader, std::string_view key, const std::string& text,
                   const std::array<std::string_view, N>& known) {
    if (std::ranges::find(known, text) != known.end()) return;
    std::string names;
    for (const auto name : known) names += (names.empty() ? "\"" : ", \"") + std::string(name) + "\"";
    reader.complain(key, "\"" + text + "\" is not known; choose one of " + names);
}

RandomFunctionSection read_random(TableReader& reader) {
    RandomFunctionSection function;
    reader.read_text("field", function.field);
    read_password(reader, function.password);
    return function;
}

/// How a server is proven: one of `modes`.
void read_tls(TableReader& reader, std::string& tls, std::span<const std::string_view> modes) {
    if (!reader.read_text("tls", tls) || std::ranges::find(modes, tls) != modes.end()) return;
    std::string choices;
    for (const auto mode : modes) choices += (choices.empty() ? "\"" : ", \"") + std::string(mode) + "\"";
    reader.complain("tls", "\"" + tls + "\" is not known; choose one of " + choices);
}

/// The keys of all functions that log in to a server.
template <class Section>
void read_login_function(TableReader& reader, Section& function, std::span<const std::string_view> modes) {
    read_tls(reader, function.tls, modes);
    reader.read_path("ca_file", function.ca_file);
    reader.read_text("admin_secret", function.admin_secret);
    if (!function.admin_secret.empty() && !function.tls.starts_with("verify-")) {
        std::string proofs;
        for (const auto mode : modes) {
            if (mode.starts_with("verify-"))
                proofs += (proofs.empty() ? "\"" : " or \"") + std::string(mode) + "\"";
        }
        reader.complain("tls", "must be " + proofs +
                                   " with 'admin_secret': a server that is not proven could ask for the "
                                   "administrator's password");
    }
    read_password(reader, function.password);
}

PostgresqlFunctionSection read_postgresql(TableReader& reader) {
    static constexpr std::array<std::string_view, 4> kTlsModes{"verify-full", "verify-ca", "require",
                                                               "disable"};
    PostgresqlFunctionSection function;
    read_login_function(reader, function, kTlsModes);
    reader.read_flag("send_plain_password", function.send_plain_password);
    reader.read_integer("scram_iterations", function.scram_iterations, 1, kMostScramIterations);
    if (function.send_plain_password && reader.has("scram_iterations")) {
        reader.complain("scram_iterations",
                        "has no meaning with 'send_plain_password': the server makes the verifier");
    }
    return function;
}

MysqlFunctionSection read_mysql(TableReader& reader) {
    static constexpr std::array<std::string_view, 2> kTlsModes{"verify-full", "disable"};
    MysqlFunctionSection function;
    read_login_function(reader, function, kTlsModes);
    reader.read_flag("send_plain_password", function.send_plain_password);
    return function;
}

RedisFunctionSection read_redis(TableReader& reader) {
    RedisFunctionSection function;
    reader.read_path("ca_file", function.ca_file);
    reader.read_text("admin_secret", function.admin_secret);
    reader.read_flag("allow_unsaved", function.allow_unsaved);
    read_password(reader, function.password);
    return function;
}

OauthFunctionSection read_oauth(TableReader& reader) {
    static constexpr std::array<std::string_view, 2> kGrants{"client_credentials", "refresh_token"};
    static constexpr std::array<std::string_view, 3> kAuthentications{"basic", "post", "none"};
    OauthFunctionSection function;
    read_https_url(reader, "token_url", function.token_url, Need::required);
    if (reader.read_text("grant", function.grant, Need::required)) {
        require_known(reader, "grant", function.grant, kGrants);
    }
    if (reader.read_text("client_authentication", function.client_authentication)) {
        require_known(reader, "client_authentication", function.client_authentication, kAuthentications);
    }
    if (function.client_authentication == "none" && function.grant == "client_credentials") {
        reader.complain("client_authentication", "\"none\" goes with grant = \"refresh_token\" alone");
    }
    reader.read_text("scope", function.scope);
    reader.read_text("audience", function.audience);
    if (HttpsUrl url; read_https_url(reader, "test_url", url)) function.test_url = url;
    reader.read_path("ca_file", function.ca_file);
    return function;
}

/// Header fields of calls. What frames a request is the client's own.
void read_headers(TableReader& reader, std::map<std::string, std::string>& headers) {
    static constexpr std::array<std::string_view, 3> kOwn{"content-length", "transfer-encoding",
                                                          "connection"};
    reader.read_text_map("headers", headers);
    for (const auto& [name, text] : headers) {
        if (std::ranges::find(kOwn, boost::algorithm::to_lower_copy(name)) != kOwn.end())
            reader.complain("headers", "'" + name + "' cannot be given: cofferd sets it");
    }
}

ApiCallSection read_call(const toml::table& table, const std::string& name, std::string_view method,
                         ConfigProblems& problems) {
    static constexpr std::array<std::string_view, 5> kMethods{"GET", "POST", "PUT", "PATCH", "DELETE"};
    TableReader reader(table, "[[rotation_function]] " + name, problems);
    ApiCallSection call;
    call.method = method;
    if (reader.read_text("method", call.method)) require_known(reader, "method", call.method, kMethods);
    if (reader.read_text("path", call.path, Need::required) && !call.path.starts_with('/')) {
        reader.complain("path", "must begin with '/'");
    }
    read_headers(reader, call.headers);
    reader.read_text("json", call.json);
    reader.read_text("form", call.form);
    if (reader.has("json") && reader.has("form"))
        reader.complain("form", "a call has one body: 'json' or 'form'");
    if ((reader.has("json") || reader.has("form")) && call.method == "GET") {
        reader.complain("method", "a GET has no body");
    }
    reader.finish();
    return call;
}

ApiFunctionSection read_api(TableReader& reader, ConfigProblems& problems) {
    ApiFunctionSection function;
    read_https_url(reader, "url", function.url, Need::required);
    reader.read_path("ca_file", function.ca_file);
    reader.read_text("admin_secret", function.admin_secret);
    read_headers(reader, function.headers);
    if (const auto* table = reader.find_table("create", Need::required)) {
        function.create = read_call(*table, "create", "POST", problems);
    }
    reader.read_text_map("take", function.take);
    if (function.take.empty()) {
        reader.complain("take", "must say where the new key is in create's answer: { api_key = \"/key\" }");
    }
    for (const auto& [field, pointer] : function.take) {
        if (!pointer.starts_with('/')) {
            reader.complain("take", "\"" + pointer + "\" of '" + field +
                                        "' must be a JSON pointer, which begins with '/'");
        }
    }
    reader.read_flag("repeatable", function.repeatable);
    if (const auto* table = reader.find_table("test", Need::optional)) {
        function.test = read_call(*table, "test", "GET", problems);
    }
    if (const auto* table = reader.find_table("delete", Need::optional)) {
        function.remove = read_call(*table, "delete", "DELETE", problems);
    }
    return function;
}

ExecFunctionSection read_exec(TableReader& reader) {
    ExecFunctionSection function;
    read_program_name(reader, function.program);
    std::string make = "program";
    reader.read_text("make", make);
    if (make == "password") {
        function.makes_password = true;
        reader.read_text("field", function.field);
        read_password(reader, function.password);
    } else if (make != "program") {
        reader.complain("make", "\"" + make + "\" is not known; choose one of \"program\", \"password\"");
    } else if (reader.has("field") || reader.has("password_length") || reader.has("password_exception")) {
        reader.complain(
            "make",
            "must be \"password\" with 'field' and rules for passwords: otherwise the program makes "
            "the new value");
    }
    return function;
}

LambdaFunctionSection read_lambda(TableReader& reader) {
    LambdaFunctionSection function;
    read_program_name(reader, function.program);
    reader.read_text("role", function.role, Need::required);
    if (function.role.find_first_of(":/") != std::string::npos) {
        reader.complain("role", "must be the name of a role, not its ARN");
    }
    return function;
}

struct KindReader {
    std::string_view name;
    RotationFunctionKind (*read)(TableReader& reader, ConfigProblems& problems);
};

constexpr std::array kKinds{
    KindReader{"api",
               [](TableReader& reader, ConfigProblems& problems) -> RotationFunctionKind {
                   return read_api(reader, problems);
               }},
    KindReader{"certificate",
               [](TableReader& reader, ConfigProblems&) -> RotationFunctionKind {
                   return read_certificate_function(reader);
               }},
    KindReader{
        "exec",
        [](TableReader& reader, ConfigProblems&) -> RotationFunctionKind { return read_exec(reader); }},
    KindReader{
        "lambda",
        [](TableReader& reader, ConfigProblems&) -> RotationFunctionKind { return read_lambda(reader); }},
    KindReader{
        "mysql",
        [](TableReader& reader, ConfigProblems&) -> RotationFunctionKind { return read_mysql(reader); }},
    KindReader{
        "oauth",
        [](TableReader& reader, ConfigProblems&) -> RotationFunctionKind { return read_oauth(reader); }},
    KindReader{
        "postgresql",
        [](TableReader& reader, ConfigProblems&) -> RotationFunctionKind { return read_postgresql(reader); }},
    KindReader{
        "random",
        [](TableReader& reader, ConfigProblems&) -> RotationFunctionKind { return read_random(reader); }},
    KindReader{
        "redis",
        [](TableReader& reader, ConfigProblems&) -> RotationFunctionKind { return read_redis(reader); }},
    KindReader{"ssh",
               [](TableReader&, ConfigProblems&) -> RotationFunctionKind { return SshFunctionSection{}; }},
};

std::string kinds_to_choose() {
    std::string names;
    for (const auto& kind : kKinds) names += (names.empty() ? "\"" : ", \"") + std::string(kind.name) + "\"";
    return names;
}

void read_endpoint(TableReader& reader, RotationSection& rotation) {
    if (reader.read_text("aws_endpoint", rotation.aws_endpoint)) {
        const auto url = boost::urls::parse_uri(rotation.aws_endpoint);
        if (!url || url->scheme_id() != boost::urls::scheme::https || url->host().empty() ||
            url->has_query() || url->has_fragment() || url->has_userinfo() ||
            !(url->encoded_path().empty() || url->encoded_path() == "/")) {
            reader.complain("aws_endpoint", "must be https://HOST:PORT of an AWS listener");
        }
    }
    reader.read_path("aws_ca_file", rotation.aws_ca_file);
}

void read_function(TableReader& reader, RotationFunctionSection& function, ConfigProblems& problems) {
    if (reader.read_text("name", function.name, Need::required) && !is_function_name(function.name)) {
        reader.complain("name", "must be 1 to 64 of A-Z, a-z, 0-9, '-' and '_'");
    }
    std::string kind;
    if (reader.read_text("kind", kind, Need::required)) {
        const auto* found = std::ranges::find(kKinds, kind, &KindReader::name);
        if (found == kKinds.end()) {
            reader.complain("kind", "\"" + kind + "\" is not known; choose one of " + kinds_to_choose());
        } else {
            function.kind = found->read(reader, problems);
        }
    }
    reader.read_text("description", function.description);
    reader.read_duration("timeout", function.timeout, kOneSecond, kOneHour / 4);
    reader.read_integer("at_once", function.at_once, 1, kMostWorkers);
    reader.finish();
}

RotationBlackoutSection read_blackout(const toml::table& table, ConfigProblems& problems) {
    constexpr milliseconds kLongest = 31 * kOneDay;
    TableReader reader(table, "[[rotation_blackout]]", problems);
    RotationBlackoutSection blackout;
    reader.read_text("name", blackout.name, Need::required);
    reader.read_texts("secrets", blackout.secrets);
    if (reader.has("schedule")) {
        // Days of a rate are counted from a secret's last rotation, which a blackout has none of.
        if (reader.read_text("schedule", blackout.schedule) && !blackout.schedule.starts_with("cron(")) {
            reader.complain("schedule", "must be a cron(...) expression");
        }
        reader.read_duration("lasts", blackout.lasts, kOneHour, kLongest);
        if (!reader.has("lasts")) reader.complain("lasts", "must say how long it lasts each time: \"60h\"");
        if (reader.has("from")) reader.complain("from", "goes with 'to', not with 'schedule'");
        if (reader.has("to")) reader.complain("to", "goes with 'from', not with 'schedule'");
    } else {
        const bool both = reader.read_time("from", blackout.from, Need::required) &&
                          reader.read_time("to", blackout.to, Need::required);
        if (both && blackout.to <= blackout.from) reader.complain("to", "must be after 'from'");
        if (reader.has("lasts")) reader.complain("lasts", "goes with 'schedule'");
    }
    reader.finish();
    return blackout;
}

RotationGroupSection read_group(const toml::table& table, ConfigProblems& problems) {
    TableReader reader(table, "[[rotation_group]]", problems);
    RotationGroupSection group;
    reader.read_text("name", group.name, Need::required);
    reader.read_texts("secrets", group.secrets);
    if (group.secrets.empty()) {
        reader.complain("secrets", "must name the group's secrets by patterns: [\"payments/*\"]");
    }
    reader.read_duration("apart", group.apart, kOneSecond, 7 * kOneDay);
    if (!reader.has("apart")) reader.complain("apart", "must say how long two of them keep apart: \"1h\"");
    reader.finish();
    return group;
}

}  // namespace

void read_program_name(TableReader& reader, std::string& program) {
    if (!reader.read_text("program", program, Need::required)) return;
    const bool sound =
        program.size() <= kLambdaNameMax &&
        program.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
            std::string::npos;
    if (!sound) {
        reader.complain(
            "program",
            "must be the name of a [[program]] of runner.toml, 1 to 64 of A-Z, a-z, 0-9, '-', '_' and "
            "'.'; which program that is, the runner's configuration alone says");
    }
}

void read_rotation(TableReader& root, RotationSection& rotation, ConfigProblems& problems) {
    if (const auto* table = root.find_table("rotation", Need::optional)) {
        TableReader reader(*table, "[rotation]", problems);
        reader.read_integer("workers", rotation.workers, 0, kMostWorkers);
        reader.read_millionths("begins_per_second", rotation.micros_begins_per_second, kMostBeginsPerSecond);
        if (reader.has("begins_per_second") && rotation.micros_begins_per_second < kLeastBegins) {
            reader.complain(
                "begins_per_second",
                "must be at least 0.001, which is 86 a day; without this key there is no limit, and "
                "'workers = 0' begins none");
        }
        reader.read_integer("attempts", rotation.attempts, 1, 100);
        reader.read_duration("retry_after", rotation.retry_after, kOneSecond, kOneDay);
        reader.read_duration("retry_at_most", rotation.retry_at_most, kOneSecond, kOneDay);
        reader.read_duration("lease", rotation.lease, 10 * kOneSecond, kOneHour);
        reader.read_path("runner", rotation.runner);
        read_endpoint(reader, rotation);
        if (rotation.retry_at_most < rotation.retry_after) {
            reader.complain("retry_at_most", "must not be shorter than 'retry_after'");
        }
        reader.finish();
    }
    for (const toml::table* table : root.find_tables("rotation_blackout")) {
        rotation.blackouts.push_back(read_blackout(*table, problems));
    }
    std::set<std::string> groups;
    for (const toml::table* table : root.find_tables("rotation_group")) {
        rotation.groups.push_back(read_group(*table, problems));
        const auto& name = rotation.groups.back().name;
        if (!name.empty() && !groups.insert(name).second) {
            TableReader(*table, "[[rotation_group]]", problems)
                .complain("name", "\"" + name + "\" names another group as well");
        }
    }
    std::set<std::string> names;
    for (const toml::table* table : root.find_tables("rotation_function")) {
        TableReader reader(*table, "[[rotation_function]]", problems);
        RotationFunctionSection function;
        read_function(reader, function, problems);
        if (std::holds_alternative<LambdaFunctionSection>(function.kind) && rotation.aws_endpoint.empty()) {
            reader.complain("kind",
                            "\"lambda\" needs [rotation] aws_endpoint, where handlers find the AWS listener: "
                            "\"https://HOST:PORT\"");
        }
        if (!function.name.empty() && !names.insert(function.name).second) {
            reader.complain("name", "\"" + function.name + "\" names another rotation function as well");
        }
        rotation.functions.push_back(std::move(function));
    }
    if (rotation.functions.size() > kMostFunctions) {
        problems.add(0, "there are more than " + std::to_string(kMostFunctions) + " [[rotation_function]]");
    }
}

}  // namespace coffer::server
