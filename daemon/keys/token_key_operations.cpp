// ListKeys, DescribeKey, RotateKeyOnDemand and RetireKeyGenerations of the keys in the token that are not
// master keys.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "daemon/audit/signing_key.hpp"
#include "daemon/audit/utc_time.hpp"
#include "daemon/keys/audit_generations.hpp"
#include "daemon/keys/service_support.hpp"
#include "daemon/keys/token_key_retirement.hpp"
#include "daemon/keys/token_keys.hpp"
#include "daemon/secrets/errors.hpp"
#include "storage/master_key_repository.hpp"

namespace coffer::keys {

using access::Action;
using storage::AuditSigner;
using storage::StoredAuditKey;
using storage::TokenKeyRepository;

namespace {

/// By number: of what is told and of what the token holds.
std::map<std::uint32_t, v1::KeyGeneration> audit_generations(const ToldAuditKeys& told, crypto::Hsm& hsm) {
    std::map<std::uint32_t, v1::KeyGeneration> generations;
    for (const auto& key : told.generations) {
        if (key.retired) continue;
        auto& shown = generations[key.generation];
        shown.set_creation_date(key.created.seconds());
        shown.set_in_token(false);
    }
    const auto is_retired = [&](std::uint32_t generation) {
        const auto found = std::ranges::find(told.generations, generation, &StoredAuditKey::generation);
        return found != told.generations.end() && found->retired;
    };
    for (const auto& key : hsm.audit_key().generations()) {
        if (is_retired(key.generation)) continue;  // about to be destroyed
        auto& shown = generations[key.generation];
        shown.set_in_token(true);
        shown.set_public_key(key.public_key);
        shown.set_public_key_sha256(
            audit::to_text(audit::signing_key(key.generation, key.public_key).name.id));
    }
    const auto oldest = generations.empty() ? 0 : generations.begin()->first;
    for (auto& [number, shown] : generations) {
        shown.set_generation(number);
        for (const auto& signer : told.signers) {
            // A journal without a checkpoint may yet be begun with any of them.
            if (std::max(signer.generation, oldest) == number) shown.add_nodes(signer.node);
        }
    }
    return generations;
}

v1::KeyMetadata audit_key_metadata(const ToldAuditKeys& told, crypto::Hsm& hsm) {
    v1::KeyMetadata metadata;
    metadata.set_description("Signs the checkpoints of the audit journals.");
    metadata.set_key_usage("SIGN_VERIFY");
    for (auto& [number, shown] : audit_generations(told, hsm)) {
        metadata.set_current_generation(number);
        metadata.set_key_state(shown.in_token() ? "Enabled" : "Unavailable");
        if (shown.has_creation_date() && !metadata.has_creation_date())
            metadata.set_creation_date(shown.creation_date());
        metadata.mutable_generations()->Add(std::move(shown));
    }
    return metadata;
}

/// Why generation `number` of the audit key is not destroyed; empty when nothing speaks against it.
std::string audit_obstacle(std::uint32_t number, std::uint32_t newest,
                           const std::vector<AuditSigner>& signers) {
    std::string nodes;
    for (const auto& signer : signers) {
        if (signer.generation != number && signer.generation != 0) continue;
        nodes += fmt::format("{}{} (last seen at {})", nodes.empty() ? "" : ", ", signer.node,
                             audit::utc_seconds(signer.seen));
    }
    if (nodes.empty()) return {};
    return fmt::format(
        "it signs the journal of {}. A node goes over to generation {} by itself while it runs; start those "
        "that do not. With Force it is destroyed all the same: such a journal then does not name the new "
        "key, and coffer-audit verify needs both public keys for it",
        nodes, newest);
}

}  // namespace

ToldAuditKeys KeyService::load_audit_keys(Context call) const {
    return read<ToldAuditKeys>(call, [](storage::ReadTransaction& tx) {
        return ToldAuditKeys{TokenKeyRepository::audit_keys(tx), TokenKeyRepository::signers(tx)};
    });
}

v1::KeyMetadata KeyService::token_key_metadata(Context call, TokenKey key, bool with_rows) const {
    auto metadata = key == TokenKey::seal ? seal_key_metadata(call, with_rows)
                                          : audit_key_metadata(load_audit_keys(call), parts_.hsm);
    metadata.set_key_id(std::string(alias_of(key)));
    metadata.set_alias(std::string(alias_of(key)));
    metadata.set_arn(token_key_arn(parts_.node, key));
    return metadata;
}

v1::DescribeKeyResponse KeyService::describe_token_key(Context call, TokenKey key) {
    require(call, Action::kms_describe_key, token_key_arn(parts_.node, key));
    v1::DescribeKeyResponse response;
    *response.mutable_key_metadata() = token_key_metadata(call, key, true);
    return response;
}

v1::RotateKeyOnDemandResponse KeyService::rotate_token_key(Context call, TokenKey key) {
    require(call, Action::kms_rotate_key_on_demand, token_key_arn(parts_.node, key));
    if (key == TokenKey::seal) return rotate_seal_key(call);
    const auto made = write<StoredAuditKey>(call, [&](storage::WriteTransaction& tx) {
        const auto generation = make_next_audit_generation(tx, {parts_.hsm, parts_.clock});
        call.record->concerns(token_key_arn(parts_.node, key));
        call.record->response_elements.emplace(boost::json::object{
            {"keyId", boost::json::string(alias_of(key))}, {"generation", generation.generation}});
        return generation;
    });
    parts_.changed();
    v1::RotateKeyOnDemandResponse response;
    response.set_key_id(std::string(alias_of(key)));
    response.set_generation(made.generation);
    return response;
}

/// Of generations that are out of use for good.
void KeyService::destroy_token_key(Context call, TokenKey key, const std::vector<std::uint32_t>& generations,
                                   v1::RetireKeyGenerationsResponse& response) {
    for (const auto number : generations) {
        response.add_retired(number);
        try {
            destroy_in_token({parts_.hsm, parts_.database}, key, number, call.deadline);
        } catch (const std::exception& error) {
            keep_generation(response, number,
                            fmt::format("it is out of use, but the token has not destroyed it yet ({}); that "
                                        "is tried again",
                                        error.what()));
        }
    }
}

v1::RetireKeyGenerationsResponse KeyService::retire_token_key(
    Context call, TokenKey key, const v1::RetireKeyGenerationsRequest& request) {
    require(call, Action::coffer_retire_key_generations, "*");
    call.record->concerns(token_key_arn(parts_.node, key));
    if (key == TokenKey::seal) return retire_seal_key(call, request);
    const auto told = load_audit_keys(call);
    auto generations = audit_generations(told, parts_.hsm);
    if (generations.empty()) throw secrets::invalid_request("There is no audit key.");
    const auto newest = std::prev(generations.end())->first;
    const auto wanted = static_cast<std::uint32_t>(request.generation());
    if (request.has_generation() && wanted == newest) {
        throw secrets::invalid_request(fmt::format(
            "Generation {} of {} is the newest, which signs. Rotate the key first.", wanted, alias_of(key)));
    }
    if (request.has_generation() && !generations.contains(wanted)) {
        throw secrets::ServiceError(v1::RESOURCE_NOT_FOUND,
                                    fmt::format("{} has no generation {}.", alias_of(key), wanted));
    }
    generations.erase(newest);
    v1::RetireKeyGenerationsResponse response;
    response.set_key_id(std::string(alias_of(key)));
    std::vector<std::uint32_t> allowed;
    for (const auto& [number, shown] : generations) {
        if (request.has_generation() && number != wanted) continue;
        const auto why = request.force() ? std::string() : audit_obstacle(number, newest, told.signers);
        if (why.empty()) {
            allowed.push_back(number);
        } else {
            keep_generation(response, number, why);
        }
    }
    if (allowed.empty()) return response;
    static_cast<void>(write<Done>(call, [&](storage::WriteTransaction& tx) {
        storage::MasterKeyRepository::lock_token(tx);
        for (const auto number : allowed)
            TokenKeyRepository::retire_audit_key(tx, number, parts_.clock.now());
        call.record->response_elements.emplace(
            boost::json::object{{"retired", boost::json::array(allowed.begin(), allowed.end())}});
        return Done{};
    }));
    destroy_token_key(call, key, allowed, response);
    parts_.changed();
    return response;
}

}  // namespace coffer::keys
