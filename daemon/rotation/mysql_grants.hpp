#pragma once
// What SHOW GRANTS says of an account of MariaDB or MySQL, and what has to be granted and revoked for one
// account to have the rights of another. Pure: texts in, texts out.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace coffer::rotation {

struct MysqlAccountName {
    std::string user;
    std::string host;
    friend bool operator==(const MysqlAccountName&, const MysqlAccountName&) = default;
};

class MysqlGrants {
public:
    /// The lines of SHOW GRANTS FOR `account`. Throws StepFailed (hopeless) for a line that it does not
    /// understand, or that is of another account: half of the rights are none.
    [[nodiscard]] static MysqlGrants parse(const std::vector<std::string>& lines,
                                           const MysqlAccountName& account);

    /// The first right that makes an administrator of its holder: one over all databases that is not for
    /// reading alone, any on the schema "mysql", a right to be somebody else. Empty when there is none.
    [[nodiscard]] std::string administrative() const;

    /// Statements that give `account`, which has `*this`, the rights `wanted` and no others. Nothing that
    /// both have is taken away in between.
    [[nodiscard]] std::vector<std::string> statements_to(const MysqlGrants& wanted,
                                                         const MysqlAccountName& account) const;
    /// What the account itself has to say when it has the rights `wanted`: which of its roles counts from its
    /// login on. Nobody else may without the right to write the schema "mysql", with which a user can be made
    /// anything.
    [[nodiscard]] std::optional<std::string> own_statement_to(const MysqlGrants& wanted) const;

private:
    /// "SELECT", "INSERT (`a`, `b`)", "GRANT OPTION", by what they are on: "`db`.*", "PROCEDURE `db`.`p`".
    std::map<std::string, std::set<std::string>> privileges_;
    /// Quoted as the server has them; true: WITH ADMIN OPTION.
    std::map<std::string, bool> roles_;
    std::string default_role_;
    bool has_proxy_ = false;
};

}  // namespace coffer::rotation
