#pragma once
// A login at somebody else's PostgreSQL, for rotation functions: libpq without blocking for ever.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/time.hpp"
#include "daemon/rotation/function.hpp"
#include "daemon/rotation/redaction.hpp"

struct pg_conn;
struct pg_result;

namespace coffer::rotation {

/// Where and as whom. The views must outlive the call they are given to.
struct PostgresqlLogin {
    std::string_view host;  ///< one name or address (plain_host())
    std::uint16_t port = 5432;
    std::string_view database;
    std::string_view user;
    std::string_view password;
};

/// How its server is proven to be the right one.
struct PostgresqlTls {
    /// sslmode of libpq: "verify-full" unless the configuration says otherwise.
    std::string mode = "verify-full";
    /// CA certificates; empty: the system's.
    std::filesystem::path ca_file;
};

/// The server takes no login of this user from here, whatever the password.
class LoginNotAdmitted : public StepFailed {
public:
    /// `where`: its host and port.
    LoginNotAdmitted(const std::string& where, const std::string& user);
};

/// One of the statements of a transaction, and what its refusal means.
struct PostgresqlStatement {
    std::string sql;
    /// It has the new password: the server's rules for passwords are about this one.
    bool has_password = false;
    /// The name of the setting that it copies from another role. What the server says of that is not shown,
    /// since it quotes the value, but for a right that is missing.
    std::string setting{};
};

/// One connection, used by one thread; through a pooler it may be another one of the server's for each call,
/// which is a transaction of its own. Every call ends at its deadline. A server that sends more than 1 MiB
/// is cut off.
class PostgresqlSession {
public:
    /// Nothing when the server refuses the password, as it does for a user that it does not have. Throws
    /// LoginNotAdmitted, and StepFailed (retry) when the server cannot be reached, proven, or does not serve.
    [[nodiscard]] static std::optional<PostgresqlSession> log_in(const PostgresqlLogin& login,
                                                                 const PostgresqlTls& tls, Patience patience);

    /// Runs statements without results that matter: all of them, or none. `secrets` knows those in them: what
    /// the server says may quote them, so it is in an error only where it is about rules and rights, redacted
    /// and at most 200 characters of it. Throws StepFailed: value_refused where the server has rules for
    /// passwords that the new one does not keep, hopeless where rights are missing or a setting is refused,
    /// else retry.
    void execute(const std::vector<PostgresqlStatement>& statements, Patience patience,
                 const Redactor* secrets = nullptr);
    using Row = std::vector<std::optional<std::string>>;
    [[nodiscard]] std::vector<Row> rows(const std::string& sql, Patience patience);
    /// The first value of the first row; nothing without rows, or for NULL.
    [[nodiscard]] std::optional<std::string> value(const std::string& sql, Patience patience);

    /// Quoted for SQL, whatever the server's settings are. Throw StepFailed (hopeless) for what is not UTF-8
    /// or has a NUL character.
    [[nodiscard]] std::string identifier(std::string_view name) const;
    [[nodiscard]] std::string literal(std::string_view text) const;
    /// A SCRAM-SHA-256 verifier (RFC 5803) of the password: what the server stores, so that the password
    /// itself is in no statement, and so in no log of the server's. Of a password that is not of ASCII alone
    /// it has libpq's number of iterations.
    [[nodiscard]] std::string verifier(std::string_view user, std::string_view password,
                                       std::uint32_t iterations) const;

    /// How many bytes the server has sent since it was connected to: of the 1 MiB.
    [[nodiscard]] std::uint64_t received() const noexcept;

private:
    struct Close {
        void operator()(pg_conn* connection) const noexcept;
    };
    struct Clear {
        void operator()(pg_result* result) const noexcept;
    };
    using Connection = std::unique_ptr<pg_conn, Close>;
    using Result = std::unique_ptr<pg_result, Clear>;

    explicit PostgresqlSession(Connection connection) : connection_(std::move(connection)) {}
    [[nodiscard]] Result run(const std::vector<PostgresqlStatement>& statements, Patience patience,
                             const Redactor* secrets = nullptr);

    Connection connection_;
};

}  // namespace coffer::rotation
