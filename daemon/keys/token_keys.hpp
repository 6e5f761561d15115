#pragma once
// The keys in the token that are not master keys, as the operations name them.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/secrets/secret_ref.hpp"

namespace coffer::keys {

enum class TokenKey : std::uint8_t {
    audit,  ///< the EC P-256 key that signs checkpoints of the audit journals
    seal,   ///< the HMAC key over the rows of the database
};

inline constexpr std::array kTokenKeys = {TokenKey::audit, TokenKey::seal};
/// How the aliases of all of them begin; no master key is made with such a one.
inline constexpr std::string_view kTokenKeyAliases = "alias/coffer/";

/// "alias/coffer/audit", "alias/coffer/seal".
[[nodiscard]] std::string_view alias_of(TokenKey key) noexcept;
/// "arn:aws:kms:REGION:ACCOUNT:alias/coffer/audit".
[[nodiscard]] std::string token_key_arn(const secrets::NodeIdentity& node, TokenKey key);
/// The one whose alias, or ARN, a KeyId is.
[[nodiscard]] std::optional<TokenKey> find_token_key(std::string_view key_id) noexcept;

}  // namespace coffer::keys
