#include "daemon/rotation/mysql_function.hpp"

#include <algorithm>
#include <array>

#include "daemon/rotation/login_guards.hpp"
#include "daemon/rotation/mysql_verifier.hpp"

namespace coffer::rotation {

namespace {

using Kind = StepFailed::Kind;

/// The account that the server has taken a login as; its name may have an '@', its host has none.
MysqlAccountName account_of(MysqlSession& session, const std::string& user, Patience patience) {
    const auto text = session.value("SELECT CURRENT_USER()", patience).value_or("");
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

std::vector<std::string> lines_of(MysqlSession& session, const std::string& sql, Patience patience) {
    std::vector<std::string> lines;
    for (auto& row : session.rows(sql, patience)) {
        if (!row.empty() && row.front()) lines.push_back(std::move(*row.front()));
    }
    return lines;
}

MysqlGrants grants_of(MysqlSession& admin, const MysqlAccountName& name, Patience patience) {
    return MysqlGrants::parse(
        lines_of(admin, "SHOW GRANTS FOR " + mysql_account(name.user, name.host), patience), name);
}

void require_no_administrator(const MysqlGrants& grants, const std::string& user) {
    if (const auto right = grants.administrative(); !right.empty()) {
        throw StepFailed(Kind::hopeless, "the user " + user + " has an administrator's rights (" + right +
                                             "), and no second user is given those; nothing was done")
            .before_any_effect();
    }
}

/// Whether a line of SHOW GRANTS has a right over all databases with which users change what others may only
/// read.
bool is_spared_by_read_only(std::string_view grant) {
    constexpr std::array<std::string_view, 5> kSparing{"ALL PRIVILEGES", "SUPER", "READ_ONLY ADMIN",
                                                       "READ ONLY ADMIN", "CONNECTION_ADMIN"};
    const auto rights = grant.substr(0, grant.find(" ON *.* TO "));
    return rights.size() < grant.size() && std::ranges::any_of(kSparing, [&](std::string_view right) {
               return rights.find(right) != std::string_view::npos;
           });
}

/// Throws StepFailed where the server lets this user's sessions only read. What they do may come to nothing
/// for other reasons.
void require_writable(MysqlSession& session, Patience patience) {
    const auto read_only = session.value("SELECT @@global.read_only", patience).value_or("0");
    if (read_only == "0" || read_only == "OFF") return;
    if (std::ranges::any_of(lines_of(session, "SHOW GRANTS", patience), is_spared_by_read_only)) return;
    throw StepFailed(
        Kind::retry,
        "the MySQL server lets users only read (its variable read_only is on, as at replicas), so "
        "that no password can be changed there: the secret's field \"host\" must lead to the "
        "primary")
        .before_any_effect();
}

}  // namespace

MysqlFunction::MysqlFunction(MysqlSettings settings)
    : LoginFunction(
          {.name = "MySQL",
           .engines = {"mysql", "mariadb"},
           .port = 3306,
           .database = "",
           .most_name_bytes = 128,
           .copies_rights = true,
           .checks_own = true,
           .refusal_may_mean = "a user that it does not have for the address that this node comes from "
                               "(the host part of 'USER'@'HOST'), or that has to show a certificate"},
          std::move(settings.password), std::move(settings.admin_secret)),
      tls_(std::move(settings.tls)),
      send_plain_password_(settings.send_plain_password) {}

std::optional<MysqlSession> MysqlFunction::log_in(const SecretFields& fields, Patience patience) const {
    return log_in_to(fields, find_name(fields, "dbname").value_or(""), patience);
}

std::optional<MysqlSession> MysqlFunction::log_in_to(const SecretFields& fields, std::string_view database,
                                                     Patience patience) const {
    const auto host = plain_host(fields);
    const auto port = fields.port(product().port);
    try {
        return MysqlSession::log_in(
            {host, port, database, require_name(fields, "username"), require_password(fields)}, tls_,
            patience);
    } catch (const StepFailed& failed) {
        // But for the one that sets a default role, no session is begun after the first change.
        throw failed.before_any_effect();
    }
}

MysqlSession MysqlFunction::log_in_as_admin(const SecretFields& admin, Patience patience) const {
    auto session = log_in(admin, patience);
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

bool MysqlFunction::logs_in(const SecretFields& login, Patience patience) {
    auto session = log_in(login, patience);
    if (!session) return false;
    static_cast<void>(account_of(*session, std::string(login.require("username")), patience));
    return true;
}

bool MysqlFunction::has_password(const SecretFields& login, Patience patience) {
    auto session = log_in_to(login, "", patience);
    if (!session) return false;
    static_cast<void>(account_of(*session, std::string(login.require("username")), patience));
    return true;
}

bool MysqlFunction::change_own(const SecretFields& login, const SecretFields& pending,
                               const StepContext& context) {
    auto session = log_in(login, context.patience());
    if (!session) return false;
    const auto statement = before_any_effect([&] {
        const std::string user(pending.require("username"));
        static_cast<void>(account_of(*session, user, context.patience()));
        return own_password_statement(*session, user, pending, context.patience());
    });
    session->execute(statement, context.patience(), !session->is_mariadb() || send_plain_password_);
    return true;
}

std::string MysqlFunction::own_password_statement(MysqlSession& session, const std::string& user,
                                                  const SecretFields& pending, Patience patience) const {
    if (!session.is_mariadb()) {
        return "ALTER USER USER() IDENTIFIED BY " + mysql_literal(pending.require("password"));
    }
    const auto plugin = plugin_of(session.value("SHOW CREATE USER", patience).value_or(""));
    return "SET PASSWORD = " + stored_password(plugin, user, pending);
}

std::optional<MysqlFunction::Account> MysqlFunction::find_account(MysqlSession& admin,
                                                                  const MysqlAccountName& name,
                                                                  Patience patience) {
    const auto rows = admin.rows(
        "SELECT plugin, ssl_type, ssl_cipher, x509_issuer, x509_subject FROM mysql.user WHERE User = " +
            mysql_literal(name.user) + " AND Host = " + mysql_literal(name.host),
        patience);
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

MysqlFunction::Prepared MysqlFunction::prepare(const Turn& turn) {
    const std::string from(turn.current.require("username"));
    const std::string user(turn.pending.require("username"));
    const auto host = [&] {
        auto session = log_in(turn.current, turn.patience);
        if (!session) {
            throw StepFailed(Kind::retry, "the server refuses the login of AWSCURRENT").before_any_effect();
        }
        return account_of(*session, from, turn.patience).host;
    }();
    const MysqlAccountName first{.user = std::string(first_user(user)), .host = host};
    const MysqlAccountName target{.user = user, .host = host};
    auto admin = log_in_as_admin(turn.admin, turn.patience);
    auto base = find_account(admin, first, turn.patience);
    if (!base) {
        throw StepFailed(Kind::hopeless, "the server has no user " + mysql_account(first.user, host) +
                                             ", whose rights the second user has; nothing was done")
            .before_any_effect();
    }
    auto wanted = grants_of(admin, first, turn.patience);
    require_no_administrator(wanted, first.user);
    auto there = find_account(admin, target, turn.patience);
    if (there) {
        require_no_administrator(grants_of(admin, target, turn.patience), user);
        if (!turn.pending_logs_in && !turn.earlier_logs_in()) {
            const auto name = mysql_account(target.user, target.host);
            throw StepFailed(Kind::hopeless,
                             "the user " + name +
                                 " is there, and AWSPREVIOUS does not log in as that user, so it may be "
                                 "somebody else's; nothing was done. If it is this secret's: DROP USER " +
                                 name + " when nobody uses it, then 'coffer rotation retry'")
                .before_any_effect();
        }
    }
    return {.admin = std::move(admin),
            .first = first,
            .second = {.user = second_user(user), .host = host},
            .target = target,
            .base = std::move(*base),
            .there = std::move(there),
            .wanted = std::move(wanted)};
}

void MysqlFunction::change_other(const Turn& turn) {
    auto prepared = before_any_effect([&] { return prepare(turn); });
    auto& admin = prepared.admin;
    const auto& there = prepared.there;
    const auto& base = prepared.base;
    const auto& target = prepared.target;
    const auto name = mysql_account(target.user, target.host);
    const auto with_password = before_any_effect(
        [&] { return identified(admin, there ? there->plugin : base.plugin, target.user, turn.pending); });
    // The first user is the one whose rights count; the second has the same from its turn on.
    const bool follows = target == prepared.second;
    std::optional<std::string> role;
    const auto bring_in_line = [&] {
        if (follows) role = bring_rights_in_line(prepared, turn.patience);
    };
    // Before its password is set: what cannot be taken away from it is not had with a new one.
    if (there) before_any_effect(bring_in_line);
    if (!there) {
        admin.execute("CREATE USER " + name + with_password + base.require, turn.patience, true);
    } else if (!turn.pending_logs_in) {
        admin.execute("ALTER USER " + name + with_password, turn.patience, true);
    }
    try {
        if (!there) bring_in_line();
        if (role) set_default_role(*role, target, turn);
    } catch (const StepFailed& failed) {
        // The account has its new password by now.
        throw failed.after_an_effect();
    }
}

std::optional<std::string> MysqlFunction::bring_rights_in_line(Prepared& prepared, Patience patience) {
    auto& admin = prepared.admin;
    const auto& target = prepared.target;
    const auto name = mysql_account(target.user, target.host);
    if (prepared.there && prepared.there->require != prepared.base.require) {
        admin.execute("ALTER USER " + name + prepared.base.require, patience);
    }
    const auto has = grants_of(admin, target, patience);
    for (const auto& statement : has.statements_to(prepared.wanted, target)) {
        admin.execute(statement, patience);
    }
    return has.own_statement_to(prepared.wanted);
}

void MysqlFunction::set_default_role(const std::string& statement, const MysqlAccountName& account,
                                     const Turn& turn) const {
    // In no database: the rights to the secret's may come with that role alone.
    auto own = log_in_to(turn.pending, "", turn.patience);
    if (!own || account_of(*own, account.user, turn.patience) != account) {
        throw StepFailed(Kind::retry, "the server refuses the login of " +
                                          mysql_account(account.user, account.host) +
                                          ", which was to set its default role");
    }
    own->execute(statement, turn.patience);
}

void MysqlFunction::check_own(const SecretFields& login, Patience patience) {
    if (auto session = log_in(login, patience)) require_writable(*session, patience);
}

void MysqlFunction::check_other(const Turn& turn) {
    auto session = log_in_as_admin(turn.admin, turn.patience);
    require_writable(session, turn.patience);
    static_cast<void>(session.value("SELECT COUNT(*) FROM mysql.user WHERE User = ''", turn.patience));
    const auto lines = lines_of(session, "SHOW GRANTS", turn.patience);
    const bool may = std::ranges::any_of(lines, [](const std::string& line) {
        const auto everywhere = line.find(" ON *.* TO ");
        return everywhere != std::string::npos &&
               (line.starts_with("GRANT ALL PRIVILEGES ") || line.find("CREATE USER") < everywhere);
    });
    if (!may) {
        throw StepFailed(Kind::hopeless,
                         "the administrator lacks CREATE USER on *.*: GRANT CREATE USER, GRANT OPTION ON *.* "
                         "and SELECT ON mysql.* to it, and the rights that the users have");
    }
    static_cast<void>(prepare(turn));
}

}  // namespace coffer::rotation
