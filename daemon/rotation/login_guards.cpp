#include "daemon/rotation/login_guards.hpp"

#include <algorithm>

namespace coffer::rotation {

void require_same_server(const SecretFields& current, const SecretFields& other, std::uint16_t port,
                         std::string_view what) {
    if (std::string(current.require("host")) == other.require("host") &&
        current.port(port) == other.port(port)) {
        return;
    }
    throw StepFailed(StepFailed::Kind::hopeless,
                     std::string(what) + " names another host or port than AWSCURRENT; nothing was done")
        .before_any_effect();
}

std::optional<std::string_view> find_name(const SecretFields& fields, std::string_view name) {
    const auto text = fields.find(name);
    const auto is_control = [](char c) { return (c >= '\0' && c < ' ') || c == '\x7f'; };
    if (text && std::ranges::any_of(*text, is_control)) {
        throw StepFailed(StepFailed::Kind::hopeless,
                         "the secret's field \"" + std::string(name) +
                             "\" has a control character, which belongs to no name; nothing was done");
    }
    return text;
}

std::string_view require_name(const SecretFields& fields, std::string_view name) {
    static_cast<void>(find_name(fields, name));
    return fields.require(name);
}

std::string_view require_password(const SecretFields& fields) {
    const auto password = fields.require("password");
    if (password.find('\0') != std::string_view::npos) {
        throw StepFailed(
            StepFailed::Kind::hopeless,
            "the secret's field \"password\" has a NUL character, which no server takes; nothing "
            "was done");
    }
    return password;
}

std::string plain_host(const SecretFields& fields) {
    std::string host(fields.require("host"));
    constexpr std::string_view kAllowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:";
    if (host.find_first_not_of(kAllowed) != std::string::npos || host.front() == '-') {
        throw StepFailed(StepFailed::Kind::hopeless,
                         "the secret's field \"host\" must be one host name or address: a socket of this "
                         "machine, or a list, is not taken");
    }
    return host;
}

std::vector<SecretFields> logins_as(std::string_view user, const std::vector<crypto::SecretBytes>& values,
                                    const std::function<void(const SecretFields&)>& require) {
    std::vector<SecretFields> logins;
    for (const auto& value : values) {
        try {
            auto login = SecretFields::parse(value);
            require(login);
            if (login.require("username") == user) logins.push_back(std::move(login));
        } catch (const StepFailed&) {
            // As said.
        }
    }
    return logins;
}

SecretFields administrator_login(SecretValues& values, const std::string& name, const SecretFields& current,
                                 std::uint16_t port) {
    const auto value = values.current_of(name);
    if (!value) {
        throw StepFailed(StepFailed::Kind::hopeless,
                         "the secret " + name +
                             " with the administrator's login, which the configuration of the rotation "
                             "function names, does not exist or has no value");
    }
    auto admin = SecretFields::parse(*value);
    require_same_server(current, admin, port, "the secret " + name);
    return admin;
}

StepFailed administrator_refused(const std::string& name) {
    return StepFailed(StepFailed::Kind::retry,
                      "the server refuses the administrator's login of the secret " + name)
        .before_any_effect();
}

}  // namespace coffer::rotation
