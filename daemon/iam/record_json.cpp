#include "daemon/iam/record_json.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <stdexcept>

#include "daemon/iam/identities.hpp"
#include "daemon/iam/json_fields.hpp"

namespace coffer::iam {

namespace json = boost::json;

namespace {

// ---- to JSON ----------------------------------------------------------------------------------------------

void put(json::object& object, json::string_view name, const std::string& text) {
    if (!text.empty()) object[name] = text;
}

void put(json::object& object, json::string_view name, const std::optional<std::string>& text) {
    if (text) object[name] = *text;
}

void put(json::object& object, json::string_view name, const std::vector<std::string>& texts) {
    if (texts.empty()) return;
    auto& list = object[name].emplace_array();
    for (const auto& text : texts) list.emplace_back(text);
}

void put(json::object& object, json::string_view name, const std::vector<Tag>& tags) {
    if (tags.empty()) return;
    auto& list = object[name].emplace_array();
    for (const auto& tag : tags) {
        json::array pair;
        pair.emplace_back(tag.key);
        pair.emplace_back(tag.value);
        list.emplace_back(std::move(pair));
    }
}

void put(json::object& object, json::string_view name, const std::vector<Identity>& identities) {
    if (identities.empty()) return;
    auto& list = object[name].emplace_array();
    for (const auto& identity : identities) {
        json::object entry;
        entry["kind"] = std::string(identity_kind_name(identity.kind));
        entry["value"] = identity.value;
        put(entry, "issuer", identity.issuer);
        list.emplace_back(std::move(entry));
    }
}

void put(json::object& object, json::string_view name, const std::optional<Timestamp>& time) {
    if (time) object[name] = time->millis();
}

void put(json::object& object, json::string_view name, const PrincipalIds& ids) {
    if (ids.empty()) return;
    auto& members = object[name].emplace_object();
    for (const auto& [arn, id] : ids) members[arn] = id;
}

void put(json::object& object, json::string_view name, const std::vector<AccessKey>& keys) {
    if (keys.empty()) return;
    auto& list = object[name].emplace_array();
    for (const auto& key : keys) {
        json::object entry;
        entry["id"] = key.id;
        entry["created"] = key.created.millis();
        if (!key.active) entry["inactive"] = true;
        entry["master_key"] = key.secret.master_key.text();
        entry["generation"] = static_cast<std::int64_t>(key.secret.generation);
        entry["wrapped_key"] = to_hex(key.secret.wrapped_key);
        entry["ciphertext"] = to_hex(key.secret.ciphertext);
        list.emplace_back(std::move(entry));
    }
}

/// What users and roles have in common besides what all holders have.
template <class Record>
void put_suspension(json::object& object, const Record& record) {
    if (record.disabled) object["disabled"] = true;
    put(object, "expires", record.expires);
    put(object, "sessions_valid_from", record.sessions_valid_from);
}

json::object begin(const std::string& path, const std::string& id, Timestamp created) {
    json::object object;
    object["path"] = path;
    object["id"] = id;
    object["created"] = created.millis();
    return object;
}

json::object begin(const Holder& holder) {
    auto object = begin(holder.path, holder.id, holder.created);
    if (!holder.inline_policies.empty()) {
        auto& policies = object["inline"].emplace_object();
        for (const auto& [name, text] : holder.inline_policies) policies[name] = text;
    }
    put(object, "attached", holder.attached);
    return object;
}

// ---- from JSON --------------------------------------------------------------------------------------------

std::string text_of(const json::value& value, std::string_view what) {
    if (!value.is_string()) throw BadDocument("the document's " + std::string(what) + " must be strings");
    return std::string(value.get_string());
}

std::vector<std::string> texts_of(const json::array& list, std::string_view what) {
    std::vector<std::string> texts;
    for (const auto& value : list) texts.push_back(text_of(value, what));
    return texts;
}

std::vector<Tag> read_tags(const json::array& list) {
    std::vector<Tag> tags;
    for (const auto& value : list) {
        const auto* pair = value.if_array();
        if (pair == nullptr || pair->size() != 2) throw BadDocument("the document's tags must be pairs");
        tags.push_back({text_of((*pair)[0], "tags"), text_of((*pair)[1], "tags")});
    }
    return tags;
}

std::vector<Identity> identities_of(const json::array& list) {
    std::vector<Identity> identities;
    for (const auto& value : list) {
        JsonFields fields(value);
        const auto kind = find_identity_kind(fields.text("kind"));
        if (!kind) throw BadDocument("the document's identities have a kind that is not known");
        Identity identity{*kind, fields.text("value"), std::nullopt};
        if (const auto* issuer = fields.optional_text("issuer")) identity.issuer = *issuer;
        fields.finish();
        identities.push_back(std::move(identity));
    }
    return identities;
}

std::optional<Timestamp> time_of(JsonFields& fields, std::string_view name) {
    const auto* millis = fields.optional_number(name);
    if (millis == nullptr) return std::nullopt;
    return Timestamp::from_millis(*millis);
}

template <class Record>
void read_suspension(JsonFields& fields, Record& record) {
    record.disabled = fields.flag("disabled");
    record.expires = time_of(fields, "expires");
    record.sessions_valid_from = time_of(fields, "sessions_valid_from");
}

Bytes bytes_of(JsonFields& fields, std::string_view name) {
    try {
        return from_hex(fields.text(name));
    } catch (const std::invalid_argument&) {
        throw BadDocument("the document's " + std::string(name) + " must be hexadecimal");
    }
}

std::vector<AccessKey> access_keys_of(const json::array& list) {
    std::vector<AccessKey> keys;
    for (const auto& value : list) {
        JsonFields fields(value);
        AccessKey key;
        key.id = fields.text("id");
        key.created = Timestamp::from_millis(fields.number("created"));
        key.active = !fields.flag("inactive");
        const auto master_key = Uuid::parse(fields.text("master_key"));
        if (!master_key) throw BadDocument("the document's master_key must be a UUID");
        key.secret.master_key = *master_key;
        key.secret.generation = static_cast<std::uint32_t>(fields.number("generation"));
        key.secret.wrapped_key = bytes_of(fields, "wrapped_key");
        key.secret.ciphertext = bytes_of(fields, "ciphertext");
        fields.finish();
        keys.push_back(std::move(key));
    }
    return keys;
}

void read_holder(JsonFields& fields, std::string_view name, Holder& holder) {
    holder.name = name;
    holder.path = fields.text("path");
    holder.id = fields.text("id");
    holder.created = Timestamp::from_millis(fields.number("created"));
    for (const auto& member : fields.object("inline")) {
        holder.inline_policies.emplace(member.key(), text_of(member.value(), "inline policies"));
    }
    holder.attached = texts_of(fields.list("attached"), "attached policies");
}

json::value parse(std::string_view document) {
    json::error_code error;
    auto value = json::parse(json::string_view(document.data(), document.size()), error);
    if (error) throw BadDocument("the document is no JSON");
    return value;
}

}  // namespace

std::string to_document(const User& user) {
    auto object = begin(user);
    put(object, "tags", user.tags);
    put(object, "boundary", user.boundary);
    put(object, "groups", user.groups);
    put(object, "identities", user.identities);
    put_suspension(object, user);
    put(object, "access_keys", user.access_keys);
    return json::serialize(object);
}

std::string to_document(const Group& group) {
    return json::serialize(begin(group));
}

std::string to_document(const Role& role) {
    auto object = begin(role);
    put(object, "tags", role.tags);
    put(object, "boundary", role.boundary);
    put(object, "description", role.description);
    object["max_session_duration"] = role.max_session_duration;
    object["trust"] = role.trust;
    put(object, "trust_principals", role.trust_principals);
    put(object, "identities", role.identities);
    put_suspension(object, role);
    return json::serialize(object);
}

std::string to_document(const ManagedPolicy& policy) {
    auto object = begin(policy.path, policy.id, policy.created);
    object["updated"] = policy.updated.millis();
    put(object, "description", policy.description);
    put(object, "tags", policy.tags);
    auto& versions = object["versions"].emplace_array();
    for (const auto& version : policy.versions) {
        json::object entry;
        entry["number"] = version.number;
        entry["created"] = version.created.millis();
        entry["document"] = version.document;
        versions.emplace_back(std::move(entry));
    }
    object["default"] = policy.default_version;
    object["next"] = policy.next_version;
    return json::serialize(object);
}

std::string to_document(const ListenerPolicy& policy) {
    json::object object;
    object["updated"] = policy.updated.millis();
    object["document"] = policy.document;
    return json::serialize(object);
}

std::string to_claims(const std::vector<Identity>& identities) {
    json::object object;
    put(object, "identities", identities);
    return identities.empty() ? std::string() : json::serialize(object);
}

std::vector<Identity> read_claims(std::string_view claims) {
    if (claims.empty()) return {};
    const auto value = parse(claims);
    JsonFields fields(value);
    auto identities = identities_of(fields.list("identities"));
    fields.finish();
    return identities;
}

template <>
User read_document<User>(std::string_view name, std::string_view document) {
    const auto value = parse(document);
    JsonFields fields(value);
    User user;
    read_holder(fields, name, user);
    user.tags = read_tags(fields.list("tags"));
    if (const auto* boundary = fields.optional_text("boundary")) user.boundary = *boundary;
    user.groups = texts_of(fields.list("groups"), "groups");
    user.identities = identities_of(fields.list("identities"));
    read_suspension(fields, user);
    user.access_keys = access_keys_of(fields.list("access_keys"));
    fields.finish();
    return user;
}

template <>
Group read_document<Group>(std::string_view name, std::string_view document) {
    const auto value = parse(document);
    JsonFields fields(value);
    Group group;
    read_holder(fields, name, group);
    fields.finish();
    return group;
}

template <>
Role read_document<Role>(std::string_view name, std::string_view document) {
    const auto value = parse(document);
    JsonFields fields(value);
    Role role;
    read_holder(fields, name, role);
    role.tags = read_tags(fields.list("tags"));
    if (const auto* boundary = fields.optional_text("boundary")) role.boundary = *boundary;
    if (const auto* description = fields.optional_text("description")) role.description = *description;
    role.max_session_duration = fields.number("max_session_duration");
    role.trust = fields.text("trust");
    for (const auto& member : fields.object("trust_principals")) {
        role.trust_principals.emplace(member.key(), text_of(member.value(), "trust_principals"));
    }
    role.identities = identities_of(fields.list("identities"));
    read_suspension(fields, role);
    fields.finish();
    return role;
}

template <>
ManagedPolicy read_document<ManagedPolicy>(std::string_view name, std::string_view document) {
    const auto value = parse(document);
    JsonFields fields(value);
    ManagedPolicy policy;
    policy.name = name;
    policy.path = fields.text("path");
    policy.id = fields.text("id");
    policy.created = Timestamp::from_millis(fields.number("created"));
    policy.updated = Timestamp::from_millis(fields.number("updated"));
    if (const auto* description = fields.optional_text("description")) policy.description = *description;
    policy.tags = read_tags(fields.list("tags"));
    for (const auto& entry : fields.list("versions")) {
        JsonFields version(entry);
        policy.versions.push_back({version.number("number"),
                                   Timestamp::from_millis(version.number("created")),
                                   version.text("document")});
        version.finish();
    }
    policy.default_version = fields.number("default");
    policy.next_version = fields.number("next");
    fields.finish();
    if (policy.find(policy.default_version) == nullptr) {
        throw BadDocument("the document's default version is none of its versions");
    }
    return policy;
}

template <>
ListenerPolicy read_document<ListenerPolicy>(std::string_view name, std::string_view document) {
    const auto value = parse(document);
    JsonFields fields(value);
    ListenerPolicy policy;
    policy.name = name;
    policy.updated = Timestamp::from_millis(fields.number("updated"));
    policy.document = fields.text("document");
    fields.finish();
    return policy;
}

}  // namespace coffer::iam
