#include "daemon/rotation/login_function.hpp"

#include <algorithm>

#include "daemon/rotation/check_list.hpp"
#include "daemon/rotation/login_guards.hpp"

namespace coffer::rotation {

namespace {

using Kind = StepFailed::Kind;

constexpr std::string_view kClone = "_clone";

}  // namespace

std::string_view first_user(std::string_view user) {
    return user.ends_with(kClone) ? user.substr(0, user.size() - kClone.size()) : user;
}

std::string second_user(std::string_view user) {
    return std::string(first_user(user)).append(kClone);
}

std::string other_user(std::string_view user, const LoginProduct& product) {
    if (user.ends_with(kClone)) return std::string(first_user(user));
    auto name = second_user(user);
    if (name.size() > product.most_name_bytes) {
        throw StepFailed(Kind::hopeless, "the name of the second user, " + name + ", would be over " +
                                             std::string(product.name) + "'s " +
                                             std::to_string(product.most_name_bytes) +
                                             " bytes: take a shorter user name");
    }
    return name;
}

std::string_view LoginFunction::database_of(const SecretFields& fields) const {
    const auto name = fields.find("dbname");
    return name && !name->empty() ? *name : product_.database;
}

void LoginFunction::require_same_database(const SecretFields& current, const SecretFields& other,
                                          std::string_view what) const {
    require_same_server(current, other, product_.port, what);
    if (database_of(current) == database_of(other)) return;
    throw StepFailed(Kind::hopeless,
                     std::string(what) + " names another database than AWSCURRENT; nothing was done");
}

crypto::SecretBytes LoginFunction::make(const StepContext& /*context*/, SecretValues& values,
                                        const crypto::SecretBytes& current) {
    auto fields = SecretFields::parse(current);
    const auto engine = fields.find("engine");
    if (engine && std::ranges::find(product_.engines, *engine) == product_.engines.end()) {
        throw StepFailed(Kind::hopeless, "the secret's field \"engine\" is not \"" +
                                             std::string(product_.engines.front()) + "\"");
    }
    static_cast<void>(plain_host(fields));
    static_cast<void>(fields.require("password"));
    const std::string user(fields.require("username"));
    const auto password = make_password(password_, values);
    fields.set("password", password.text());
    if (alternates()) fields.set("username", other_user(user, product_));
    return fields.text();
}

void LoginFunction::set(const StepContext& context, SecretValues& values,
                        const crypto::SecretBytes& pending) {
    const auto to = SecretFields::parse(pending);
    const auto current = SecretFields::parse(values.current());
    require_same_database(current, to, "the pending version");
    const std::string user(current.require("username"));
    if (alternates()) {
        if (to.require("username") != other_user(user, product_)) {
            throw StepFailed(Kind::hopeless,
                             "the pending version names a user that does not take turns with " + user +
                                 "; nothing was done");
        }
        set_other(context, values, current, to);
    } else {
        if (to.require("username") != user) {
            throw StepFailed(Kind::hopeless,
                             "the pending version names another user than AWSCURRENT; nothing was done");
        }
        set_own(context, values, current, to);
    }
}

bool LoginFunction::previous_logs_in_as(const std::string& user, SecretValues& values,
                                        const SecretFields& current, Deadline deadline) {
    const auto value = values.previous();
    if (!value) return false;
    const auto previous = SecretFields::parse(*value);
    if (previous.require("username") != user) return false;
    require_same_database(current, previous, "AWSPREVIOUS");
    return logs_in(previous, deadline);
}

void LoginFunction::set_own(const StepContext& context, SecretValues& values, const SecretFields& current,
                            const SecretFields& pending) {
    // A try whose end was not seen may have set it. No other one begins with a login that must fail: servers
    // log those, and lock users out for them.
    if (!context.value_is_new && logs_in(pending, context.deadline)) return;
    if (change_own(current, pending, context.deadline)) return;
    if (context.value_is_new && logs_in(pending, context.deadline)) return;
    // A label that was moved back by hand: the server still has the password before.
    if (const auto value = values.previous()) {
        const auto previous = SecretFields::parse(*value);
        require_same_database(current, previous, "AWSPREVIOUS");
        if (previous.require("username") == std::string(current.require("username")) &&
            change_own(previous, pending, context.deadline)) {
            return;
        }
    }
    throw StepFailed(
        Kind::retry,
        "the server refuses the passwords of AWSPENDING, AWSCURRENT and AWSPREVIOUS: set the user's "
        "password to that of AWSCURRENT by hand, then 'coffer rotation retry'");
}

void LoginFunction::set_other(const StepContext& context, SecretValues& values, const SecretFields& current,
                              const SecretFields& pending) {
    const bool is_set = !context.value_is_new && logs_in(pending, context.deadline);
    if (is_set && !product_.copies_rights) return;
    if (!logs_in(current, context.deadline)) {
        throw StepFailed(Kind::retry,
                         "the server refuses the login of AWSCURRENT; the other user is not touched before "
                         "that works again");
    }
    // In a database of the administrator's own: users belong to the whole server, and that of the secret may
    // belong to whoever writes the secret.
    const auto admin = administrator_login(values, admin_secret_, current, product_.port);
    const std::string user(pending.require("username"));
    change_other(
        {.admin = admin,
         .current = current,
         .pending = pending,
         .pending_logs_in = is_set,
         .previous_logs_in = [&] { return previous_logs_in_as(user, values, current, context.deadline); },
         .deadline = context.deadline});
}

void LoginFunction::test(const StepContext& context, const crypto::SecretBytes& value) {
    if (!logs_in(SecretFields::parse(value), context.deadline)) {
        throw StepFailed(Kind::retry, "the server refuses the new login");
    }
}

std::vector<Check> LoginFunction::check(const StepContext& context, SecretValues& values) {
    CheckList checks;
    const auto value = values.current();
    const auto fields = checks.look_at_login(
        value, [&] { static_cast<void>(make(context, values, value)); },
        [&](const SecretFields& login) { return logs_in(login, context.deadline); },
        "the server refuses the login of AWSCURRENT");
    if (alternates() && fields) {
        checks.look("administrator", "the administrator may make users and change their passwords", [&] {
            check_admin(administrator_login(values, admin_secret_, *fields, product_.port), context.deadline);
        });
    }
    return checks.take();
}

}  // namespace coffer::rotation
