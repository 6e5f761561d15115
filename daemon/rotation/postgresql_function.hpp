#pragma once
// Passwords of PostgreSQL users: of one user, or of two that take turns, so that a connection made with the
// value before last still works. The secret is AWS's JSON: engine, host, username, password, dbname, port.

#include <string>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/password.hpp"
#include "daemon/rotation/postgresql_session.hpp"
#include "daemon/rotation/secret_fields.hpp"

namespace coffer::rotation {

struct PostgresqlSettings {
    PostgresqlTls tls;
    PasswordSettings password;
    /// Name of the secret with an administrator's login: then two users take turns, NAME and NAME_clone.
    /// Empty: one user changes its own password.
    std::string admin_secret;
    /// Sends the password itself and not its SCRAM verifier, for servers with a module that checks passwords.
    /// It may then be in that server's log.
    bool send_plain_password = false;
};

class PostgresqlFunction final : public ValueFunction {
public:
    explicit PostgresqlFunction(PostgresqlSettings settings) : settings_(std::move(settings)) {}
    [[nodiscard]] std::string_view kind() const noexcept override { return "postgresql"; }
    [[nodiscard]] std::vector<Check> check(const StepContext& context, SecretValues& values) override;

protected:
    [[nodiscard]] crypto::SecretBytes make(const StepContext& context, SecretValues& values,
                                           const crypto::SecretBytes& current) override;
    void set(const StepContext& context, SecretValues& values, const crypto::SecretBytes& pending) override;
    void test(const StepContext& context, const crypto::SecretBytes& value) override;

private:
    [[nodiscard]] bool alternates() const noexcept { return !settings_.admin_secret.empty(); }
    [[nodiscard]] std::optional<PostgresqlSession> log_in(const SecretFields& fields,
                                                          Deadline deadline) const;
    [[nodiscard]] PostgresqlSession log_in_as_admin(SecretValues& values, const SecretFields& target,
                                                    Deadline deadline) const;
    [[nodiscard]] std::string password_clause(const PostgresqlSession& session,
                                              const SecretFields& fields) const;
    void set_own_password(const StepContext& context, SecretValues& values, const SecretFields& current,
                          const SecretFields& pending);
    void set_other_user(const StepContext& context, SecretValues& values, const SecretFields& current,
                        const SecretFields& pending);

    const PostgresqlSettings settings_;
};

/// The user that takes turns with `user`: NAME_clone with NAME. Throws StepFailed when its name would be over
/// PostgreSQL's 63 bytes.
[[nodiscard]] std::string other_user(std::string_view user);

}  // namespace coffer::rotation
