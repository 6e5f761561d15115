#include "storage/secret_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <pqxx/result>
#include <stdexcept>

#include "storage/secret_seal.hpp"
#include "storage/sql_values.hpp"

namespace coffer::storage {

namespace {

namespace json = boost::json;

/// The places of secret_columns().
enum Column : unsigned {
    id,
    name,
    arn,
    description,
    kms_key_id,
    created,
    last_changed,
    deleted,
    purge_due,
    tags,
    resource_policy,
    creation_token,
    revision,
    seal,
    access_day,
    versions,
    labels,
    rotation,
    policy_principals
};

Timestamp from_days(std::int64_t days) {
    return Timestamp::from_millis(days * kMillisPerDay);
}

Uuid read_uuid(std::string_view text) {
    const auto value = Uuid::parse(text);
    if (!value) throw UnreadableColumn("a UUID is none");
    return *value;
}

std::string text_of(const json::value& value) {
    const auto& text = value.as_string();
    return {text.data(), text.size()};
}

std::optional<std::vector<Tag>> read_tags(const pqxx::field& field) {
    if (field.is_null()) return std::nullopt;
    std::vector<Tag> result;
    const auto parsed = json::parse(field.c_str());
    for (const auto& entry : parsed.as_array()) {
        const auto& pair = entry.as_array();
        if (pair.size() != 2) throw std::invalid_argument("not a tag");
        result.push_back({text_of(pair[0]), text_of(pair[1])});
    }
    return result;
}

StoredVersion read_version(const json::array& fields) {
    StoredVersion version;
    version.id = VersionId(text_of(fields.at(0)));
    version.created = Timestamp::from_millis(fields.at(1).to_number<std::int64_t>());
    if (!fields.at(2).is_null())
        version.kind = static_cast<ValueKind>(fields.at(2).to_number<std::uint8_t>());
    if (!fields.at(3).is_null()) version.master_key = read_uuid(text_of(fields.at(3)));
    if (!fields.at(4).is_null()) version.last_accessed = from_days(fields.at(4).to_number<std::int64_t>());
    return version;
}

std::vector<StoredVersion> read_versions(const pqxx::field& rows, const pqxx::field& label_rows) {
    std::vector<StoredVersion> result;
    if (!rows.is_null()) {
        const auto parsed = json::parse(rows.c_str());
        for (const auto& entry : parsed.as_array()) result.push_back(read_version(entry.as_array()));
    }
    if (label_rows.is_null()) return result;
    const auto parsed = json::parse(label_rows.c_str());
    for (const auto& entry : parsed.as_array()) {
        const VersionId version_id(text_of(entry.as_array().at(0)));
        const auto version = std::find_if(result.begin(), result.end(),
                                          [&](const StoredVersion& v) { return v.id == version_id; });
        if (version == result.end()) throw std::invalid_argument("a label on no version");
        version->labels.emplace_back(text_of(entry.as_array().at(1)));
    }
    return result;
}

std::optional<std::int64_t> member_number(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    if (value == nullptr) return std::nullopt;
    return value->to_number<std::int64_t>();
}

std::optional<std::string> member_text(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    if (value == nullptr) return std::nullopt;
    return text_of(*value);
}

std::optional<Timestamp> member_time(const json::object& object, std::string_view key) {
    const auto millis = member_number(object, key);
    if (!millis) return std::nullopt;
    return Timestamp::from_millis(*millis);
}

std::optional<StoredRotation> read_rotation(const pqxx::field& field) {
    if (field.is_null()) return std::nullopt;
    const auto parsed = json::parse(field.c_str());
    const auto& object = parsed.as_object();
    StoredRotation rotation;
    rotation.enabled = object.at("enabled").as_bool();
    rotation.function = text_of(object.at("function"));
    rotation.after_days = member_number(object, "after_days");
    rotation.expression = member_text(object, "expression");
    rotation.duration = member_text(object, "duration");
    rotation.expression_days = member_number(object, "expression_days");
    rotation.last_rotated = member_time(object, "last_rotated");
    rotation.opens = member_time(object, "opens");
    rotation.closes = member_time(object, "closes");
    if (auto making = member_text(object, "making")) rotation.making = VersionId(std::move(*making));
    rotation.testing = object.contains("testing");
    rotation.renew_by = member_time(object, "renew_by");
    if (auto from = member_text(object, "made_from")) rotation.made_from = VersionId(std::move(*from));
    return rotation;
}

PrincipalIds read_principals(const pqxx::field& field) {
    PrincipalIds ids;
    if (field.is_null()) return ids;
    const auto parsed = json::parse(field.c_str());
    for (const auto& entry : parsed.as_array()) {
        const auto& pair = entry.as_array();
        const bool added = pair.size() == 2 && ids.emplace(text_of(pair[0]), text_of(pair[1])).second;
        if (!added) throw std::invalid_argument("not a principal and its id");
    }
    return ids;
}

StoredSecret read_secret(const pqxx::row& row) {
    StoredSecret secret;
    secret.id = SecretId(uuid_of(row[Column::id]));
    secret.name = row[Column::name].c_str();
    secret.arn = row[Column::arn].c_str();
    secret.description = optional_text(row[Column::description]);
    secret.kms_key_id = optional_text(row[Column::kms_key_id]);
    secret.created = time_of(row[Column::created]);
    secret.last_changed = time_of(row[Column::last_changed]);
    secret.deleted = optional_time(row[Column::deleted]);
    secret.purge_due = optional_time(row[Column::purge_due]);
    secret.tags = read_tags(row[Column::tags]);
    secret.resource_policy = optional_text(row[Column::resource_policy]);
    secret.policy_principals = read_principals(row[Column::policy_principals]);
    secret.creation_token = optional_text(row[Column::creation_token]);
    secret.revision = number_of<std::int64_t>(row[Column::revision]);
    if (!row[Column::access_day].is_null()) {
        secret.last_accessed = from_days(number_of<std::int64_t>(row[Column::access_day]));
    }
    secret.seal = bytes_of(row[Column::seal]);
    secret.versions = read_versions(row[Column::versions], row[Column::labels]);
    secret.rotation = read_rotation(row[Column::rotation]);
    return secret;
}

IntegrityError broken_seal(std::string_view name) {
    return IntegrityError(fmt::format(
        "table secrets: the seal of secret '{}' does not match its row, versions and labels", name));
}

}  // namespace

std::string secret_columns() {
    return fmt::format(
        "s.id::text, s.name, s.arn, s.description, s.kms_key_id, {}, {}, {}, {}, s.tags::text, "
        "s.resource_policy, "
        "s.creation_token, s.revision, "
        "s.seal, "
        "(SELECT {} FROM last_access a WHERE a.secret_id = s.id), "
        "(SELECT json_agg(json_build_array(v.version_id, {}, v.kind, v.master_key, {}) "
        "ORDER BY v.created, v.version_id) FROM secret_versions v "
        "LEFT JOIN version_last_access a ON a.secret_id = v.secret_id AND a.version_id = v.version_id "
        "WHERE v.secret_id = s.id)::text, "
        "(SELECT json_agg(json_build_array(l.version_id, l.label) ORDER BY l.position, l.label) "
        "FROM staging_labels l WHERE l.secret_id = s.id)::text, s.rotation::text, s.policy_principals::text",
        sql_millis("s.created"), sql_millis("s.last_changed"), sql_millis("s.deleted"),
        sql_millis("s.purge_due"), sql_days("a.day"), sql_millis("v.created"), sql_days("a.day"));
}

StoredSecret unchecked_secret(const pqxx::row& row) {
    try {
        return read_secret(row);
    } catch (const std::exception&) {
        throw broken_seal(row[Column::name].c_str());  // what we never write has no seal of ours
    }
}

std::optional<SecretPart> unreadable_part(const pqxx::row& row) {
    const auto is_readable = [](const auto& read) {
        try {
            static_cast<void>(read());
            return true;
        } catch (const std::exception&) {
            return false;
        }
    };
    if (!is_readable([&] { return read_tags(row[Column::tags]); })) return SecretPart::tags;
    if (!is_readable([&] { return read_principals(row[Column::policy_principals]); }))
        return SecretPart::policy;
    if (!is_readable([&] { return read_rotation(row[Column::rotation]); })) return SecretPart::rotation;
    if (!is_readable([&] { return read_versions(row[Column::versions], row[Column::labels]); })) {
        return SecretPart::versions;
    }
    return std::nullopt;
}

std::vector<Outcome<StoredSecret>> check_seals(ReadTransaction& tx, std::vector<StoredSecret> secrets) {
    std::vector<Sealed> sealed;
    sealed.reserve(secrets.size());
    for (const auto& secret : secrets) sealed.push_back({secret_seal_message(secret), secret.seal});
    const auto good = tx.seals().check_all(std::move(sealed), tx.deadline());
    std::vector<Outcome<StoredSecret>> checked;
    checked.reserve(secrets.size());
    for (std::size_t i = 0; i < secrets.size(); ++i) {
        if (good[i]) {
            checked.emplace_back(std::move(secrets[i]));
        } else {
            const auto broken = broken_seal(secrets[i].name);
            tx.report_integrity_failure(broken.what());
            checked.emplace_back(std::make_exception_ptr(broken));
        }
    }
    return checked;
}

StoredSecret checked_secret(ReadTransaction& tx, const pqxx::row& row, const StoredSecret* known) {
    auto secret = unchecked_secret(row);
    auto message = secret_seal_message(secret);
    if (known != nullptr && known->seal == secret.seal && secret_seal_message(*known) == message)
        return secret;
    if (!tx.seals().check(std::move(message), secret.seal, tx.deadline())) throw broken_seal(secret.name);
    return secret;
}

StoredPayload read_payload(const pqxx::row& row, pqxx::row::size_type first) {
    StoredPayload payload;
    payload.master_key = uuid_of(row[first]);
    payload.generation = generation_of(row[first + 1]);
    payload.wrapped_key = bytes_of(row[first + 2]);
    payload.ciphertext = bytes_of(row[first + 3]);
    return payload;
}

ListCursor cursor_behind(const pqxx::row& row, SortKey sort_by) {
    ListCursor cursor;
    cursor.id = SecretId(uuid_of(row[Column::id]));
    switch (sort_by) {
        case SortKey::created:
            cursor.time = time_of(row[Column::created]);
            break;
        case SortKey::last_changed:
            cursor.time = time_of(row[Column::last_changed]);
            break;
        case SortKey::last_accessed:
            if (!row[Column::access_day].is_null()) {
                cursor.time = from_days(number_of<std::int64_t>(row[Column::access_day]));
            }
            break;
        case SortKey::name:
            cursor.name = row[Column::name].c_str();
            break;
    }
    return cursor;
}

std::optional<std::string> tags_json(const std::optional<std::vector<Tag>>& tags) {
    if (!tags) return std::nullopt;
    json::array entries;
    for (const auto& tag : *tags) {
        entries.push_back(json::array{storable("tag key", tag.key), storable("tag value", tag.value)});
    }
    return json::serialize(entries);
}

std::optional<std::string> principals_json(const PrincipalIds& ids) {
    if (ids.empty()) return std::nullopt;
    json::array entries;
    for (const auto& [arn, id] : ids)
        entries.push_back(json::array{storable("principal", arn), storable("unique id", id)});
    return json::serialize(entries);
}

std::optional<std::string> rotation_json(const std::optional<StoredRotation>& rotation) {
    if (!rotation) return std::nullopt;
    json::object object{{"enabled", rotation->enabled},
                        {"function", storable("rotation function", rotation->function)}};
    const auto put_time = [&object](std::string_view key, const std::optional<Timestamp>& time) {
        if (time) object[key] = time->millis();
    };
    if (rotation->after_days) object["after_days"] = *rotation->after_days;
    if (rotation->expression) object["expression"] = storable("schedule expression", *rotation->expression);
    if (rotation->duration) object["duration"] = storable("duration", *rotation->duration);
    if (rotation->expression_days) object["expression_days"] = *rotation->expression_days;
    put_time("last_rotated", rotation->last_rotated);
    put_time("opens", rotation->opens);
    put_time("closes", rotation->closes);
    if (rotation->making) object["making"] = storable("version id", rotation->making->value());
    if (rotation->testing) object["testing"] = true;
    put_time("renew_by", rotation->renew_by);
    if (rotation->made_from) object["made_from"] = storable("version id", rotation->made_from->value());
    return json::serialize(object);
}

}  // namespace coffer::storage
