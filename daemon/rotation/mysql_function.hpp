#pragma once
// Passwords of users of MariaDB and MySQL: of one user, or of two that take turns. The secret is AWS's JSON:
// engine, host, username, password, dbname, port.

#include <optional>
#include <string>

#include "daemon/rotation/login_function.hpp"
#include "daemon/rotation/mysql_grants.hpp"
#include "daemon/rotation/mysql_session.hpp"

namespace coffer::rotation {

struct MysqlSettings {
    MysqlTls tls;
    PasswordPolicy password;
    /// As LoginFunction has it.
    std::string admin_secret;
    /// Sends the password itself and not what MariaDB stores of it, for servers with a plugin that checks
    /// passwords. It may then be in that server's log. MySQL is always sent the password: it keeps it out of
    /// its logs by itself.
    bool send_plain_password = false;
};

class MysqlFunction final : public LoginFunction {
public:
    explicit MysqlFunction(MysqlSettings settings);
    [[nodiscard]] std::string_view kind() const noexcept override { return "mysql"; }

protected:
    [[nodiscard]] bool logs_in(const SecretFields& login, Patience patience) override;
    [[nodiscard]] bool has_password(const SecretFields& login, Patience patience) override;
    [[nodiscard]] bool change_own(const SecretFields& login, const SecretFields& pending,
                                  const StepContext& context) override;
    void change_other(const Turn& turn) override;
    void check_own(const SecretFields& login, Patience patience) override;
    void check_other(const Turn& turn) override;

private:
    /// What mysql.user has of an account.
    struct Account {
        std::string plugin;
        std::string require;  ///< "REQUIRE SSL"
    };

    /// With which the user sets its own password to pending's.
    [[nodiscard]] std::string own_password_statement(MysqlSession& session, const std::string& user,
                                                     const SecretFields& pending, Patience patience) const;
    /// What a turn is taken with, once it is known that nobody else's account is touched.
    struct Prepared {
        MysqlSession admin;
        MysqlAccountName first;
        MysqlAccountName second;
        MysqlAccountName target;
        Account base;
        std::optional<Account> there;
        MysqlGrants wanted;
    };
    /// Throws StepFailed, and changes nothing.
    [[nodiscard]] Prepared prepare(const Turn& turn);
    /// Gives the second user, which is there, what the first has, and takes the rest from it; what it has to
    /// say itself for that, if anything.
    [[nodiscard]] static std::optional<std::string> bring_rights_in_line(Prepared& prepared,
                                                                         Patience patience);
    /// Has the second user say that, with its new password.
    void set_default_role(const std::string& statement, const MysqlAccountName& account,
                          const Turn& turn) const;

    [[nodiscard]] std::optional<MysqlSession> log_in(const SecretFields& fields, Patience patience) const;
    [[nodiscard]] std::optional<MysqlSession> log_in_to(const SecretFields& fields, std::string_view database,
                                                        Patience patience) const;
    [[nodiscard]] MysqlSession log_in_as_admin(const SecretFields& admin, Patience patience) const;
    /// The literal or expression that the server is to store.
    [[nodiscard]] std::string stored_password(std::string_view plugin, const std::string& user,
                                              const SecretFields& pending) const;
    /// "IDENTIFIED VIA ..." of CREATE USER and ALTER USER.
    [[nodiscard]] std::string identified(const MysqlSession& admin, std::string_view plugin,
                                         const std::string& user, const SecretFields& pending) const;
    [[nodiscard]] static std::optional<Account> find_account(MysqlSession& admin,
                                                             const MysqlAccountName& name, Patience patience);

    const MysqlTls tls_;
    const bool send_plain_password_;
};

}  // namespace coffer::rotation
