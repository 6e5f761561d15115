// RetireKeyGenerations, ScheduleKeyDeletion, CancelKeyDeletion.

#include <fmt/format.h>

#include <algorithm>

#include "daemon/iam/access_key_rewrap.hpp"
#include "daemon/keys/service_support.hpp"
#include "daemon/secrets/errors.hpp"
#include "storage/rewrap_repository.hpp"

namespace coffer::keys {

using access::Action;

namespace {

constexpr std::int64_t kDefaultWindowDays = 30;
/// How far a backup's time may be ahead of this node's clock.
constexpr std::int64_t kClockSkewMillis = 300'000;

/// Why a generation may not be destroyed yet, as far as that can be said without counting; empty when it may.
std::string obstacle(const storage::StoredMasterKeySettings& settings, std::uint32_t generation,
                     const std::optional<Timestamp>& proven, bool force) {
    if (settings.rewrapped_generation <= generation) {
        return "what is wrapped under it is being wrapped anew (DescribeKey says how far that is)";
    }
    return force ? std::string() : backup_obstacle(proven, *settings.rewrapped, "the wrapping anew");
}

/// " (NAME, NAME and others)"
std::string named(const storage::SecretsUnderKey& secrets) {
    if (secrets.first.empty()) return {};
    const bool more = secrets.count > static_cast<std::int64_t>(secrets.first.size());
    return fmt::format(" ({}{})", fmt::join(secrets.first, ", "), more ? " and others" : "");
}

std::vector<std::uint32_t> asked_generations(const storage::StoredMasterKeys& keys, const Uuid& key,
                                             const v1::RetireKeyGenerationsRequest& request) {
    const auto newest = newest_of(keys, key);
    std::vector<std::uint32_t> generations;
    for (const auto& each : generations_of(keys, key)) {
        if (each.generation != newest) generations.push_back(each.generation);
    }
    if (!request.has_generation()) return generations;
    const auto wanted = static_cast<std::uint32_t>(request.generation());
    if (wanted == newest) {
        throw secrets::invalid_request(
            fmt::format("Generation {} of alias/{} is the newest, which new values are encrypted under. "
                        "Rotate the key first.",
                        wanted, name_of(keys, key)));
    }
    if (std::ranges::find(generations, wanted) == generations.end()) {
        throw secrets::ServiceError(v1::RESOURCE_NOT_FOUND, fmt::format("alias/{} has no generation {}.",
                                                                        name_of(keys, key), wanted));
    }
    return {wanted};
}

}  // namespace

std::optional<Timestamp> proven_backup(const v1::RetireKeyGenerationsRequest& request, Timestamp now) {
    if (!request.has_backup_proven()) return std::nullopt;
    constexpr double kMillis = 1000;
    const auto proven = Timestamp::from_millis(static_cast<std::int64_t>(request.backup_proven() * kMillis));
    if (proven.millis() > now.millis() + kClockSkewMillis)
        throw secrets::invalid_parameter("BackupProven: lies in the future.");
    return proven;
}

std::string backup_obstacle(const std::optional<Timestamp>& proven, Timestamp ended,
                            const std::string& ended_what) {
    if (proven && *proven > ended) return {};
    if (proven) {
        return fmt::format("the backup is older than the end of {}: restoring it needs this generation",
                           ended_what);
    }
    return fmt::format(
        "no proven backup was named: restoring an older one needs this generation. Name the time of one that "
        "was restored as a drill and is younger than the end of {} (BackupProven), or use Force",
        ended_what);
}

v1::RetireKeyGenerationsResponse KeyService::retire_key_generations(
    Context call, const v1::RetireKeyGenerationsRequest& request) {
    if (const auto other = find_token_key(request.key_id())) return retire_token_key(call, *other, request);
    require(call, Action::coffer_retire_key_generations, "*");
    const auto keys = load_keys(call);
    const auto found = find_key(keys, request.key_id(), parts_.master_keys.default_key().value());
    if (!found) {
        throw secrets::ServiceError(v1::RESOURCE_NOT_FOUND,
                                    fmt::format("Key '{}' does not exist", request.key_id()));
    }
    call.record->concerns(key_arn(parts_.node, *found));
    const auto proven = proven_backup(request, parts_.clock.now());
    const auto generations = asked_generations(keys, *found, request);
    const auto settings = settings_of(keys, *found);
    v1::RetireKeyGenerationsResponse response;
    response.set_key_id(found->text());
    std::vector<std::uint32_t> allowed;
    for (const auto generation : generations) {
        const auto why = obstacle(settings, generation, proven, request.force());
        if (why.empty()) {
            allowed.push_back(generation);
        } else {
            keep_generation(response, generation, why);
        }
    }
    if (allowed.empty()) return response;
    const auto event = [&call](storage::WriteTransaction& tx, const RetirementResult& result) {
        boost::json::array retired(result.retired.begin(), result.retired.end());
        call.record->response_elements.emplace(boost::json::object{{"retired", std::move(retired)}});
        secrets::store_change(call, tx);
    };
    const auto result = retire_generations({parts_.hsm, parts_.database, parts_.principals}, *found, allowed,
                                           false, call.deadline, event);
    call.record->committed = true;
    parts_.changed();
    for (const auto generation : result.retired) response.add_retired(generation);
    for (const auto& [generation, why] : result.kept) keep_generation(response, generation, why);
    if (!result.token_failure.empty()) {
        for (const auto generation : result.retired) {
            keep_generation(response, generation,
                            "it is out of use, but the token has not destroyed it yet (" +
                                result.token_failure + "); that is tried again");
        }
    }
    return response;
}

v1::ScheduleKeyDeletionResponse KeyService::schedule_key_deletion(
    Context call, const v1::ScheduleKeyDeletionRequest& request) {
    const auto keys = load_keys(call);
    const auto key = require_key(call, Action::kms_schedule_key_deletion, keys, request.key_id());
    const auto alias = "alias/" + name_of(keys, key);
    if (key == parts_.master_keys.default_key().value()) {
        throw secrets::invalid_request(
            alias +
            " is the default key ([hsm] default_key), which secrets without a KmsKeyId are under. It is not "
            "deleted.");
    }
    const std::vector<std::string> names{
        alias, key.text(), key_arn(parts_.node, key),
        fmt::format("arn:aws:kms:{}:{}:{}", parts_.node.region, parts_.node.account, alias)};
    const auto window =
        request.has_pending_window_in_days() ? request.pending_window_in_days() : kDefaultWindowDays;
    const auto due = Timestamp::from_millis(parts_.clock.now().millis() + window * kMillisPerDay);
    static_cast<void>(write<Done>(call, [&](storage::WriteTransaction& tx) {
        const auto locked = storage::MasterKeyRepository::lock(tx);
        auto settings = settings_of(locked, key);
        if (settings.deletion_due) throw secrets::master_key_pending_deletion(key.text());
        const auto used = storage::RewrapRepository::secrets_under(tx, key, names);
        const auto others = iam::access_key_secrets(*parts_.principals.directory(), &key).size();
        if (used.count > 0 || others > 0) {
            throw secrets::invalid_request(fmt::format(
                "{} cannot be deleted: {} secret{}{} and {} access key{} are under it. Move them to another "
                "key (UpdateSecret with KmsKeyId moves all versions of a secret) or delete them first.",
                alias, used.count, used.count == 1 ? "" : "s", named(used), others, others == 1 ? "" : "s"));
        }
        settings.deletion_due = due;
        auto changed = locked;
        changed.settings[key] = settings;
        storage::MasterKeyRepository::store(tx, locked, std::move(changed));
        return Done{};
    }));
    parts_.changed();
    v1::ScheduleKeyDeletionResponse response;
    response.set_key_id(key.text());
    response.set_deletion_date(due.seconds());
    response.set_key_state("PendingDeletion");
    response.set_pending_window_in_days(window);
    return response;
}

v1::CancelKeyDeletionResponse KeyService::cancel_key_deletion(Context call,
                                                              const v1::CancelKeyDeletionRequest& request) {
    const auto keys = load_keys(call);
    const auto key = require_key(call, Action::kms_cancel_key_deletion, keys, request.key_id());
    change_settings(call, key, [&](storage::StoredMasterKeySettings& settings) {
        if (!settings.deletion_due) {
            throw secrets::invalid_request("alias/" + name_of(keys, key) + " is not pending deletion.");
        }
        settings.deletion_due.reset();
    });
    v1::CancelKeyDeletionResponse response;
    response.set_key_id(key.text());
    return response;
}

}  // namespace coffer::keys
