#pragma once
// What has been set for a role of PostgreSQL (ALTER ROLE ... SET), and what has to be set for another one to
// have the same. Pure: texts in, statements out.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/rotation/postgresql_session.hpp"

namespace coffer::rotation {

/// How names and texts are quoted for SQL.
struct SqlQuotes {
    std::function<std::string(std::string_view)> identifier;
    std::function<std::string(std::string_view)> literal;
};

class PostgresqlRoleSettings {
public:
    /// `entry` is "NAME=VALUE", an element of pg_db_role_setting.setconfig; `database` is empty for all of
    /// them. "role" is left out: whom the sessions of the second user act as is not a setting like others.
    void add(const std::string& database, std::string_view entry);

    /// Statements that give `role`, which is quoted and has `*this`, the settings `wanted` and no others.
    [[nodiscard]] std::vector<PostgresqlStatement> statements_to(const PostgresqlRoleSettings& wanted,
                                                                 const std::string& role,
                                                                 const SqlQuotes& quotes) const;

private:
    using Values = std::map<std::string, std::string>;
    [[nodiscard]] Values in(const std::string& database) const;

    std::map<std::string, Values> databases_;
};

}  // namespace coffer::rotation
