#include "daemon/rotation/postgresql_function.hpp"

#include "daemon/rotation/login_guards.hpp"

namespace coffer::rotation {

namespace {

using Kind = StepFailed::Kind;

}  // namespace

PostgresqlFunction::PostgresqlFunction(PostgresqlSettings settings)
    : LoginFunction({.name = "PostgreSQL",
                     .engines = {"postgres", "postgresql"},
                     .port = 5432,
                     .database = "postgres",
                     .most_name_bytes = 63},
                    std::move(settings.password), std::move(settings.admin_secret)),
      tls_(std::move(settings.tls)),
      send_plain_password_(settings.send_plain_password) {}

std::optional<PostgresqlSession> PostgresqlFunction::log_in(const SecretFields& fields,
                                                            Deadline deadline) const {
    // Copies: each view is good only until the next field is asked for where it is a number.
    const auto host = plain_host(fields);
    const auto named = fields.find("dbname");
    const std::string database(named && !named->empty() ? *named : product().database);
    const std::string user(fields.require("username"));
    const auto port = fields.port(product().port);
    return PostgresqlSession::log_in({host, port, database, user, fields.require("password")}, tls_,
                                     deadline);
}

PostgresqlSession PostgresqlFunction::log_in_as_admin(const SecretFields& admin, Deadline deadline) const {
    auto session = log_in(admin, deadline);
    if (!session) throw administrator_refused(admin_secret());
    return std::move(*session);
}

std::string PostgresqlFunction::password_clause(const PostgresqlSession& session,
                                                const SecretFields& fields) const {
    const std::string user(fields.require("username"));
    const auto password = fields.require("password");
    return " PASSWORD " +
           session.literal(send_plain_password_ ? std::string(password) : session.verifier(user, password));
}

bool PostgresqlFunction::logs_in(const SecretFields& login, Deadline deadline) {
    auto session = log_in(login, deadline);
    if (!session) return false;
    static_cast<void>(session->value("SELECT 1", deadline));
    return true;
}

bool PostgresqlFunction::change_own(const SecretFields& login, const SecretFields& pending,
                                    Deadline deadline) {
    auto session = log_in(login, deadline);
    if (!session) return false;
    const std::string user(pending.require("username"));
    session->execute("ALTER ROLE " + session->identifier(user) + password_clause(*session, pending), deadline,
                     send_plain_password_);
    return true;
}

void PostgresqlFunction::change_other(const Turn& turn) {
    auto admin = log_in_as_admin(turn.admin, turn.deadline);
    const std::string user(turn.pending.require("username"));
    const std::string base(first_user(user));
    const auto clone = second_user(user);
    const auto name = admin.identifier(user);
    const auto with_password = password_clause(admin, turn.pending);
    const auto exists = admin.value(
        "SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = " + admin.literal(user), turn.deadline);
    if (!exists) {
        // Its objects belong to the shared role, so that both users may use what either made.
        admin.execute("BEGIN; CREATE ROLE " + name + " LOGIN" + with_password + "; GRANT " +
                          admin.identifier(base) + " TO " + name + "; ALTER ROLE " + name +
                          " SET role = " + admin.literal(base) + "; COMMIT",
                      turn.deadline, send_plain_password_);
        return;
    }
    // By the catalogue, since a superuser counts as a member of every role. Whichever of the two has its
    // turn, the second one was made a member of the first.
    const auto whose = admin.value(
        "SELECT CASE WHEN u.rolsuper THEN 'superuser' WHEN EXISTS (SELECT FROM pg_catalog.pg_auth_members m "
        "JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles c ON c.oid = m.member WHERE "
        "r.rolname = " +
            admin.literal(base) + " AND c.rolname = " + admin.literal(clone) +
            ") THEN 'ours' END FROM pg_catalog.pg_roles u WHERE u.rolname = " + admin.literal(user),
        turn.deadline);
    if (whose == "superuser") {
        throw StepFailed(Kind::hopeless, "the user " + user +
                                             " is a superuser of the server, whose password is not " +
                                             "changed on behalf of another; nothing was done");
    }
    if (whose != "ours") {
        throw StepFailed(
            Kind::hopeless,
            "the users " + base + " and " + clone +
                " of the server do not take turns (the second is not a member of the first), so " + user +
                " is somebody else's; nothing was done");
    }
    admin.execute("ALTER ROLE " + name + with_password, turn.deadline, send_plain_password_);
}

void PostgresqlFunction::check_admin(const SecretFields& admin, Deadline deadline) {
    auto session = log_in_as_admin(admin, deadline);
    const auto may = session.value(
        "SELECT (rolsuper OR rolcreaterole)::int FROM pg_catalog.pg_roles WHERE rolname = current_user",
        deadline);
    if (may != "1") {
        throw StepFailed(Kind::hopeless, "the administrator has neither SUPERUSER nor CREATEROLE");
    }
}

}  // namespace coffer::rotation
