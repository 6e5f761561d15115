// ListKeys and DescribeKey.

#include <fmt/format.h>

#include <algorithm>

#include "daemon/iam/access_key_rewrap.hpp"
#include "daemon/keys/service_support.hpp"
#include "storage/rewrap_repository.hpp"

namespace coffer::keys {

using access::Action;
using storage::RewrapRepository;

namespace {

/// Versions that do not open and are named.
constexpr std::size_t kNamedFailures = 5;

std::string name_failures(storage::ReadTransaction& tx, const Uuid& key, std::int64_t failed) {
    std::string text =
        fmt::format("{} data key{} not open and {} left as {}:", failed, failed == 1 ? " does" : "s do",
                    failed == 1 ? "is" : "are", failed == 1 ? "it is" : "they are");
    for (const auto& failure : RewrapRepository::failures(tx, key, kNamedFailures)) {
        text += fmt::format(" {} version {} ({});",
                            failure.secret_arn.empty() ? "a deleted secret" : failure.secret_arn,
                            failure.version.value(), failure.reason);
    }
    if (failed > static_cast<std::int64_t>(kNamedFailures)) text += " ...";
    return text;
}

std::string state_of(const storage::StoredMasterKeys& keys, const Uuid& key,
                     const std::optional<storage::RewrapProgress>& progress) {
    if (!needs_rewrap(keys, key)) return "Done";
    const bool begun = progress && progress->generation == newest_of(keys, key);
    if (begun && progress->ended) return "Failed";
    return begun && progress->leased_slices > 0 ? "Running" : "Waiting";
}

}  // namespace

v1::KeyMetadata KeyService::summary(const storage::StoredMasterKeys& keys, const Uuid& key) const {
    const auto generations = generations_of(keys, key);
    const auto settings = settings_of(keys, key);
    const auto newest = newest_of(keys, key);
    v1::KeyMetadata metadata;
    metadata.set_key_id(key.text());
    metadata.set_arn(key_arn(parts_.node, key));
    metadata.set_alias("alias/" + name_of(keys, key));
    metadata.set_description(settings.description);
    metadata.set_key_usage("ENCRYPT_DECRYPT");
    metadata.set_creation_date(
        std::ranges::min(generations, {}, &storage::StoredMasterKey::created).created.seconds());
    const bool held = parts_.hsm.key_changes().holds({crypto::MasterKeyId(key), newest});
    metadata.set_key_state(settings.deletion_due ? "PendingDeletion" : held ? "Enabled" : "Unavailable");
    metadata.set_default_key(key == parts_.master_keys.default_key().value());
    if (settings.deletion_due) metadata.set_deletion_date(settings.deletion_due->seconds());
    metadata.set_current_generation(newest);
    for (const auto& generation : generations) {
        auto& shown = *metadata.add_generations();
        shown.set_generation(generation.generation);
        shown.set_creation_date(generation.created.seconds());
        shown.set_in_token(parts_.hsm.key_changes().holds({crypto::MasterKeyId(key), generation.generation}));
    }
    metadata.set_rotation_enabled(settings.rotation_days.has_value());
    if (settings.rotation_days) metadata.set_rotation_period_in_days(*settings.rotation_days);
    if (settings.next_rotation) metadata.set_next_rotation_date(settings.next_rotation->seconds());
    return metadata;
}

void KeyService::add_rewrap(storage::ReadTransaction& tx, const storage::StoredMasterKeys& keys,
                            const Uuid& key, v1::KeyMetadata& metadata) const {
    const auto progress = RewrapRepository::progress(tx, key);
    const auto newest = newest_of(keys, key);
    if (newest == 1 || (!progress && !needs_rewrap(keys, key))) return;
    auto& rewrap = *metadata.mutable_rewrap();
    rewrap.set_state(state_of(keys, key, progress));
    if (!progress || progress->generation != newest) return;
    rewrap.set_start_date(progress->started.seconds());
    if (progress->ended) rewrap.set_end_date(progress->ended->seconds());
    rewrap.set_total(std::max(progress->total, progress->done));
    rewrap.set_done(progress->done);
    const auto until = progress->ended.value_or(parts_.clock.now()).millis();
    const auto took = until - progress->started.millis();
    if (took > 0) {
        constexpr double kMillis = 1000;
        rewrap.set_per_second(static_cast<double>(progress->done) * kMillis / static_cast<double>(took));
    }
    if (progress->failed > 0) rewrap.set_message(name_failures(tx, key, progress->failed));
}

v1::ListKeysResponse KeyService::list_keys(Context call) {
    require(call, Action::kms_list_keys, "*");
    const auto keys = load_keys(call);
    v1::ListKeysResponse response;
    for (const auto& key : key_ids(keys)) *response.add_keys() = summary(keys, key);
    for (const auto key : kTokenKeys) *response.add_keys() = token_key_metadata(call, key, false);
    return response;
}

v1::DescribeKeyResponse KeyService::describe_key(Context call, const v1::DescribeKeyRequest& request) {
    if (const auto other = find_token_key(request.key_id())) return describe_token_key(call, *other);
    const auto keys = load_keys(call);
    const auto key = require_key(call, Action::kms_describe_key, keys, request.key_id());
    return read<v1::DescribeKeyResponse>(call, [&](storage::ReadTransaction& tx) {
        v1::DescribeKeyResponse response;
        auto& metadata = *response.mutable_key_metadata();
        metadata = summary(keys, key);
        add_rewrap(tx, keys, key, metadata);
        // Counting reads the whole table; while it changes by the second, Rewrap says how far it is.
        if (metadata.rewrap().state() == "Running") return response;
        const auto under = count_under(tx, *parts_.principals.directory(), key);
        for (auto& generation : *metadata.mutable_generations()) {
            const auto found = under.find(static_cast<std::uint32_t>(generation.generation()));
            generation.set_versions(found == under.end() ? 0 : found->second.versions);
            generation.set_others(found == under.end() ? 0 : found->second.others);
        }
        return response;
    });
}

}  // namespace coffer::keys
