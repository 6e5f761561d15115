#pragma once
// What MariaDB stores of a password, made here, so that the password itself is in no statement, and so in no
// log of the server's.

#include <optional>
#include <string>
#include <string_view>

namespace coffer::rotation {

/// mysql_native_password: "*" and SHA1(SHA1(password)) in capital hexadecimal (MariaDB's PASSWORD()).
[[nodiscard]] std::string mysql_native_verifier(std::string_view password);

/// ed25519 of MariaDB: the public key whose private scalar is the first half of SHA-512(password), clamped
/// (RFC 8032, 5.1.5, with the password in place of the seed), in base64 without padding.
[[nodiscard]] std::string mysql_ed25519_verifier(std::string_view password);

/// By the plugin's name at the server; nothing for one whose verifiers only a server makes.
[[nodiscard]] std::optional<std::string> mysql_verifier(std::string_view plugin, std::string_view password);

}  // namespace coffer::rotation
