#pragma once
// A login at somebody else's MariaDB or MySQL, for rotation functions: MariaDB Connector/C without blocking
// for ever, without option files, and with nothing of this machine's for a server that asks for it.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/time.hpp"
#include "daemon/rotation/socket_deadline.hpp"

struct st_mysql;

namespace coffer::rotation {

/// Where and as whom. The views must outlive the call they are given to.
struct MysqlLogin {
    std::string_view host;  ///< one name or address (plain_host()): the library takes more
    std::uint16_t port = 3306;
    std::string_view database;  ///< empty: none
    std::string_view user;
    std::string_view password;
};

/// How its server is proven to be the right one: the library knows the certificate and the name, or nothing.
struct MysqlTls {
    bool verify_full = true;
    /// CA certificates; empty: the system's.
    std::filesystem::path ca_file;
};

/// One connection, used by one thread. Every call ends with its patience, and with that of log_in(). A server
/// that sends more than 1 MiB is cut off.
class MysqlSession {
public:
    /// Nothing when the server refuses this user or password. Throws StepFailed: hopeless where the secret
    /// has to be changed, retry when the server cannot be reached, proven, or does not serve.
    [[nodiscard]] static std::optional<MysqlSession> log_in(const MysqlLogin& login, const MysqlTls& tls,
                                                            Patience patience);

    /// Runs one statement without a result that matters. `quiet` leaves out of an error what the server says,
    /// which may quote a statement with a password, but where it is about its rules for passwords. Throws
    /// StepFailed: value_refused where the server has rules for passwords that the new one does not keep,
    /// hopeless where rights are missing, else retry; without_effect() where the server has refused this
    /// statement before it did anything of it.
    void execute(std::string_view sql, Patience patience, bool quiet = false);
    using Row = std::vector<std::optional<std::string>>;
    /// At most 10,000 rows of 1 MiB together; throws StepFailed when there are more.
    [[nodiscard]] std::vector<Row> rows(std::string_view sql, Patience patience);
    /// The first value of the first row; nothing without rows, or for NULL.
    [[nodiscard]] std::optional<std::string> value(std::string_view sql, Patience patience);

    /// MariaDB, and not MySQL.
    [[nodiscard]] bool is_mariadb() const;

private:
    struct Close {
        void operator()(st_mysql* connection) const noexcept;
    };
    using Connection = std::unique_ptr<st_mysql, Close>;

    MysqlSession(std::unique_ptr<SocketDeadline> limit, Connection connection)
        : limit_(std::move(limit)), connection_(std::move(connection)) {}
    void query(std::string_view sql, Patience patience, bool quiet);

    std::unique_ptr<SocketDeadline> limit_;  // outlives the connection, whose end says goodbye to the server
    Connection connection_;
};

/// Quoted for the statements of a MysqlSession, whose server reads no backslash as more than itself. Throws
/// StepFailed (hopeless) for texts that MySQL cannot take: with a NUL, or not UTF-8.
[[nodiscard]] std::string mysql_literal(std::string_view text);
/// 'user'@'host'.
[[nodiscard]] std::string mysql_account(std::string_view user, std::string_view host);

}  // namespace coffer::rotation
