#include "daemon/keys/token_keys.hpp"

namespace coffer::keys {

std::string_view alias_of(TokenKey key) noexcept {
    return key == TokenKey::audit ? "alias/coffer/audit" : "alias/coffer/seal";
}

std::string token_key_arn(const secrets::NodeIdentity& node, TokenKey key) {
    return "arn:aws:kms:" + node.region + ":" + node.account + ":" + std::string(alias_of(key));
}

std::optional<TokenKey> find_token_key(std::string_view key_id) noexcept {
    if (key_id.starts_with("arn:")) key_id.remove_prefix(key_id.rfind(':') + 1);
    for (const auto key : kTokenKeys) {
        if (key_id == alias_of(key)) return key;
    }
    return std::nullopt;
}

}  // namespace coffer::keys
