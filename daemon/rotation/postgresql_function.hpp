#pragma once
// Passwords of PostgreSQL users: of one user, or of two that take turns, so that a connection made with the
// value before last still works. The secret is AWS's JSON: engine, host, username, password, dbname, port.

#include <string>

#include "daemon/rotation/kept_sessions.hpp"
#include "daemon/rotation/login_function.hpp"
#include "daemon/rotation/postgresql_session.hpp"
#include "daemon/rotation/scram_verifier.hpp"

namespace coffer::rotation {

struct PostgresqlSettings {
    PostgresqlTls tls;
    PasswordPolicy password;
    /// As LoginFunction has it.
    std::string admin_secret;
    /// Sends the password itself and not its SCRAM verifier, for servers with a module that checks passwords.
    /// It may then be in that server's log.
    bool send_plain_password = false;
    /// Of the verifiers of passwords that were made here. Others have kScramIterations, or this if it is
    /// more.
    std::uint32_t scram_iterations = kScramIterations;
};

class PostgresqlFunction final : public LoginFunction {
public:
    explicit PostgresqlFunction(PostgresqlSettings settings);
    [[nodiscard]] std::string_view kind() const noexcept override { return "postgresql"; }

protected:
    [[nodiscard]] bool logs_in(const SecretFields& login, Patience patience) override;
    /// Also false where the user is not let in whatever its password: the administrator gives it one all the
    /// same, and the test says what is in the way.
    [[nodiscard]] bool has_password(const SecretFields& login, Patience patience) override;
    [[nodiscard]] bool change_own(const SecretFields& login, const SecretFields& pending,
                                  const StepContext& context) override;
    void change_other(const Turn& turn) override;
    void check_other(const Turn& turn) override;
    void check_own(const SecretFields& login, Patience patience) override;

private:
    /// Has views of both.
    [[nodiscard]] PostgresqlLogin login_of(const SecretFields& fields, std::string_view host) const;
    [[nodiscard]] std::optional<PostgresqlSession> log_in(const SecretFields& fields,
                                                          Patience patience) const;
    [[nodiscard]] PostgresqlSession log_in_as_admin(const SecretFields& admin, Patience patience) const;
    /// The administrator's session, one that is kept if there is one, at a server that takes changes.
    [[nodiscard]] PostgresqlSession writable_admin(KeptSessions::Visit& visit, const SecretFields& admin,
                                                   Patience patience) const;
    /// What change_other() has the administrator do. Changes nothing.
    [[nodiscard]] static std::vector<PostgresqlStatement> statements_for(PostgresqlSession& admin,
                                                                         const Turn& turn,
                                                                         const std::string& with_password);
    /// Gives the second user what was set for the first one, with which it is not born: its settings, its
    /// limit of connections, the end of its password.
    [[nodiscard]] static std::vector<PostgresqlStatement> settings_statements(PostgresqlSession& admin,
                                                                              const std::string& first,
                                                                              const std::string& second,
                                                                              Patience patience);
    /// `is_new`: the password was made here a moment ago. What is set later may be somebody else's choice.
    [[nodiscard]] std::string password_clause(const PostgresqlSession& session, const SecretFields& fields,
                                              bool is_new) const;

    const PostgresqlTls tls_;
    const bool send_plain_password_;
    const std::uint32_t scram_iterations_;
    KeptSessions kept_sessions_;
};

}  // namespace coffer::rotation
