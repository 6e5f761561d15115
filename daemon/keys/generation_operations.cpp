// CreateKey, RotateKeyOnDemand, EnableKeyRotation, DisableKeyRotation.

#include <fmt/format.h>

#include "crypto/key_names.hpp"
#include "daemon/keys/generations.hpp"
#include "daemon/keys/service_support.hpp"
#include "daemon/secrets/errors.hpp"

namespace coffer::keys {

using access::Action;

namespace {

constexpr std::int32_t kDefaultRotationDays = 365;

std::string require_name(std::string alias) {
    constexpr std::string_view kPrefix = "alias/";
    if (alias.starts_with(kPrefix)) alias.erase(0, kPrefix.size());
    if (alias.starts_with("aws/")) {
        throw secrets::invalid_parameter("Alias: names that begin with alias/aws/ are reserved.");
    }
    if ((std::string(kPrefix) + alias).starts_with(kTokenKeyAliases)) {
        throw secrets::invalid_parameter(fmt::format(
            "Alias: names that begin with {} are reserved for the token's other keys.", kTokenKeyAliases));
    }
    if (!crypto::is_master_key_name(alias)) {
        throw secrets::invalid_parameter(
            "Alias: use 1 to 200 of A-Z a-z 0-9 / _ - behind alias/, without a slash at either end.");
    }
    return alias;
}

}  // namespace

v1::CreateKeyResponse KeyService::create_key(Context call, const v1::CreateKeyRequest& request) {
    require(call, Action::kms_create_key, "*");
    const auto name = require_name(request.alias());
    const auto made = write<storage::StoredMasterKey>(call, [&](storage::WriteTransaction& tx) {
        auto key = keys::create_key(tx, {parts_.hsm, parts_.clock}, name, request.description());
        call.record->concerns(key_arn(parts_.node, key.id));
        call.record->response_elements.emplace(boost::json::object{{"keyId", key.id.text()}});
        return key;
    });
    parts_.changed();
    v1::CreateKeyResponse response;
    *response.mutable_key_metadata() = summary(load_keys(call), made.id);
    return response;
}

v1::RotateKeyOnDemandResponse KeyService::rotate_key_on_demand(Context call,
                                                               const v1::RotateKeyOnDemandRequest& request) {
    if (const auto other = find_token_key(request.key_id())) return rotate_token_key(call, *other);
    const auto key = require_key(call, Action::kms_rotate_key_on_demand, load_keys(call), request.key_id());
    const auto made = write<storage::StoredMasterKey>(call, [&](storage::WriteTransaction& tx) {
        auto generation = make_next_generation(tx, {parts_.hsm, parts_.clock}, key);
        call.record->response_elements.emplace(
            boost::json::object{{"keyId", key.text()}, {"generation", generation.generation}});
        return generation;
    });
    parts_.changed();
    v1::RotateKeyOnDemandResponse response;
    response.set_key_id(key.text());
    response.set_generation(made.generation);
    return response;
}

v1::EnableKeyRotationResponse KeyService::enable_key_rotation(Context call,
                                                              const v1::EnableKeyRotationRequest& request) {
    const auto key = require_key(call, Action::kms_enable_key_rotation, load_keys(call), request.key_id());
    const auto days = request.has_rotation_period_in_days()
                          ? static_cast<std::int32_t>(request.rotation_period_in_days())
                          : kDefaultRotationDays;
    change_settings(call, key, [&](storage::StoredMasterKeySettings& settings) {
        if (settings.deletion_due) throw secrets::master_key_pending_deletion(key.text());
        settings.rotation_days = days;
        settings.next_rotation = Timestamp::from_millis(parts_.clock.now().millis() + days * kMillisPerDay);
    });
    return {};
}

v1::DisableKeyRotationResponse KeyService::disable_key_rotation(
    Context call, const v1::DisableKeyRotationRequest& request) {
    const auto key = require_key(call, Action::kms_disable_key_rotation, load_keys(call), request.key_id());
    change_settings(call, key, [](storage::StoredMasterKeySettings& settings) {
        settings.rotation_days.reset();
        settings.next_rotation.reset();
    });
    return {};
}

}  // namespace coffer::keys
