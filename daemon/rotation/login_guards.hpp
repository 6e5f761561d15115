#pragma once
// Logins of secrets, and where they may be sent: what every function that logs in somewhere asks first.

#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/secret_fields.hpp"

namespace coffer::rotation {

/// Throws StepFailed (hopeless) when `other`, called `what`, names another host or port than `current`.
/// `port`: where a secret names none.
void require_same_server(const SecretFields& current, const SecretFields& other, std::uint16_t port,
                         std::string_view what);

/// The field "host". Throws StepFailed (hopeless) when it is not one host name or address: libraries take
/// sockets, lists, URLs and connection strings as well.
[[nodiscard]] std::string plain_host(const SecretFields& fields);

/// The administrator's login, of the secret `name`. Throws StepFailed (hopeless) when there is none, or when
/// it is not of the server that `current` names: whoever writes that chooses its host, and does not get the
/// administrator's password sent there.
[[nodiscard]] SecretFields administrator_login(SecretValues& values, const std::string& name,
                                               const SecretFields& current, std::uint16_t port);

/// The error of an administrator's login that the server refuses.
[[nodiscard]] StepFailed administrator_refused(const std::string& name);

}  // namespace coffer::rotation
