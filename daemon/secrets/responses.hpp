#pragma once
// From stored records to the protocol's messages; what several operations answer with.

#include <optional>

#include "coffer/v1/secrets.pb.h"
#include "crypto/key_types.hpp"
#include "daemon/secrets/labels.hpp"
#include "daemon/secrets/master_keys.hpp"
#include "storage/records.hpp"

namespace coffer::secrets {

/// What most operations answer with: the secret's ARN and name.
template <class Response>
[[nodiscard]] Response answer_naming(const storage::StoredSecret& secret) {
    Response response;
    response.set_arn(secret.arn);
    response.set_name(secret.name);
    return response;
}

/// What AWS shows of a rotation. NextRotationDate is the last second of the next window.
template <class Message>
void fill_rotation(const storage::StoredRotation& rotation, Message& message) {
    message.set_rotation_enabled(rotation.enabled);
    message.set_rotation_lambda_arn(rotation.function);
    const auto& days = rotation.expression ? rotation.expression_days : rotation.after_days;
    // AWS's member has at most 1,000: a cron expression can be further apart.
    constexpr std::int64_t kMostDays = 1'000;
    if (days && *days <= kMostDays) message.mutable_rotation_rules()->set_automatically_after_days(*days);
    if (rotation.expression) message.mutable_rotation_rules()->set_schedule_expression(*rotation.expression);
    if (rotation.duration) message.mutable_rotation_rules()->set_duration(*rotation.duration);
    if (rotation.last_rotated) message.set_last_rotated_date(rotation.last_rotated->seconds());
    auto next = rotation.closes;
    if (next) next = *next - std::chrono::seconds(1);
    if (rotation.renew_by && (!next || *rotation.renew_by < *next)) next = rotation.renew_by;
    if (rotation.enabled && next) message.set_next_rotation_date(next->seconds());
}

/// The members that DescribeSecret and ListSecrets share. Absent values stay absent.
template <class Message>
void fill_metadata(const storage::StoredSecret& secret, std::optional<Timestamp> last_accessed,
                   Message& message) {
    message.set_arn(secret.arn);
    message.set_name(secret.name);
    if (secret.description) message.set_description(*secret.description);
    if (const auto key = named_master_key(secret.kms_key_id)) message.set_kms_key_id(*key);
    message.set_created_date(secret.created.seconds());
    message.set_last_changed_date(secret.last_changed.seconds());
    if (last_accessed) message.set_last_accessed_date(last_accessed->seconds());
    if (secret.deleted) message.set_deleted_date(secret.deleted->seconds());
    if (secret.rotation) fill_rotation(*secret.rotation, message);
    if (!secret.tags) return;
    auto& tags = *message.mutable_tags();
    for (const auto& tag : *secret.tags) {
        auto& added = *tags.add_tags();
        added.set_key(tag.key);
        added.set_value(tag.value);
    }
}

/// The labelled versions with their labels.
inline void fill_labels(const Versions& versions,
                        google::protobuf::Map<std::string, v1::StagingLabels>& map) {
    for (const auto& version : versions) {
        if (version.labels.empty()) continue;
        auto& labels = map[version.id.value()];
        for (const auto& label : version.labels) labels.add_labels(label.value());
    }
}

inline void fill_version(const storage::StoredVersion& version, std::optional<Timestamp> last_accessed,
                         crypto::MasterKeyId default_key, v1::SecretVersionsListEntry& entry) {
    entry.set_version_id(version.id.value());
    for (const auto& label : version.labels) entry.add_version_stages(label.value());
    entry.set_created_date(version.created.seconds());
    if (last_accessed) entry.set_last_accessed_date(last_accessed->seconds());
    if (!version.master_key) return;
    entry.add_kms_key_ids(*version.master_key == default_key.value() ? "DefaultEncryptionKey"
                                                                     : version.master_key->text());
}

}  // namespace coffer::secrets
