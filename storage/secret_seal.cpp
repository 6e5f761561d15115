#include "storage/secret_seal.hpp"

#include <algorithm>

namespace coffer::storage {

namespace {

void put_text(CanonicalEncoder& encoder, const std::string& text) {
    encoder.text(text);
}
void put_time(CanonicalEncoder& encoder, Timestamp time) {
    encoder.number(time.millis());
}
void put_uuid(CanonicalEncoder& encoder, const Uuid& id) {
    encoder.bytes(id.bytes());
}

void put_tags(CanonicalEncoder& encoder, const std::vector<Tag>& tags) {
    encoder.list(tags.size());
    for (const auto& tag : tags) encoder.text(tag.key).text(tag.value);
}

void put_bare_version(CanonicalEncoder& encoder, const StoredVersion& version) {
    encoder.text(version.id.value()).number(version.created.millis());
    encoder.optional(version.kind,
                     [](CanonicalEncoder& e, ValueKind kind) { e.number(static_cast<std::int64_t>(kind)); });
    encoder.optional(version.master_key, put_uuid);
}

void put_labels(CanonicalEncoder& encoder, const StoredVersion& version) {
    encoder.list(version.labels.size());
    for (const auto& label : version.labels) encoder.text(label.value());
}

void put_version(CanonicalEncoder& encoder, const StoredVersion& version) {
    put_bare_version(encoder, version);
    put_labels(encoder, version);
}

/// Where labels are, whatever else there is of the versions: one that came or went without a label is no
/// matter.
void put_all_labels(CanonicalEncoder& encoder, const StoredSecret& secret) {
    std::vector<const StoredVersion*> labelled;
    for (const auto& version : secret.versions) {
        if (!version.labels.empty()) labelled.push_back(&version);
    }
    std::ranges::sort(labelled, {},
                      [](const StoredVersion* version) -> const std::string& { return version->id.value(); });
    for (const auto* version : labelled) {
        encoder.text(version->id.value());
        put_labels(encoder, *version);
    }
}

void put_rotation(CanonicalEncoder& encoder, const StoredRotation& rotation) {
    const auto put_number = [](CanonicalEncoder& e, std::int64_t number) { e.number(number); };
    encoder.boolean(rotation.enabled).text(rotation.function);
    encoder.optional(rotation.after_days, put_number);
    encoder.optional(rotation.expression, put_text).optional(rotation.duration, put_text);
    encoder.optional(rotation.expression_days, put_number);
    encoder.optional(rotation.last_rotated, put_time);
    encoder.optional(rotation.opens, put_time).optional(rotation.closes, put_time);
    encoder.optional(rotation.making, [](CanonicalEncoder& e, const VersionId& id) { e.text(id.value()); });
    encoder.boolean(rotation.testing);
    if (rotation.made_from) {
        encoder.text(rotation.made_from->value()).optional(rotation.renew_by, put_time);
    } else if (rotation.renew_by) {
        encoder.number(rotation.renew_by->millis());
    }
}

void put_principals(CanonicalEncoder& encoder, const PrincipalIds& ids) {
    encoder.list(ids.size());
    for (const auto& [arn, id] : ids) encoder.text(arn).text(id);
}

void put_part(CanonicalEncoder& encoder, const StoredSecret& secret, SecretPart part) {
    switch (part) {
        case SecretPart::identity:
            put_uuid(encoder, secret.id.value());
            encoder.text(secret.name).text(secret.arn).number(secret.created.millis());
            encoder.optional(secret.creation_token, put_text);
            break;
        case SecretPart::description:
            encoder.optional(secret.description, put_text).optional(secret.kms_key_id, put_text);
            break;
        case SecretPart::change:
            encoder.number(secret.last_changed.millis()).number(secret.revision);
            break;
        case SecretPart::deletion:
            encoder.optional(secret.deleted, put_time).optional(secret.purge_due, put_time);
            break;
        case SecretPart::tags:
            encoder.optional(secret.tags, put_tags);
            break;
        case SecretPart::policy:
            encoder.optional(secret.resource_policy, put_text);
            if (!secret.policy_principals.empty()) put_principals(encoder, secret.policy_principals);
            break;
        case SecretPart::rotation:
            encoder.optional(secret.rotation, put_rotation);
            break;
        case SecretPart::versions:
            for (const auto& version : secret.versions) put_bare_version(encoder, version);
            break;
        case SecretPart::labels:
            put_all_labels(encoder, secret);
            break;
    }
}

void put_generations(CanonicalEncoder& encoder, const std::vector<StoredMasterKey>& keys) {
    encoder.list(keys.size());
    for (const auto& key : keys) {
        put_uuid(encoder, key.id);
        encoder.number(key.generation).text(key.name).number(key.created.millis());
        encoder.bytes(key.check_value.wrapped_key).bytes(key.check_value.ciphertext);
    }
}

}  // namespace

namespace {

/// What the seal of a secret covers whose policy's principals have no ids.
Bytes message_without_principals(const StoredSecret& secret) {
    // Seals that were made before there was rotation, values that end, or a note of what a value was made
    // from, stay good.
    const bool renews = secret.rotation && secret.rotation->renew_by;
    const bool has_origin = secret.rotation && secret.rotation->made_from;
    CanonicalEncoder encoder(has_origin        ? "coffer/seal/secret/v4"
                             : renews          ? "coffer/seal/secret/v3"
                             : secret.rotation ? "coffer/seal/secret/v2"
                                               : "coffer/seal/secret/v1");
    put_uuid(encoder, secret.id.value());
    encoder.text(secret.name).text(secret.arn);
    encoder.optional(secret.description, put_text).optional(secret.kms_key_id, put_text);
    encoder.number(secret.created.millis()).number(secret.last_changed.millis());
    encoder.optional(secret.deleted, put_time).optional(secret.purge_due, put_time);
    encoder.optional(secret.tags, put_tags);
    encoder.optional(secret.resource_policy, put_text).optional(secret.creation_token, put_text);
    encoder.number(secret.revision);
    encoder.list(secret.versions.size());
    for (const auto& version : secret.versions) put_version(encoder, version);
    if (secret.rotation) put_rotation(encoder, *secret.rotation);
    return encoder.take();
}

}  // namespace

Bytes secret_seal_message(const StoredSecret& secret) {
    auto message = message_without_principals(secret);
    // Those that were made before there were ids stay good.
    if (secret.policy_principals.empty()) return message;
    CanonicalEncoder encoder("coffer/seal/secret/v5");
    encoder.bytes(message);
    put_principals(encoder, secret.policy_principals);
    return encoder.take();
}

SecretPartMessages secret_part_messages(const StoredSecret& secret) {
    SecretPartMessages messages;
    CanonicalEncoder encoder("coffer/parts/secret/v1");
    for (std::size_t part = 0; part < kSecretParts; ++part) {
        put_part(encoder, secret, static_cast<SecretPart>(part));
        messages.ends[part] = encoder.result().size();
    }
    messages.encoded = encoder.take();
    return messages;
}

Bytes master_keys_seal_message(const std::vector<StoredMasterKey>& keys) {
    CanonicalEncoder encoder("coffer/seal/master-keys/v1");
    put_generations(encoder, keys);
    return encoder.take();
}

Bytes master_keys_seal_message(const StoredMasterKeys& keys) {
    CanonicalEncoder encoder("coffer/seal/master-keys/v2");
    encoder.number(keys.revision.value());
    put_generations(encoder, keys.generations);
    encoder.list(keys.settings.size());
    for (const auto& [id, settings] : keys.settings) {
        put_uuid(encoder, id);
        encoder.text(settings.description).optional(settings.deletion_due, put_time);
        encoder.optional(settings.rotation_days,
                         [](CanonicalEncoder& e, std::int32_t days) { e.number(days); });
        encoder.optional(settings.next_rotation, put_time).number(settings.rewrapped_generation);
        encoder.optional(settings.rewrapped, put_time);
    }
    return encoder.take();
}

}  // namespace coffer::storage
