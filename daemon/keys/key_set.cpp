#include "daemon/keys/key_set.hpp"

#include <algorithm>
#include <map>

#include "daemon/secrets/master_keys.hpp"

namespace coffer::keys {

namespace {

constexpr std::string_view kAwsAlias = "alias/aws/secretsmanager";

std::string_view without_kms_arn(std::string_view key_id) {
    if (!key_id.starts_with("arn:")) return key_id;
    auto resource = key_id.substr(key_id.rfind(':') + 1);
    if (resource.starts_with("key/")) resource.remove_prefix(4);
    return resource;
}

}  // namespace

std::string key_arn(const secrets::NodeIdentity& node, const Uuid& key) {
    return secrets::master_key_arn(node, key);
}

std::optional<Uuid> find_key(const storage::StoredMasterKeys& keys, std::string_view key_id,
                             const Uuid& default_key) {
    const auto text = without_kms_arn(key_id);
    if (text.empty() || text == kAwsAlias) return default_key;
    const auto id = Uuid::parse(text);
    const auto named = text.starts_with("alias/") ? text.substr(6) : std::string_view();
    const auto found = std::ranges::find_if(keys.generations, [&](const storage::StoredMasterKey& key) {
        return id ? key.id == *id : !named.empty() && key.name == named;
    });
    if (found == keys.generations.end()) return std::nullopt;
    return found->id;
}

std::string name_of(const storage::StoredMasterKeys& keys, const Uuid& key) {
    const auto found = std::ranges::find(keys.generations, key, &storage::StoredMasterKey::id);
    return found == keys.generations.end() ? std::string() : found->name;
}

std::uint32_t newest_of(const storage::StoredMasterKeys& keys, const Uuid& key) {
    std::uint32_t newest = 0;
    for (const auto& each : keys.generations) {
        if (each.id == key) newest = std::max(newest, each.generation);
    }
    return newest;
}

std::vector<storage::StoredMasterKey> generations_of(const storage::StoredMasterKeys& keys, const Uuid& key) {
    std::vector<storage::StoredMasterKey> generations;
    std::ranges::copy_if(keys.generations, std::back_inserter(generations),
                         [&](const auto& each) { return each.id == key; });
    return generations;
}

storage::StoredMasterKeySettings settings_of(const storage::StoredMasterKeys& keys, const Uuid& key) {
    const auto found = keys.settings.find(key);
    return found == keys.settings.end() ? storage::StoredMasterKeySettings{} : found->second;
}

std::vector<Uuid> key_ids(const storage::StoredMasterKeys& keys) {
    std::map<std::string, Uuid> by_name;
    for (const auto& key : keys.generations) by_name.emplace(key.name, key.id);
    std::vector<Uuid> ids;
    for (const auto& [name, id] : by_name) ids.push_back(id);
    return ids;
}

bool needs_rewrap(const storage::StoredMasterKeys& keys, const Uuid& key) {
    const auto newest = newest_of(keys, key);
    return newest > 1 && settings_of(keys, key).rewrapped_generation < newest;
}

}  // namespace coffer::keys
