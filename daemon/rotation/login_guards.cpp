#include "daemon/rotation/login_guards.hpp"

namespace coffer::rotation {

void require_same_server(const SecretFields& current, const SecretFields& other, std::uint16_t port,
                         std::string_view what) {
    if (std::string(current.require("host")) == other.require("host") &&
        current.port(port) == other.port(port)) {
        return;
    }
    throw StepFailed(StepFailed::Kind::hopeless,
                     std::string(what) + " names another host or port than AWSCURRENT; nothing was done");
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
    return {StepFailed::Kind::retry, "the server refuses the administrator's login of the secret " + name};
}

}  // namespace coffer::rotation
