#pragma once
// Passwords of PostgreSQL users: of one user, or of two that take turns, so that a connection made with the
// value before last still works. The secret is AWS's JSON: engine, host, username, password, dbname, port.

#include <string>

#include "daemon/rotation/login_function.hpp"
#include "daemon/rotation/postgresql_session.hpp"

namespace coffer::rotation {

struct PostgresqlSettings {
    PostgresqlTls tls;
    PasswordSettings password;
    /// As LoginFunction has it.
    std::string admin_secret;
    /// Sends the password itself and not its SCRAM verifier, for servers with a module that checks passwords.
    /// It may then be in that server's log.
    bool send_plain_password = false;
};

class PostgresqlFunction final : public LoginFunction {
public:
    explicit PostgresqlFunction(PostgresqlSettings settings);
    [[nodiscard]] std::string_view kind() const noexcept override { return "postgresql"; }

protected:
    [[nodiscard]] bool logs_in(const SecretFields& login, Deadline deadline) override;
    [[nodiscard]] bool change_own(const SecretFields& login, const SecretFields& pending,
                                  Deadline deadline) override;
    void change_other(const Turn& turn) override;
    void check_admin(const SecretFields& admin, Deadline deadline) override;

private:
    [[nodiscard]] std::optional<PostgresqlSession> log_in(const SecretFields& fields,
                                                          Deadline deadline) const;
    [[nodiscard]] PostgresqlSession log_in_as_admin(const SecretFields& admin, Deadline deadline) const;
    [[nodiscard]] std::string password_clause(const PostgresqlSession& session,
                                              const SecretFields& fields) const;

    const PostgresqlTls tls_;
    const bool send_plain_password_;
};

}  // namespace coffer::rotation
