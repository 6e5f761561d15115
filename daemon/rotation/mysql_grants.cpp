#include "daemon/rotation/mysql_grants.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/mysql_session.hpp"

namespace coffer::rotation {

namespace {

constexpr std::string_view kAll = "ALL PRIVILEGES";
constexpr std::string_view kGrantOption = "GRANT OPTION";
constexpr std::string_view kUsage = "USAGE";
constexpr std::string_view kEverywhere = "*.*";

/// Over all databases, these read, or are of no use by themselves.
constexpr std::array<std::string_view, 13> kHarmlessEverywhere{
    "USAGE",          "SELECT",        "SHOW DATABASES",  "SHOW VIEW",
    "PROCESS",        "EXECUTE",       "LOCK TABLES",     "REPLICATION CLIENT",
    "BINLOG MONITOR", "SLAVE MONITOR", "REPLICA MONITOR", "CREATE TEMPORARY TABLES",
    "SHOW_ROUTINE"};

[[noreturn]] void not_understood(std::string_view line) {
    throw StepFailed(StepFailed::Kind::hopeless,
                     "a grant of the server's is not understood, so the rights of the first user cannot be "
                     "given to the second: " +
                         std::string(line));
}

bool is_quote(char c) {
    return c == '`' || c == '\'' || c == '"';
}

/// Where the quoted text that begins at `begin` ends, behind its quote; doubled quotes belong to it.
std::size_t end_of_quoted(std::string_view text, std::size_t begin) {
    const char quote = text[begin];
    for (std::size_t i = begin + 1; i < text.size(); ++i) {
        if (text[i] != quote) continue;
        if (i + 1 < text.size() && text[i + 1] == quote) {
            ++i;
            continue;
        }
        return i + 1;
    }
    not_understood(text);
}

/// The first place of `what` that is within no quotes and no brackets.
std::optional<std::size_t> find_outside(std::string_view text, std::string_view what) {
    int depth = 0;
    for (std::size_t i = 0; i < text.size();) {
        if (is_quote(text[i])) {
            i = end_of_quoted(text, i);
            continue;
        }
        if (depth == 0 && text.substr(i).starts_with(what)) return i;
        if (text[i] == '(') ++depth;
        if (text[i] == ')') --depth;
        ++i;
    }
    return std::nullopt;
}

std::vector<std::string> split_outside(std::string_view text) {
    std::vector<std::string> parts;
    while (const auto comma = find_outside(text, ",")) {
        parts.emplace_back(text.substr(0, *comma));
        text.remove_prefix(*comma + 1);
        while (text.starts_with(' ')) text.remove_prefix(1);
    }
    parts.emplace_back(text);
    return parts;
}

/// A name at the beginning of `text`, which is cut off.
std::string take_name(std::string_view& text) {
    if (text.empty() || !is_quote(text.front())) {
        const auto end = std::min(text.find_first_of("@ ,"), text.size());
        std::string name(text.substr(0, end));
        text.remove_prefix(end);
        return name;
    }
    const char quote = text.front();
    const auto end = end_of_quoted(text, 0);
    std::string name;
    for (std::size_t i = 1; i + 1 < end; ++i) {
        name += text[i];
        if (text[i] == quote) ++i;
    }
    text.remove_prefix(end);
    return name;
}

MysqlAccountName take_account(std::string_view& text) {
    const auto all = text;
    MysqlAccountName account{.user = take_name(text), .host = {}};
    if (!text.starts_with('@')) not_understood(all);
    text.remove_prefix(1);
    account.host = take_name(text);
    return account;
}

bool is_on_system_schema(std::string_view on) {
    return on.find("`mysql`.") != std::string_view::npos || on.starts_with("mysql.");
}

std::string comma_separated(const std::vector<std::string>& parts) {
    std::string text;
    for (const auto& part : parts) text += (text.empty() ? "" : ", ") + part;
    return text;
}

std::vector<std::string> left_without(const std::set<std::string>& all, const std::set<std::string>& others) {
    std::vector<std::string> left;
    std::ranges::set_difference(all, others, std::back_inserter(left));
    return left;
}

}  // namespace

MysqlGrants MysqlGrants::parse(const std::vector<std::string>& lines, const MysqlAccountName& account) {
    MysqlGrants grants;
    for (const auto& line : lines) {
        std::string_view rest = line;
        if (rest.starts_with("SET DEFAULT ROLE ")) {
            rest.remove_prefix(std::string_view("SET DEFAULT ROLE ").size());
            const auto end = find_outside(rest, " FOR ");
            if (!end) not_understood(line);
            grants.default_role_ = rest.substr(0, *end);
            continue;
        }
        if (!rest.starts_with("GRANT ")) not_understood(line);
        rest.remove_prefix(std::string_view("GRANT ").size());
        if (rest.starts_with("PROXY ")) {
            grants.has_proxy_ = true;
            continue;
        }
        const auto to = find_outside(rest, " TO ");
        if (!to) not_understood(line);
        auto behind = rest.substr(*to + 4);
        const auto what = rest.substr(0, *to);
        if (take_account(behind) != account) not_understood(line);
        const auto on = find_outside(what, " ON ");
        if (!on) {
            const bool with_admin = find_outside(behind, " WITH ADMIN OPTION").has_value();
            for (auto& role : split_outside(what)) grants.roles_[std::move(role)] = with_admin;
            continue;
        }
        auto& here = grants.privileges_[std::string(what.substr(*on + 4))];
        for (auto& privilege : split_outside(what.substr(0, *on))) {
            if (privilege != kUsage) here.insert(std::move(privilege));
        }
        if (find_outside(behind, "GRANT OPTION")) here.insert(std::string(kGrantOption));
    }
    return grants;
}

std::string MysqlGrants::administrative() const {
    if (has_proxy_) return "PROXY";
    for (const auto& [on, privileges] : privileges_) {
        if (privileges.empty()) continue;
        if (is_on_system_schema(on)) return *privileges.begin() + " ON " + on;
        if (on != kEverywhere) continue;
        const auto found = std::ranges::find_if(privileges, [](const std::string& privilege) {
            return std::ranges::find(kHarmlessEverywhere, privilege) == kHarmlessEverywhere.end();
        });
        if (found != privileges.end()) return *found + " ON *.*";
    }
    return "";
}

std::vector<std::string> MysqlGrants::statements_to(const MysqlGrants& wanted,
                                                    const MysqlAccountName& account) const {
    static const std::set<std::string> kNone;
    const auto name = mysql_account(account.user, account.host);
    const auto on_of = [](const MysqlGrants& grants, const std::string& on) -> const std::set<std::string>& {
        const auto found = grants.privileges_.find(on);
        return found == grants.privileges_.end() ? kNone : found->second;
    };
    std::vector<std::string> statements;
    for (const auto& [on, has] : privileges_) {
        const auto& wants = on_of(wanted, on);
        // Each right is part of all of them.
        if (wants.contains(std::string(kAll)) &&
            (wants.contains(std::string(kGrantOption)) || !has.contains(std::string(kGrantOption)))) {
            continue;
        }
        auto extra = left_without(has, wants);
        if (wants.contains(std::string(kAll))) extra = {std::string(kGrantOption)};
        if (extra.empty()) continue;
        const auto revoke = [&, &from = on](const std::string& what) {
            statements.push_back("REVOKE " + what + " ON " + from + " FROM " + name);
        };
        if (std::ranges::find(extra, kAll) == extra.end()) {
            revoke(comma_separated(extra));
            continue;
        }
        // All of them have no others beside them in a statement, the right to hand them on included.
        if (std::ranges::find(extra, kGrantOption) != extra.end()) revoke(std::string(kGrantOption));
        revoke(std::string(kAll));
    }
    for (const auto& [role, with_admin] : roles_) {
        const auto kept = wanted.roles_.find(role);
        if (kept == wanted.roles_.end()) {
            statements.push_back("REVOKE " + role + " FROM " + name);
        } else if (with_admin && !kept->second) {
            statements.push_back("REVOKE ADMIN OPTION FOR " + role + " FROM " + name);
        }
    }
    for (const auto& [on, wants] : wanted.privileges_) {
        auto missing = left_without(wants, on_of(*this, on));
        if (missing.empty()) continue;
        const bool with_grant = std::erase(missing, std::string(kGrantOption)) != 0;
        statements.push_back("GRANT " + (missing.empty() ? std::string(kUsage) : comma_separated(missing)) +
                             " ON " + on + " TO " + name + (with_grant ? " WITH GRANT OPTION" : ""));
    }
    for (const auto& [role, with_admin] : wanted.roles_) {
        const auto has = roles_.find(role);
        if (has != roles_.end() && (has->second || !with_admin)) continue;
        statements.push_back("GRANT " + role + " TO " + name + (with_admin ? " WITH ADMIN OPTION" : ""));
    }
    return statements;
}

std::optional<std::string> MysqlGrants::own_statement_to(const MysqlGrants& wanted) const {
    if (wanted.default_role_ == default_role_) return std::nullopt;
    return "SET DEFAULT ROLE " + (wanted.default_role_.empty() ? "NONE" : wanted.default_role_);
}

}  // namespace coffer::rotation
