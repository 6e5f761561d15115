#include "daemon/rotation/mysql_function.hpp"

#include "daemon/rotation/login_guards.hpp"
#include "daemon/rotation/mysql_verifier.hpp"

namespace coffer::rotation {

namespace {

using Kind = StepFailed::Kind;

/// The account that the server has taken a login as; its name may have an '@', its host has none.
MysqlAccountName account_of(MysqlSession& session, const std::string& user, Deadline deadline) {
    const auto text = session.value("SELECT CURRENT_USER()", deadline).value_or("");
    const auto at = text.rfind('@');
    if (at == std::string::npos || text.substr(0, at) != user) {
        throw StepFailed(Kind::hopeless, "the server takes the login of " + user + " as another account, " +
                                             text + ", which is not touched");
    }
    return {.user = text.substr(0, at), .host = text.substr(at + 1)};
}

/// The plugin that a password of MariaDB's account is for: the first one. Of "CREATE USER `a`@`%` IDENTIFIED
/// VIA ed25519 USING '...' OR ...", and "IDENTIFIED BY PASSWORD '...'" for mysql_native_password.
std::string plugin_of(std::string_view create_user) {
    constexpr std::string_view kVia = " IDENTIFIED VIA ";
    const auto via = create_user.find(kVia);
    if (via == std::string_view::npos) return "mysql_native_password";
    const auto name = create_user.substr(via + kVia.size());
    return std::string(name.substr(0, name.find(' ')));
}

std::vector<std::string> lines_of(MysqlSession& session, const std::string& sql, Deadline deadline) {
    std::vector<std::string> lines;
    for (auto& row : session.rows(sql, deadline)) {
        if (!row.empty() && row.front()) lines.push_back(std::move(*row.front()));
    }
    return lines;
}

MysqlGrants grants_of(MysqlSession& admin, const MysqlAccountName& name, Deadline deadline) {
    return MysqlGrants::parse(
        lines_of(admin, "SHOW GRANTS FOR " + mysql_account(name.user, name.host), deadline), name);
}

void require_no_administrator(const MysqlGrants& grants, const std::string& user) {
    if (const auto right = grants.administrative(); !right.empty()) {
        throw StepFailed(Kind::hopeless, "the user " + user + " has an administrator's rights (" + right +
                                             "), and no second user is given those; nothing was done");
    }
}

}  // namespace

MysqlFunction::MysqlFunction(MysqlSettings settings)
    : LoginFunction({.name = "MySQL",
                     .engines = {"mysql", "mariadb"},
                     .port = 3306,
                     .database = "",
                     .most_name_bytes = 128,
                     .copies_rights = true},
                    std::move(settings.password), std::move(settings.admin_secret)),
      tls_(std::move(settings.tls)),
      send_plain_password_(settings.send_plain_password) {}

std::optional<MysqlSession> MysqlFunction::log_in(const SecretFields& fields, Deadline deadline) const {
    // Copies: each view is good only until the next field is asked for where it is a number.
    const auto host = plain_host(fields);
    const std::string database(fields.find("dbname").value_or(""));
    const std::string user(fields.require("username"));
    const auto port = fields.port(product().port);
    return MysqlSession::log_in({host, port, database, user, fields.require("password")}, tls_, deadline);
}

MysqlSession MysqlFunction::log_in_as_admin(const SecretFields& admin, Deadline deadline) const {
    auto session = log_in(admin, deadline);
    if (!session) throw administrator_refused(admin_secret());
    return std::move(*session);
}

std::string MysqlFunction::stored_password(std::string_view plugin, const std::string& user,
                                           const SecretFields& pending) const {
    const auto password = pending.require("password");
    const auto verifier = mysql_verifier(plugin, password);
    if (!verifier) {
        throw StepFailed(Kind::hopeless, "the user " + user + " logs in by the plugin " +
                                             std::string(plugin) +
                                             " at the server, first of all: only mysql_native_password and "
                                             "ed25519 have passwords that can be rotated there");
    }
    if (send_plain_password_) return "PASSWORD(" + mysql_literal(password) + ")";
    return mysql_literal(*verifier);
}

std::string MysqlFunction::identified(const MysqlSession& admin, std::string_view plugin,
                                      const std::string& user, const SecretFields& pending) const {
    if (admin.is_mariadb()) {
        return " IDENTIFIED VIA " + std::string(plugin) + " USING " + stored_password(plugin, user, pending);
    }
    return " IDENTIFIED WITH " + mysql_literal(plugin) + " BY " + mysql_literal(pending.require("password"));
}

bool MysqlFunction::logs_in(const SecretFields& login, Deadline deadline) {
    auto session = log_in(login, deadline);
    if (!session) return false;
    static_cast<void>(account_of(*session, std::string(login.require("username")), deadline));
    return true;
}

bool MysqlFunction::change_own(const SecretFields& login, const SecretFields& pending, Deadline deadline) {
    auto session = log_in(login, deadline);
    if (!session) return false;
    const auto account = account_of(*session, std::string(pending.require("username")), deadline);
    if (session->is_mariadb()) {
        const auto plugin = plugin_of(session->value("SHOW CREATE USER", deadline).value_or(""));
        session->execute("SET PASSWORD = " + stored_password(plugin, account.user, pending), deadline,
                         send_plain_password_);
    } else {
        session->execute("ALTER USER USER() IDENTIFIED BY " + mysql_literal(pending.require("password")),
                         deadline, true);
    }
    return true;
}

std::optional<MysqlFunction::Account> MysqlFunction::find_account(MysqlSession& admin,
                                                                  const MysqlAccountName& name,
                                                                  Deadline deadline) {
    const auto rows = admin.rows(
        "SELECT plugin, ssl_type, ssl_cipher, x509_issuer, x509_subject FROM mysql.user WHERE User = " +
            mysql_literal(name.user) + " AND Host = " + mysql_literal(name.host),
        deadline);
    if (rows.empty()) return std::nullopt;
    const auto text = [&row = rows.front()](std::size_t i) {
        return i < row.size() ? row[i].value_or("") : "";
    };
    Account account{.plugin = text(0), .require = " REQUIRE NONE"};
    if (account.plugin.empty()) account.plugin = "mysql_native_password";
    if (text(1) == "ANY") account.require = " REQUIRE SSL";
    if (text(1) == "X509") account.require = " REQUIRE X509";
    if (text(1) == "SPECIFIED") {
        account.require = " REQUIRE";
        if (!text(2).empty()) account.require += " CIPHER " + mysql_literal(text(2));
        if (!text(3).empty()) account.require += " ISSUER " + mysql_literal(text(3));
        if (!text(4).empty()) account.require += " SUBJECT " + mysql_literal(text(4));
    }
    return account;
}

void MysqlFunction::change_other(const Turn& turn) {
    const std::string from(turn.current.require("username"));
    const std::string user(turn.pending.require("username"));
    const auto host = [&] {
        auto session = log_in(turn.current, turn.deadline);
        if (!session) throw StepFailed(Kind::retry, "the server refuses the login of AWSCURRENT");
        return account_of(*session, from, turn.deadline).host;
    }();
    const MysqlAccountName first{.user = std::string(first_user(user)), .host = host};
    const MysqlAccountName second{.user = second_user(user), .host = host};
    const MysqlAccountName target{.user = user, .host = host};
    auto admin = log_in_as_admin(turn.admin, turn.deadline);
    const auto base = find_account(admin, first, turn.deadline);
    if (!base) {
        throw StepFailed(Kind::hopeless, "the server has no user " + mysql_account(first.user, host) +
                                             ", whose rights the second user has; nothing was done");
    }
    const auto wanted = grants_of(admin, first, turn.deadline);
    require_no_administrator(wanted, first.user);
    const auto there = find_account(admin, target, turn.deadline);
    const auto name = mysql_account(target.user, target.host);
    if (!there) {
        admin.execute(
            "CREATE USER " + name + identified(admin, base->plugin, user, turn.pending) + base->require,
            turn.deadline, true);
    } else {
        require_no_administrator(grants_of(admin, target, turn.deadline), user);
        if (!turn.pending_logs_in) {
            if (!turn.previous_logs_in()) {
                throw StepFailed(Kind::hopeless,
                                 "the user " + name +
                                     " is there, and AWSPREVIOUS does not log in as that user, so it may be "
                                     "somebody else's; nothing was done. If it is this secret's: DROP USER " +
                                     name + " when nobody uses it, then 'coffer rotation retry'");
            }
            admin.execute("ALTER USER " + name + identified(admin, there->plugin, user, turn.pending),
                          turn.deadline, true);
        }
    }
    if (target != second) return;
    // The first user is the one whose rights count; the second has the same from its turn on.
    if (there && there->require != base->require) {
        admin.execute("ALTER USER " + name + base->require, turn.deadline);
    }
    for (const auto& statement : grants_of(admin, target, turn.deadline).statements_to(wanted, target)) {
        admin.execute(statement, turn.deadline);
    }
}

void MysqlFunction::check_admin(const SecretFields& admin, Deadline deadline) {
    auto session = log_in_as_admin(admin, deadline);
    static_cast<void>(session.value("SELECT COUNT(*) FROM mysql.user WHERE User = ''", deadline));
    const auto lines = lines_of(session, "SHOW GRANTS", deadline);
    for (const auto& line : lines) {
        const bool everywhere = line.find(" ON *.* TO ") != std::string::npos;
        if (everywhere && (line.starts_with("GRANT ALL PRIVILEGES ") ||
                           line.find("CREATE USER") < line.find(" ON *.* TO "))) {
            return;
        }
    }
    throw StepFailed(Kind::hopeless,
                     "the administrator lacks CREATE USER on *.*: GRANT CREATE USER, GRANT OPTION ON *.* and "
                     "SELECT ON mysql.* to it, and the rights that the users have");
}

}  // namespace coffer::rotation
