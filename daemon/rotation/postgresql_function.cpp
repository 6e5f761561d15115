#include "daemon/rotation/postgresql_function.hpp"

#include <algorithm>

#include "daemon/rotation/login_guards.hpp"
#include "daemon/rotation/postgresql_settings.hpp"

namespace coffer::rotation {

namespace {

using Kind = StepFailed::Kind;

/// Throws StepFailed where no statement may change anything. A standby may become the primary; a setting
/// stays.
void require_writable(PostgresqlSession& session, Patience patience) {
    const auto state = session.value(
        "SELECT CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE current_setting('transaction_read_only') "
        "END",
        patience);
    if (state == "standby") {
        throw StepFailed(Kind::retry,
                         "the PostgreSQL server is a standby, where no password can be changed: the "
                         "secret's field \"host\" must lead to the primary")
            .before_any_effect();
    }
    if (state == "on") {
        throw StepFailed(
            Kind::hopeless,
            "the PostgreSQL server lets this user's sessions only read "
            "(default_transaction_read_only, of the server, the database or the user), so that no "
            "password can be changed; nothing was done. Turn it off there, or for the one that "
            "changes passwords: ALTER ROLE ... SET default_transaction_read_only = off")
            .before_any_effect();
    }
}

/// Whether there is the user `user`, one of two that take turns. Throws StepFailed when either is a
/// superuser, or the two do not belong to each other.
bool is_ours(PostgresqlSession& admin, const std::string& user, Patience patience) {
    const auto base = admin.literal(first_user(user));
    const auto clone = admin.literal(second_user(user));
    const auto super = admin.value("SELECT rolname FROM pg_catalog.pg_roles WHERE rolsuper AND rolname IN (" +
                                       base + ", " + clone + ") LIMIT 1",
                                   patience);
    if (super) {
        throw StepFailed(Kind::hopeless,
                         "the user " + *super +
                             " is a superuser of the server, whose password is not changed on "
                             "behalf of another, nor are its rights given to one; nothing was "
                             "done")
            .before_any_effect();
    }
    const auto exists =
        admin.value("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = " + admin.literal(user), patience);
    if (!exists) return false;
    // By the catalogue, since a superuser counts as a member of every role. Whichever of the two has its
    // turn, the second one was made a member of the first.
    const auto ours = admin.value(
        "SELECT 1 FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN "
        "pg_catalog.pg_roles c ON c.oid = m.member WHERE r.rolname = " +
            base + " AND c.rolname = " + clone + " LIMIT 1",
        patience);
    if (ours) return true;
    throw StepFailed(Kind::hopeless,
                     "the users " + std::string(first_user(user)) + " and " + second_user(user) +
                         " of the server do not take turns (the second is not a member of the first), so " +
                         user + " is somebody else's; nothing was done")
        .before_any_effect();
}

/// Knows the passwords of `logins`, and what a statement has of the new one.
Redactor secrets_of(std::initializer_list<const SecretFields*> logins, std::string_view clause) {
    Redactor secrets;
    for (const auto* login : logins) {
        secrets.add(crypto::SecretBytes::copy_of(login->find("password").value_or("")));
    }
    secrets.add(crypto::SecretBytes::copy_of(clause));
    return secrets;
}

/// For the look at a kept session: a peer that is gone without a word must leave time for a new login.
constexpr std::chrono::seconds kLookAtKept{5};

constexpr std::string_view kSettings =
    "FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_roles r ON r.oid = s.setrole LEFT JOIN "
    "pg_catalog.pg_database d ON d.oid = s.setdatabase CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS "
    "c(entry) ";

}  // namespace

PostgresqlFunction::PostgresqlFunction(PostgresqlSettings settings)
    : LoginFunction(
          {.name = "PostgreSQL",
           .engines = {"postgres", "postgresql"},
           .port = 5432,
           .database = "postgres",
           .most_name_bytes = 63,
           .checks_own = true,
           .refusal_may_mean = "a user that is gone, or whose password has expired (VALID UNTIL). A pooler "
                               "with a list of passwords of its own does not learn new ones (PgBouncer: "
                               "auth_query in place of auth_file)"},
          std::move(settings.password), std::move(settings.admin_secret)),
      tls_(std::move(settings.tls)),
      send_plain_password_(settings.send_plain_password),
      scram_iterations_(settings.scram_iterations) {}

PostgresqlLogin PostgresqlFunction::login_of(const SecretFields& fields, std::string_view host) const {
    const auto named = find_name(fields, "dbname");
    return {.host = host,
            .port = fields.port(product().port),
            .database = named && !named->empty() ? *named : product().database,
            .user = require_name(fields, "username"),
            .password = require_password(fields)};
}

std::optional<PostgresqlSession> PostgresqlFunction::log_in(const SecretFields& fields,
                                                            Patience patience) const {
    const auto host = plain_host(fields);
    const auto login = login_of(fields, host);
    try {
        return PostgresqlSession::log_in(login, tls_, patience);
    } catch (const StepFailed& failed) {
        // Whatever is changed, is changed by the last statement of the last session.
        throw failed.before_any_effect();
    }
}

PostgresqlSession PostgresqlFunction::log_in_as_admin(const SecretFields& admin, Patience patience) const {
    auto session = log_in(admin, patience);
    if (!session) throw administrator_refused(admin_secret());
    return std::move(*session);
}

std::string PostgresqlFunction::password_clause(const PostgresqlSession& session, const SecretFields& fields,
                                                bool is_new) const {
    const std::string user(fields.require("username"));
    const auto password = fields.require("password");
    if (send_plain_password_) return " PASSWORD " + session.literal(password);
    const auto iterations = is_new ? scram_iterations_ : std::max(scram_iterations_, kScramIterations);
    return " PASSWORD " + session.literal(session.verifier(user, password, iterations));
}

bool PostgresqlFunction::logs_in(const SecretFields& login, Patience patience) {
    auto session = log_in(login, patience);
    if (!session) return false;
    static_cast<void>(session->value("SELECT 1", patience));
    return true;
}

bool PostgresqlFunction::has_password(const SecretFields& login, Patience patience) {
    const auto host = plain_host(login);
    try {
        return PostgresqlSession::log_in(login_of(login, host), tls_, patience).has_value();
    } catch (const LoginNotAdmitted&) {
        return false;
    } catch (const StepFailed& failed) {
        throw failed.before_any_effect();
    }
}

bool PostgresqlFunction::change_own(const SecretFields& login, const SecretFields& pending,
                                    const StepContext& context) {
    const auto patience = context.patience();
    auto session = before_any_effect([&] { return log_in(login, patience); });
    if (!session) return false;
    const auto [clause, name] = before_any_effect([&] {
        require_writable(*session, patience);
        return std::pair(password_clause(*session, pending, context.value_is_new),
                         session->identifier(pending.require("username")));
    });
    const auto secrets = secrets_of({&login, &pending}, clause);
    session->execute({{.sql = "ALTER ROLE " + name + clause, .has_password = true}}, patience,
                     send_plain_password_ ? &secrets : nullptr);
    return true;
}

PostgresqlSession PostgresqlFunction::writable_admin(KeptSessions::Visit& visit, const SecretFields& admin,
                                                     Patience patience) const {
    const auto host = plain_host(admin);
    if (auto kept = visit.take(login_of(admin, host))) {
        try {
            require_writable(*kept, patience.until(std::chrono::steady_clock::now() + kLookAtKept));
            return std::move(*kept);
        } catch (const StepFailed& failed) {
            // It broke since, or the server is no primary any more: a new login may lead to another.
            if (failed.kind() != Kind::retry) throw;
        }
    }
    auto session = log_in_as_admin(admin, patience);
    require_writable(session, patience);
    return session;
}

void PostgresqlFunction::change_other(const Turn& turn) {
    KeptSessions::Visit visit(kept_sessions_);
    auto admin = before_any_effect([&] { return writable_admin(visit, turn.admin, turn.patience); });
    const auto with_password =
        before_any_effect([&] { return password_clause(admin, turn.pending, turn.value_is_new); });
    const auto statements = before_any_effect([&] { return statements_for(admin, turn, with_password); });
    const auto secrets = secrets_of({&turn.admin, &turn.current, &turn.pending}, with_password);
    admin.execute(statements, turn.patience, send_plain_password_ ? &secrets : nullptr);
    const auto host = plain_host(turn.admin);
    visit.give(login_of(turn.admin, host), std::move(admin));
}

std::vector<PostgresqlStatement> PostgresqlFunction::statements_for(PostgresqlSession& admin,
                                                                    const Turn& turn,
                                                                    const std::string& with_password) {
    const std::string user(turn.pending.require("username"));
    const std::string base(first_user(user));
    const auto name = admin.identifier(user);
    const bool exists = is_ours(admin, user, turn.patience);
    // The first user is the one whose settings count; the second has the same from its turn on.
    auto statements = user != base ? settings_statements(admin, base, user, turn.patience)
                                   : std::vector<PostgresqlStatement>();
    if (exists) {
        statements.insert(statements.begin(),
                          {.sql = "ALTER ROLE " + name + with_password, .has_password = true});
    } else {
        // Its objects belong to the shared role, so that both users may use what either made.
        statements.insert(statements.begin(),
                          {{.sql = "CREATE ROLE " + name + " LOGIN" + with_password, .has_password = true},
                           {.sql = "GRANT " + admin.identifier(base) + " TO " + name},
                           {.sql = "ALTER ROLE " + name + " SET role = " + admin.literal(base)}});
    }
    return statements;
}

std::vector<PostgresqlStatement> PostgresqlFunction::settings_statements(PostgresqlSession& admin,
                                                                         const std::string& first,
                                                                         const std::string& second,
                                                                         Patience patience) {
    PostgresqlRoleSettings wanted;
    PostgresqlRoleSettings has;
    const auto rows =
        admin.rows("SELECT r.rolname, d.datname, c.entry " + std::string(kSettings) + "WHERE r.rolname IN (" +
                       admin.literal(first) + ", " + admin.literal(second) + ")",
                   patience);
    for (const auto& row : rows) {
        auto& settings = row.at(0) == first ? wanted : has;
        settings.add(row.at(1).value_or(""), row.at(2).value_or(""));
    }
    const auto name = admin.identifier(second);
    auto statements =
        has.statements_to(wanted, name,
                          {.identifier = [&admin](std::string_view text) { return admin.identifier(text); },
                           .literal = [&admin](std::string_view text) { return admin.literal(text); }});
    const auto limits = admin.rows(
        "SELECT rolconnlimit, coalesce(rolvaliduntil::text, 'infinity') FROM pg_catalog.pg_roles WHERE "
        "rolname = " +
            admin.literal(first),
        patience);
    if (!limits.empty()) {
        statements.push_back({.sql = "ALTER ROLE " + name + " CONNECTION LIMIT " +
                                     limits.front().at(0).value_or("-1") + " VALID UNTIL " +
                                     admin.literal(limits.front().at(1).value_or("infinity"))});
    }
    return statements;
}

void PostgresqlFunction::check_other(const Turn& turn) {
    auto session = log_in_as_admin(turn.admin, turn.patience);
    const auto patience = turn.patience;
    const auto may = session.value(
        "SELECT (rolsuper OR rolcreaterole)::int FROM pg_catalog.pg_roles WHERE rolname = current_user",
        patience);
    if (may != "1") {
        throw StepFailed(Kind::hopeless, "the administrator has neither SUPERUSER nor CREATEROLE");
    }
    require_writable(session, patience);
    static_cast<void>(is_ours(session, std::string(turn.pending.require("username")), patience));
    // Names of settings have no case. Before PostgreSQL 15 nobody but a superuser may be given such a right.
    const bool has_grants = session
                                .value(
                                    "SELECT 1 WHERE pg_catalog.current_setting('server_version_num')::int "
                                    ">= 150000",
                                    patience)
                                .has_value();
    const auto settings = session.value(
        "SELECT pg_catalog.string_agg(DISTINCT g.name, ', ') " + std::string(kSettings) +
            "JOIN pg_catalog.pg_settings g ON pg_catalog.lower(g.name) = "
            "pg_catalog.lower(pg_catalog.split_part(c.entry, '=', 1)) WHERE r.rolname = " +
            session.literal(first_user(require_name(turn.current, "username"))) +
            " AND g.context IN ('superuser', 'superuser-backend') AND NOT (SELECT rolsuper FROM "
            "pg_catalog.pg_roles WHERE rolname = current_user)" +
            (has_grants ? " AND NOT pg_catalog.has_parameter_privilege(g.name, 'SET')" : ""),
        patience);
    if (settings) {
        throw StepFailed(
            Kind::hopeless,
            "the administrator may not set for the second user what is set for the first: " + *settings +
                (has_grants ? ". GRANT SET ON PARAMETER ... TO it, or" : ". Make it a superuser, or") +
                " reset that for the first (ALTER ROLE ... RESET)");
    }
}

void PostgresqlFunction::check_own(const SecretFields& login, Patience patience) {
    if (auto session = log_in(login, patience)) require_writable(*session, patience);
}

}  // namespace coffer::rotation
