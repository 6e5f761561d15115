#pragma once
// Logins of secrets, and where they may be sent: what every function that logs in somewhere asks first.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/secret_fields.hpp"

namespace coffer::rotation {

/// Throws StepFailed (hopeless) when `other`, called `what`, names another host or port than `current`.
/// `port`: where a secret names none.
void require_same_server(const SecretFields& current, const SecretFields& other, std::uint16_t port,
                         std::string_view what);

// What goes to a server as a name or a password. A library that wants an end of text takes what stands before
// a NUL character for the whole: another user, or another password, than the secret says.

/// A field that is a name, where it is there. Throws StepFailed (hopeless) that names the field when it has a
/// control character.
[[nodiscard]] std::optional<std::string_view> find_name(const SecretFields& fields, std::string_view name);
/// The same of one that must be there.
[[nodiscard]] std::string_view require_name(const SecretFields& fields, std::string_view name);
/// The field "password". Throws StepFailed (hopeless) when it has a NUL character.
[[nodiscard]] std::string_view require_password(const SecretFields& fields);

/// The field "host". Throws StepFailed (hopeless) when it is not one host name or address: libraries take
/// sockets, lists, URLs and connection strings as well.
[[nodiscard]] std::string plain_host(const SecretFields& fields);

/// Of values of before, such as SecretValues::left_behind(), the logins of `user` for which `require` throws
/// no StepFailed. The others cannot be what the server has, and are passed over.
[[nodiscard]] std::vector<SecretFields> logins_as(std::string_view user,
                                                  const std::vector<crypto::SecretBytes>& values,
                                                  const std::function<void(const SecretFields&)>& require);

/// The administrator's login, of the secret `name`. Throws StepFailed (hopeless) when there is none, or when
/// it is not of the server that `current` names: whoever writes that chooses its host, and does not get the
/// administrator's password sent there.
[[nodiscard]] SecretFields administrator_login(SecretValues& values, const std::string& name,
                                               const SecretFields& current, std::uint16_t port);

/// The error of an administrator's login that the server refuses.
[[nodiscard]] StepFailed administrator_refused(const std::string& name);

}  // namespace coffer::rotation
