#include "daemon/secrets/master_keys.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <utility>

#include "daemon/secrets/errors.hpp"
#include "daemon/secrets/payloads.hpp"
#include "storage/master_key_repository.hpp"

namespace coffer::secrets {

namespace {

constexpr std::string_view kAwsDefaultAlias = "alias/aws/secretsmanager";
constexpr std::string_view kCheckText = "coffer master key check value, version 1";

/// "key/UUID" or "alias/NAME" of a KMS ARN, or the text itself.
std::string_view without_arn(std::string_view kms_key_id) {
    if (!kms_key_id.starts_with("arn:")) return kms_key_id;
    const auto at = kms_key_id.rfind(':');
    auto resource = kms_key_id.substr(at + 1);
    if (resource.starts_with("key/")) resource.remove_prefix(4);
    return resource;
}

crypto::PayloadIdentity check_identity(const Uuid& key, std::uint32_t generation) {
    return {"master-key/" + key.text(), std::to_string(generation), crypto::PayloadKind::check_value};
}

std::string describe(const storage::StoredMasterKey& key) {
    return "alias/" + key.name + " generation " + std::to_string(key.generation) + " (key id " +
           key.id.text() + ")";
}

/// Whether the token has the generation; throws Error when it has another key in its place.
bool token_has(crypto::Hsm& hsm, const storage::StoredMasterKey& key, JobOptions options) {
    try {
        const auto text = wait_for<crypto::SecretBytes>([&](Completion<crypto::SecretBytes> done) {
            hsm.envelope().open(check_identity(key.id, key.generation), to_sealed(key.check_value), options,
                                std::move(done));
        });
        if (crypto::constant_time_equal(text.view(), as_bytes(kCheckText))) return true;
    } catch (const crypto::UnknownMasterKey&) {
        return false;
    } catch (const IntegrityError&) {
        // Said below, in the words that help.
    }
    throw Error("the token's master key " + describe(key) +
                " is not the key that this database was written with: its check value does not open. Use the "
                "original token, or a restored backup of it.");
}

storage::StoredMasterKey make_record_of(crypto::Hsm& hsm, const crypto::MasterKeyInfo& key, Timestamp now,
                                        JobOptions options) {
    auto sealed = wait_for<crypto::SealedPayload>([&](Completion<crypto::SealedPayload> done) {
        hsm.envelope().seal(check_identity(key.id.value(), key.newest_generation),
                            crypto::SecretBytes::copy_of(kCheckText), key.id, options, std::move(done));
    });
    return {key.id.value(), key.newest_generation, key.name, now, to_stored(std::move(sealed))};
}

ServiceAction registration_of(const std::vector<storage::StoredMasterKey>& keys) {
    boost::json::array names;
    for (const auto& key : keys) names.emplace_back(describe(key));
    return {"RegisterMasterKeys", "cofferd", {}, {{"keys", std::move(names)}}};
}

struct Known {
    std::vector<storage::StoredMasterKey> keys;
    std::vector<storage::RetiredGeneration> retired;
};

Known load_all(storage::Database& database, JobOptions options) {
    return wait_for<Known>([&](auto done) {
        database.read<Known>(
            options,
            [](storage::ReadTransaction& tx) {
                return Known{storage::MasterKeyRepository::all(tx),
                             storage::MasterKeyRepository::retired(tx)};
            },
            std::move(done));
    });
}

}  // namespace

MasterKeys::MasterKeys(crypto::Hsm& hsm, std::string default_name) : hsm_(hsm) {
    const auto key = hsm.find_master_key(default_name);
    if (!key) {
        throw Error(
            "the token has no master key 'alias/" + default_name +
            "', which the configuration names as the default. If it was there before, restore the token's "
            "backup; else make it with 'coffer-hsm init --key " +
            default_name + "', or name one that 'coffer-hsm list' shows.");
    }
    default_key_ = key->id;
}

storage::StoredMasterKey make_master_key_record(crypto::Hsm& hsm, const crypto::MasterKeyInfo& key,
                                                Timestamp now, JobOptions options) {
    return make_record_of(hsm, key, now, options);
}

void MasterKeys::set_pending_deletion(std::set<Uuid> keys) {
    const std::unique_lock lock(mutex_);
    pending_deletion_ = std::move(keys);
}

std::string master_key_arn(const NodeIdentity& node, const Uuid& key) {
    return "arn:aws:kms:" + node.region + ":" + node.account + ":key/" + key.text();
}

std::optional<std::string> named_master_key(const std::optional<std::string>& kms_key_id) {
    if (!kms_key_id || kms_key_id->empty() || without_arn(*kms_key_id) == kAwsDefaultAlias)
        return std::nullopt;
    return kms_key_id;
}

crypto::MasterKeyId MasterKeys::unless_pending_deletion(crypto::MasterKeyId key) const {
    const std::shared_lock lock(mutex_);
    if (pending_deletion_.contains(key.value())) throw master_key_pending_deletion(key.value().text());
    return key;
}

crypto::MasterKeyId MasterKeys::resolve(const std::optional<std::string>& kms_key_id) const {
    return unless_pending_deletion(find(kms_key_id));
}

crypto::MasterKeyId MasterKeys::resolve_stored(const std::optional<std::string>& kms_key_id) const {
    const auto key = look_up(kms_key_id);
    if (!key) throw master_key_missing(*kms_key_id);
    return unless_pending_deletion(*key);
}

crypto::MasterKeyId MasterKeys::find(const std::optional<std::string>& kms_key_id) const {
    const auto key = look_up(kms_key_id);
    if (!key) throw unknown_master_key(*kms_key_id);
    return *key;
}

std::optional<crypto::MasterKeyId> MasterKeys::look_up(const std::optional<std::string>& kms_key_id) const {
    if (!named_master_key(kms_key_id)) return default_key_;
    const auto text = without_arn(*kms_key_id);
    std::optional<crypto::MasterKeyInfo> key;
    if (text.starts_with("alias/")) {
        key = hsm_.find_master_key(text.substr(6));
    } else if (const auto id = Uuid::parse(text)) {
        key = hsm_.find_master_key(crypto::MasterKeyId(*id));
    }
    return key ? std::optional(key->id) : std::nullopt;
}

std::vector<std::string> verify_and_register_master_keys(crypto::Hsm& hsm, storage::Database& database,
                                                         const Clock& clock, const LeaveEvent& leave_event,
                                                         Deadline deadline) {
    const JobOptions options{Priority::write, deadline};
    std::vector<storage::StoredMasterKey> known;
    std::vector<storage::RetiredGeneration> retired;
    try {
        auto loaded = load_all(database, options);
        known = std::move(loaded.keys);
        retired = std::move(loaded.retired);
    } catch (const IntegrityError& error) {
        throw Error(std::string("the database's record of master keys does not verify (") + error.what() +
                    "): it was altered, or it was written with another token's seal key");
    }
    std::vector<std::string> missing;
    for (const auto& key : known) {
        if (!token_has(hsm, key, options)) missing.push_back("the token has no " + describe(key));
    }
    if (!known.empty() && missing.size() == known.size()) {
        throw Error("the token holds none of the " + std::to_string(known.size()) +
                    " master keys that this database was written with: it is not this database's token");
    }

    std::vector<storage::StoredMasterKey> added;
    for (const auto& key : hsm.master_keys()) {
        const bool is_known = std::ranges::any_of(known, [&](const auto& k) {
            return k.id == key.id.value() && k.generation == key.newest_generation;
        });
        const storage::RetiredGeneration newest{key.id.value(), key.newest_generation};
        if (is_known || std::ranges::find(retired, newest) != retired.end()) continue;
        added.push_back(make_record_of(hsm, key, clock.now(), options));
    }
    if (!added.empty()) {
        static_cast<void>(wait_for<Done>([&](Completion<Done> done) {
            database.write<Done>(
                options,
                [&added, &leave_event](storage::WriteTransaction& tx) {
                    storage::MasterKeyRepository::add(tx, added);
                    if (leave_event) leave_event(tx, registration_of(added));
                    return Done{};
                },
                std::move(done));
        }));
    }
    return missing;
}

}  // namespace coffer::secrets
