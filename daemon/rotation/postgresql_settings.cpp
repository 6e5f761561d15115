#include "daemon/rotation/postgresql_settings.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace coffer::rotation {

namespace {

/// Those whose value is a list of names that are quoted each (GUC_LIST_QUOTE): the catalogue has the list as
/// one text, which quoted as one would be one name.
constexpr std::array<std::string_view, 6> kListsOfNames{
    "local_preload_libraries",  "search_path",      "session_preload_libraries",
    "shared_preload_libraries", "temp_tablespaces", "unix_socket_directories"};

bool is_list_of_names(std::string_view setting) {
    return std::ranges::any_of(kListsOfNames, [setting](std::string_view name) {
        return std::ranges::equal(name, setting, [](char a, char b) {
            return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
        });
    });
}

/// As PostgreSQL's SplitGUCList reads it: names in double quotes, of which two are one, or up to a comma.
std::vector<std::string> names_in(std::string_view list) {
    constexpr std::string_view kBlanks = " \t\n\r\f\v";
    const auto skip_blanks = [&list] {
        list.remove_prefix(std::min(list.find_first_not_of(kBlanks), list.size()));
    };
    std::vector<std::string> names;
    skip_blanks();
    while (!list.empty()) {
        std::string name;
        if (list.front() == '"') {
            list.remove_prefix(1);
            while (!list.empty()) {
                const char c = list.front();
                list.remove_prefix(1);
                if (c == '"') {
                    if (!list.starts_with('"')) break;
                    list.remove_prefix(1);
                }
                name += c;
            }
        } else {
            const auto end = std::min(list.find_first_of(", \t\n\r\f\v"), list.size());
            name = list.substr(0, end);
            list.remove_prefix(end);
        }
        names.push_back(std::move(name));
        list.remove_prefix(std::min(list.find(','), list.size()));
        if (!list.empty()) list.remove_prefix(1);
        skip_blanks();
    }
    if (names.empty()) names.emplace_back();
    return names;
}

std::string value_of_setting(std::string_view name, const std::string& value, const SqlQuotes& quotes) {
    if (!is_list_of_names(name)) return quotes.literal(value);
    std::string list;
    for (const auto& each : names_in(value)) list += (list.empty() ? "" : ", ") + quotes.literal(each);
    return list;
}

}  // namespace

void PostgresqlRoleSettings::add(const std::string& database, std::string_view entry) {
    const auto end = std::min(entry.find('='), entry.size());
    const auto name = entry.substr(0, end);
    if (name == "role") return;
    databases_[database][std::string(name)] = entry.substr(std::min(end + 1, entry.size()));
}

PostgresqlRoleSettings::Values PostgresqlRoleSettings::in(const std::string& database) const {
    const auto found = databases_.find(database);
    return found == databases_.end() ? Values() : found->second;
}

std::vector<PostgresqlStatement> PostgresqlRoleSettings::statements_to(const PostgresqlRoleSettings& wanted,
                                                                       const std::string& role,
                                                                       const SqlQuotes& quotes) const {
    std::set<std::string> databases;
    for (const auto* each : {this, &wanted}) {
        for (const auto& [database, values] : each->databases_) databases.insert(database);
    }
    std::vector<PostgresqlStatement> statements;
    for (const auto& database : databases) {
        const auto begin =
            "ALTER ROLE " + role + (database.empty() ? "" : " IN DATABASE " + quotes.identifier(database));
        const auto has = in(database);
        const auto wants = wanted.in(database);
        for (const auto& [name, value] : has) {
            if (wants.contains(name)) continue;
            statements.push_back({.sql = begin + " RESET " + quotes.identifier(name), .setting = name});
        }
        for (const auto& [name, value] : wants) {
            const auto same = has.find(name);
            if (same != has.end() && same->second == value) continue;
            statements.push_back({.sql = begin + " SET " + quotes.identifier(name) + " TO " +
                                         value_of_setting(name, value, quotes),
                                  .setting = name});
        }
    }
    return statements;
}

}  // namespace coffer::rotation
