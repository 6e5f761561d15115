#pragma once
// New Ed25519 keys in OpenSSH's formats: the private key as ssh-keygen writes it, the public one as a line of
// authorized_keys. Pure but for OpenSSL.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "crypto/secret_bytes.hpp"

namespace coffer::rotation {

struct OpensshKey {
    /// "-----BEGIN OPENSSH PRIVATE KEY-----" (PROTOCOL.key of OpenSSH, without a passphrase).
    crypto::SecretBytes private_key;
    /// "ssh-ed25519 AAAA... COMMENT".
    std::string public_key;
};

inline constexpr std::size_t kOpensshSeedBytes = 32;
inline constexpr std::size_t kOpensshCheckBytes = 4;

/// `seed`: kOpensshSeedBytes of secret random bytes (RFC 8032, 5.1.5); `check`: kOpensshCheckBytes of any.
/// The comment has no line end.
[[nodiscard]] OpensshKey make_openssh_key(std::span<const std::uint8_t> seed,
                                          std::span<const std::uint8_t> check, std::string_view comment);

}  // namespace coffer::rotation
