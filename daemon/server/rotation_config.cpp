#include "daemon/server/rotation_config.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <boost/url/parse.hpp>
#include <set>

#include "daemon/server/units.hpp"

namespace coffer::server {

namespace {

using std::chrono::milliseconds;
using Need = TableReader::Need;

constexpr milliseconds kOneSecond{1'000};
constexpr std::size_t kLambdaNameMax = 64;  // AWS Lambda's limit of a function's name
constexpr std::size_t kMostFunctions = 1'000;
constexpr std::int64_t kLongestPassword = 4'096;

bool is_function_name(std::string_view name) {
    return !name.empty() && name.size() <= kLambdaNameMax &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
               std::string_view::npos;
}

void read_password(TableReader& reader, RotationPassword& password) {
    reader.read_integer("password_length", password.length, 1, kLongestPassword);
    reader.read_text("exclude_characters", password.exclude_characters);
    reader.read_flag("exclude_numbers", password.exclude_numbers);
    reader.read_flag("exclude_punctuation", password.exclude_punctuation);
    reader.read_flag("exclude_uppercase", password.exclude_uppercase);
    reader.read_flag("exclude_lowercase", password.exclude_lowercase);
    reader.read_flag("require_each_included_type", password.require_each_included_type);
}

RandomFunctionSection read_random(TableReader& reader) {
    RandomFunctionSection function;
    reader.read_text("field", function.field);
    read_password(reader, function.password);
    return function;
}

PostgresqlFunctionSection read_postgresql(TableReader& reader) {
    static constexpr std::array<std::string_view, 4> kTlsModes{"verify-full", "verify-ca", "require",
                                                               "disable"};
    PostgresqlFunctionSection function;
    if (reader.read_text("tls", function.tls) &&
        std::find(kTlsModes.begin(), kTlsModes.end(), function.tls) == kTlsModes.end()) {
        reader.complain(
            "tls",
            "\"" + function.tls +
                "\" is not known; choose one of \"verify-full\", \"verify-ca\", \"require\", \"disable\"");
    }
    reader.read_path("ca_file", function.ca_file);
    reader.read_text("admin_secret", function.admin_secret);
    if (!function.admin_secret.empty() && !function.tls.starts_with("verify-")) {
        reader.complain("tls",
                        "must be \"verify-full\" or \"verify-ca\" with 'admin_secret': a server that is not "
                        "proven could ask "
                        "for the administrator's password");
    }
    reader.read_flag("send_plain_password", function.send_plain_password);
    read_password(reader, function.password);
    return function;
}

/// As coffer-runner's configuration has names of programs.
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
    } else if (reader.has("field") || reader.has("password_length")) {
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
    RotationFunctionKind (*read)(TableReader& reader);
};

constexpr std::array kKinds{
    KindReader{"exec", [](TableReader& reader) -> RotationFunctionKind { return read_exec(reader); }},
    KindReader{"lambda", [](TableReader& reader) -> RotationFunctionKind { return read_lambda(reader); }},
    KindReader{"postgresql",
               [](TableReader& reader) -> RotationFunctionKind { return read_postgresql(reader); }},
    KindReader{"random", [](TableReader& reader) -> RotationFunctionKind { return read_random(reader); }},
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

void read_function(TableReader& reader, RotationFunctionSection& function) {
    if (reader.read_text("name", function.name, Need::required) && !is_function_name(function.name)) {
        reader.complain("name", "must be 1 to 64 of A-Z, a-z, 0-9, '-' and '_'");
    }
    std::string kind;
    if (reader.read_text("kind", kind, Need::required)) {
        const auto* found = std::ranges::find(kKinds, kind, &KindReader::name);
        if (found == kKinds.end()) {
            reader.complain("kind", "\"" + kind + "\" is not known; choose one of " + kinds_to_choose());
        } else {
            function.kind = found->read(reader);
        }
    }
    reader.read_text("description", function.description);
    reader.read_duration("timeout", function.timeout, kOneSecond, kOneHour / 4);
    reader.finish();
}

}  // namespace

void read_rotation(TableReader& root, RotationSection& rotation, ConfigProblems& problems) {
    if (const auto* table = root.find_table("rotation", Need::optional)) {
        TableReader reader(*table, "[rotation]", problems);
        reader.read_integer("workers", rotation.workers, 0, 64);
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
    std::set<std::string> names;
    for (const toml::table* table : root.find_tables("rotation_function")) {
        TableReader reader(*table, "[[rotation_function]]", problems);
        RotationFunctionSection function;
        read_function(reader, function);
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
