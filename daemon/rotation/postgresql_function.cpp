#include "daemon/rotation/postgresql_function.hpp"

namespace coffer::rotation {

namespace {

using Kind = StepFailed::Kind;

constexpr std::uint16_t kPort = 5432;
constexpr std::string_view kClone = "_clone";
constexpr std::size_t kMostNameBytes = 63;

std::string_view database_of(const SecretFields& fields) {
    const auto name = fields.find("dbname");
    return name && !name->empty() ? *name : std::string_view("postgres");
}

void require_same_server(const SecretFields& a, const SecretFields& b, std::string_view what) {
    if (std::string(a.require("host")) == b.require("host") && a.port(kPort) == b.port(kPort)) return;
    throw StepFailed(Kind::hopeless,
                     std::string(what) + " names another host or port than AWSCURRENT; nothing was done");
}

void require_same_database(const SecretFields& a, const SecretFields& b, std::string_view what) {
    require_same_server(a, b, what);
    if (database_of(a) == database_of(b)) return;
    throw StepFailed(Kind::hopeless,
                     std::string(what) + " names another database than AWSCURRENT; nothing was done");
}

void require_engine(const SecretFields& fields) {
    const auto engine = fields.find("engine");
    if (engine && *engine != "postgres" && *engine != "postgresql") {
        throw StepFailed(Kind::hopeless, "the secret's field \"engine\" is not \"postgres\"");
    }
}

/// The role whose rights both have.
std::string_view base_user(std::string_view user) {
    return user.ends_with(kClone) ? user.substr(0, user.size() - kClone.size()) : user;
}

}  // namespace

std::string other_user(std::string_view user) {
    if (user.ends_with(kClone)) return std::string(base_user(user));
    auto name = std::string(user) + std::string(kClone);
    if (name.size() > kMostNameBytes) {
        throw StepFailed(Kind::hopeless,
                         "the name of the second user, " + name +
                             ", would be over PostgreSQL's 63 bytes: take a shorter user name");
    }
    return name;
}

std::optional<PostgresqlSession> PostgresqlFunction::log_in(const SecretFields& fields,
                                                            Deadline deadline) const {
    // Copies: each view is good only until the next field is asked for where it is a number.
    const std::string host(fields.require("host"));
    const std::string database(database_of(fields));
    const std::string user(fields.require("username"));
    const auto port = fields.port(kPort);
    return PostgresqlSession::log_in({host, port, database, user, fields.require("password")}, settings_.tls,
                                     deadline);
}

PostgresqlSession PostgresqlFunction::log_in_as_admin(SecretValues& values, const SecretFields& target,
                                                      Deadline deadline) const {
    const auto value = values.current_of(settings_.admin_secret);
    if (!value) {
        throw StepFailed(Kind::hopeless,
                         "the secret " + settings_.admin_secret +
                             " with the administrator's login, which the configuration of the rotation "
                             "function names, does not exist or has no value");
    }
    // In a database of the administrator's own: users belong to the whole server, and that of the secret may
    // belong to whoever writes the secret.
    const auto admin = SecretFields::parse(*value);
    // The secret's writers choose its host; they do not get the administrator's password sent there.
    require_same_server(target, admin, "the secret " + settings_.admin_secret);
    auto session = log_in(admin, deadline);
    if (!session) {
        throw StepFailed(Kind::retry, "the server refuses the administrator's login of the secret " +
                                          settings_.admin_secret);
    }
    return std::move(*session);
}

crypto::SecretBytes PostgresqlFunction::make(const StepContext& /*context*/, SecretValues& values,
                                             const crypto::SecretBytes& current) {
    auto fields = SecretFields::parse(current);
    require_engine(fields);
    static_cast<void>(fields.require("host"));
    static_cast<void>(fields.require("password"));
    const std::string user(fields.require("username"));
    const auto password = make_password(settings_.password, values);
    fields.set("password", password.text());
    if (alternates()) fields.set("username", other_user(user));
    return fields.text();
}

std::string PostgresqlFunction::password_clause(const PostgresqlSession& session,
                                                const SecretFields& fields) const {
    const std::string user(fields.require("username"));
    const auto password = fields.require("password");
    return " PASSWORD " + session.literal(settings_.send_plain_password ? std::string(password)
                                                                        : session.verifier(user, password));
}

void PostgresqlFunction::set(const StepContext& context, SecretValues& values,
                             const crypto::SecretBytes& pending) {
    const auto to = SecretFields::parse(pending);
    const auto current = SecretFields::parse(values.current());
    require_same_database(current, to, "the pending version");
    const std::string user(current.require("username"));
    // A try whose end was not seen may have set it.
    const auto is_set = [&] { return log_in(to, context.deadline).has_value(); };
    if (alternates()) {
        if (to.require("username") != other_user(user)) {
            throw StepFailed(Kind::hopeless,
                             "the pending version names a user that does not take turns with " + user +
                                 "; nothing was done");
        }
        if (!is_set()) set_other_user(context, values, current, to);
    } else {
        if (to.require("username") != user) {
            throw StepFailed(Kind::hopeless,
                             "the pending version names another user than AWSCURRENT; nothing was done");
        }
        if (!is_set()) set_own_password(context, values, current, to);
    }
}

void PostgresqlFunction::set_own_password(const StepContext& context, SecretValues& values,
                                          const SecretFields& current, const SecretFields& pending) {
    auto session = log_in(current, context.deadline);
    if (!session) {
        // A label that was moved back by hand: the server still has the password before.
        if (const auto value = values.previous()) {
            const auto previous = SecretFields::parse(*value);
            require_same_database(current, previous, "AWSPREVIOUS");
            if (previous.require("username") == std::string(current.require("username"))) {
                session = log_in(previous, context.deadline);
            }
        }
    }
    if (!session) {
        throw StepFailed(
            Kind::retry,
            "the server refuses the passwords of AWSPENDING, AWSCURRENT and AWSPREVIOUS: set the user's "
            "password to that of AWSCURRENT by hand, then 'coffer rotation retry'");
    }
    const std::string user(pending.require("username"));
    session->execute("ALTER ROLE " + session->identifier(user) + password_clause(*session, pending),
                     context.deadline, settings_.send_plain_password);
}

void PostgresqlFunction::set_other_user(const StepContext& context, SecretValues& values,
                                        const SecretFields& current, const SecretFields& pending) {
    if (!log_in(current, context.deadline)) {
        throw StepFailed(Kind::retry,
                         "the server refuses the login of AWSCURRENT; the other user is not touched before "
                         "that works again");
    }
    auto admin = log_in_as_admin(values, current, context.deadline);
    const std::string user(pending.require("username"));
    const std::string base(base_user(user));
    const auto name = admin.identifier(user);
    const auto with_password = password_clause(admin, pending);
    const auto exists = admin.value(
        "SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = " + admin.literal(user), context.deadline);
    if (!exists) {
        // Its objects belong to the shared role, so that both users may use what either made.
        admin.execute("BEGIN; CREATE ROLE " + name + " LOGIN" + with_password + "; GRANT " +
                          admin.identifier(base) + " TO " + name + "; ALTER ROLE " + name +
                          " SET role = " + admin.literal(base) + "; COMMIT",
                      context.deadline, settings_.send_plain_password);
        return;
    }
    // By the catalogue, since a superuser counts as a member of every role. Whichever of the two has its
    // turn, the second one was made a member of the first.
    const auto whose = admin.value(
        "SELECT CASE WHEN u.rolsuper THEN 'superuser' WHEN EXISTS (SELECT FROM pg_catalog.pg_auth_members m "
        "JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles c ON c.oid = m.member WHERE "
        "r.rolname = " +
            admin.literal(base) + " AND c.rolname = " + admin.literal(base + std::string(kClone)) +
            ") THEN 'ours' END FROM pg_catalog.pg_roles u WHERE u.rolname = " + admin.literal(user),
        context.deadline);
    if (whose == "superuser") {
        throw StepFailed(Kind::hopeless, "the user " + user +
                                             " is a superuser of the server, whose password is not " +
                                             "changed on behalf of another; nothing was done");
    }
    if (whose != "ours") {
        throw StepFailed(
            Kind::hopeless,
            "the users " + base + " and " + base + std::string(kClone) +
                " of the server do not take turns (the second is not a member of the first), so " + user +
                " is somebody else's; nothing was done");
    }
    admin.execute("ALTER ROLE " + name + with_password, context.deadline, settings_.send_plain_password);
}

void PostgresqlFunction::test(const StepContext& context, const crypto::SecretBytes& value) {
    auto session = log_in(SecretFields::parse(value), context.deadline);
    if (!session) throw StepFailed(Kind::retry, "the server refuses the new login");
    static_cast<void>(session->value("SELECT 1", context.deadline));
}

std::vector<Check> PostgresqlFunction::check(const StepContext& context, SecretValues& values) {
    std::vector<Check> checks;
    const auto look = [&checks](std::string name, std::string good, const auto& what) -> bool {
        try {
            what();
            checks.push_back({std::move(name), Check::Outcome::passed, std::move(good)});
            return true;
        } catch (const StepFailed& failed) {
            checks.push_back({std::move(name), Check::Outcome::failed, failed.what()});
            return false;
        }
    };
    const auto value = values.current();
    if (!look("value", "the fields that are needed are there",
              [&] { static_cast<void>(make(context, values, value)); })) {
        return checks;
    }
    const auto fields = SecretFields::parse(value);
    const bool logs_in = look("login", "the server takes the login of AWSCURRENT", [&] {
        if (!log_in(fields, context.deadline)) {
            throw StepFailed(Kind::hopeless, "the server refuses the login of AWSCURRENT");
        }
    });
    if (alternates() && logs_in) {
        look("administrator", "the administrator may make users and change their passwords", [&] {
            auto admin = log_in_as_admin(values, fields, context.deadline);
            const auto may = admin.value(
                "SELECT (rolsuper OR rolcreaterole)::int FROM pg_catalog.pg_roles WHERE rolname = "
                "current_user",
                context.deadline);
            if (may != "1")
                throw StepFailed(Kind::hopeless, "the administrator has neither SUPERUSER nor CREATEROLE");
        });
    }
    return checks;
}

}  // namespace coffer::rotation
