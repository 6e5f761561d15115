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

std::string LoginFunction::refusal_hint() const {
    if (product_.refusal_may_mean.empty()) return "";
    return ". It says the same of " + std::string(product_.refusal_may_mean);
}

std::string_view LoginFunction::database_of(const SecretFields& fields) const {
    const auto name = find_name(fields, "dbname");
    return name && !name->empty() ? *name : product_.database;
}

void LoginFunction::require_same_database(const SecretFields& current, const SecretFields& other,
                                          std::string_view what) const {
    require_same_server(current, other, product_.port, what);
    if (database_of(current) == database_of(other)) return;
    throw StepFailed(Kind::hopeless,
                     std::string(what) + " names another database than AWSCURRENT; nothing was done");
}

crypto::SecretBytes LoginFunction::make(const StepContext& context, SecretValues& values,
                                        const crypto::SecretBytes& current) {
    auto fields = SecretFields::parse(current);
    const auto engine = fields.find("engine");
    if (engine && std::ranges::find(product_.engines, *engine) == product_.engines.end()) {
        throw StepFailed(Kind::hopeless, "the secret's field \"engine\" is not \"" +
                                             std::string(product_.engines.front()) + "\"");
    }
    static_cast<void>(plain_host(fields));
    static_cast<void>(require_password(fields));
    static_cast<void>(database_of(fields));
    const std::string user(require_name(fields, "username"));
    const auto password = make_password(password_.of(context.secret_name), values);
    fields.set("password", password.text());
    if (alternates()) fields.set("username", other_user(user, product_));
    return fields.text();
}

void LoginFunction::set(const StepContext& context, SecretValues& values,
                        const crypto::SecretBytes& pending) {
    const auto to = before_any_effect([&] { return SecretFields::parse(pending); });
    const auto current = before_any_effect([&] { return SecretFields::parse(values.current()); });
    const bool is_moved = before_any_effect([&] { return is_moved_to(to, current, values); });
    if (is_moved) {
        set_moved(context, values, to);
    } else if (alternates()) {
        const bool is_set =
            !context.value_is_new && before_any_effect([&] { return has_password(to, context.patience()); });
        set_other(context, values, current, to, is_set);
    } else {
        set_own(context, values, current, to);
    }
}

bool LoginFunction::is_moved_to(const SecretFields& pending, const SecretFields& current,
                                SecretValues& values) const {
    const std::string user(require_name(current, "username"));
    static_cast<void>(require_password(pending));
    require_same_database(current, pending, "the pending version");
    if (!alternates()) {
        if (pending.require("username") == user) return false;
        throw StepFailed(Kind::hopeless,
                         "the pending version names another user than AWSCURRENT; nothing was done");
    }
    if (pending.require("username") == user && values.new_is_current()) return true;
    if (pending.require("username") == other_user(user, product_)) return false;
    throw StepFailed(Kind::hopeless, "the pending version names a user that does not take turns with " +
                                         user + "; nothing was done");
}

std::vector<SecretFields> LoginFunction::left_behind(const std::string& user, SecretValues& values,
                                                     const SecretFields& current) const {
    return logins_as(user, values.left_behind(), [&](const SecretFields& login) {
        require_same_database(current, login, "a version that was left behind");
    });
}

bool LoginFunction::earlier_logs_in_as(const std::string& user, SecretValues& values,
                                       const SecretFields& current, Patience patience) {
    if (const auto value = values.previous()) {
        const auto previous = SecretFields::parse(*value);
        if (previous.require("username") == user) {
            require_same_database(current, previous, "AWSPREVIOUS");
            if (has_password(previous, patience)) return true;
        }
    }
    return std::ranges::any_of(left_behind(user, values, current),
                               [&](const SecretFields& login) { return has_password(login, patience); });
}

void LoginFunction::set_own(const StepContext& context, SecretValues& values, const SecretFields& current,
                            const SecretFields& pending) {
    const auto is_set = [&] {
        return before_any_effect([&] { return logs_in(pending, context.patience()); });
    };
    // A try whose end was not seen may have set it. No other one begins with a login that must fail: servers
    // log those, and lock users out for them.
    if (!context.value_is_new && is_set()) return;
    if (change_own(current, pending, context)) return;
    if (context.value_is_new && is_set()) return;
    // A label that was moved back by hand: the server still has the password before.
    const auto previous = before_any_effect([&]() -> std::optional<SecretFields> {
        const auto value = values.previous();
        if (!value) return std::nullopt;
        auto fields = SecretFields::parse(*value);
        require_same_database(current, fields, "AWSPREVIOUS");
        if (fields.require("username") != std::string(current.require("username"))) return std::nullopt;
        return fields;
    });
    if (previous && change_own(*previous, pending, context)) return;
    const auto left = left_behind(std::string(current.require("username")), values, current);
    if (std::ranges::any_of(left,
                            [&](const SecretFields& login) { return change_own(login, pending, context); })) {
        return;
    }
    throw StepFailed(
        Kind::retry,
        "the server refuses the passwords of AWSPENDING, AWSCURRENT and AWSPREVIOUS" +
            std::string(left.empty() ? "" : ", and what a rotation before has left behind") +
            ": set the user's password to that of AWSCURRENT by hand, then 'coffer rotation retry'" +
            refusal_hint())
        .before_any_effect();
}

void LoginFunction::set_moved(const StepContext& context, SecretValues& values, const SecretFields& pending) {
    const auto previous = before_any_effect([&]() -> std::optional<SecretFields> {
        // Whoever reads the secret has this value by now: if it logs in, there is nothing left but the test.
        if (has_password(pending, context.patience())) return std::nullopt;
        const std::string user(pending.require("username"));
        const auto value = values.previous();
        auto before = value ? std::optional(SecretFields::parse(*value)) : std::nullopt;
        if (!before || before->find("username") != other_user(user, product_)) {
            throw StepFailed(
                Kind::retry,
                "somebody has made the new version AWSCURRENT before the server had its password, and "
                "AWSPREVIOUS is no login of the user that takes turns with " +
                    user +
                    ": move AWSCURRENT back ('coffer update-secret-version-stage'), or set the password "
                    "of " +
                    user + " to that of AWSCURRENT by hand; then 'coffer rotation retry'");
        }
        require_same_database(*before, pending, "the new version");
        return before;
    });
    if (previous) set_other(context, values, *previous, pending, false);
}

void LoginFunction::set_other(const StepContext& context, SecretValues& values, const SecretFields& current,
                              const SecretFields& pending, bool is_set) {
    if (is_set && !product_.copies_rights) return;
    // In a database of the administrator's own: users belong to the whole server, and that of the secret may
    // belong to whoever writes the secret.
    const auto admin = before_any_effect([&] {
        if (!logs_in(current, context.patience())) {
            throw StepFailed(Kind::retry,
                             "the server refuses the login of " + std::string(current.require("username")) +
                                 " with the secret's password; the user that takes turns with it is not "
                                 "touched before that works again" +
                                 refusal_hint());
        }
        return administrator_login(values, admin_secret_, current, product_.port);
    });
    const std::string user(pending.require("username"));
    change_other(
        {.admin = admin,
         .current = current,
         .pending = pending,
         .value_is_new = context.value_is_new,
         .pending_logs_in = is_set,
         .earlier_logs_in = [&] { return earlier_logs_in_as(user, values, current, context.patience()); },
         .patience = context.patience()});
}

void LoginFunction::test(const StepContext& context, const crypto::SecretBytes& value) {
    if (!logs_in(SecretFields::parse(value), context.patience())) {
        throw StepFailed(Kind::retry, "the server refuses the new login" + refusal_hint());
    }
}

std::vector<Check> LoginFunction::check(const StepContext& context, SecretValues& values) {
    CheckList checks;
    const auto value = values.current();
    const auto fields = checks.look_at_login(
        value, [&] { static_cast<void>(make(context, values, value)); },
        [&](const SecretFields& login) { return logs_in(login, context.patience()); },
        "the server refuses the login of AWSCURRENT" + refusal_hint());
    if (alternates() && fields) {
        checks.look("administrator", "the administrator may make users and change their passwords", [&] {
            const auto admin = administrator_login(values, admin_secret_, *fields, product_.port);
            auto other = SecretFields::parse(value);
            const auto user = other_user(fields->require("username"), product_);
            other.set("username", user);
            check_other({.admin = admin,
                         .current = *fields,
                         .pending = other,
                         .earlier_logs_in =
                             [&] { return earlier_logs_in_as(user, values, *fields, context.patience()); },
                         .patience = context.patience()});
        });
    } else if (fields && product_.checks_own) {
        checks.look("change", "the user's own session may change its password",
                    [&] { check_own(*fields, context.patience()); });
    }
    return checks.take();
}

}  // namespace coffer::rotation
