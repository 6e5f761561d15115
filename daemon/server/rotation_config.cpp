#include "daemon/server/rotation_config.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <string_view>

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

struct KindReader {
    std::string_view name;
    RotationFunctionKind (*read)(TableReader& reader);
};

constexpr std::array kKinds{
    KindReader{"mysql", [](TableReader& reader) -> RotationFunctionKind { return read_mysql(reader); }},
    KindReader{"postgresql",
               [](TableReader& reader) -> RotationFunctionKind { return read_postgresql(reader); }},
    KindReader{"random", [](TableReader& reader) -> RotationFunctionKind { return read_random(reader); }},
    KindReader{"redis", [](TableReader& reader) -> RotationFunctionKind { return read_redis(reader); }},
    KindReader{"ssh", [](TableReader&) -> RotationFunctionKind { return SshFunctionSection{}; }},
};

std::string kinds_to_choose() {
    std::string names;
    for (const auto& kind : kKinds) names += (names.empty() ? "\"" : ", \"") + std::string(kind.name) + "\"";
    return names;
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
