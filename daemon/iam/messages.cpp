#include "daemon/iam/messages.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/iam/identities.hpp"
#include "daemon/iam/managed_policies.hpp"
#include "daemon/iam/names.hpp"

namespace coffer::iam {

namespace {

template <class Message>
void put_identities(const std::vector<Identity>& identities, Message& message) {
    for (const auto& identity : identities) *message.add_identities() = to_message(identity);
}

bool has(const std::vector<std::string>& arns, const std::string& arn) {
    return std::find(arns.begin(), arns.end(), arn) != arns.end();
}

template <class Record>
void count_use(const Table<Record>& table, const std::string& arn, PolicyUse& use) {
    for (const auto& [name, record] : table) {
        if (has(record->attached, arn)) ++use.attached;
        if constexpr (!std::is_same_v<Record, Group>) {
            if (record->boundary == arn) ++use.boundaries;
        }
    }
}

}  // namespace

v1::User to_message(std::string_view account, const User& user) {
    v1::User message;
    message.set_path(user.path);
    message.set_user_name(user.name);
    message.set_user_id(user.id);
    message.set_arn(arn_of(account, user));
    message.set_create_date(user.created.seconds());
    put_boundary(user.boundary, message);
    put_tags(user.tags, *message.mutable_tags());
    put_identities(user.identities, message);
    put_suspension(user, message);
    if (user.sessions_valid_from) message.set_sessions_valid_from(user.sessions_valid_from->seconds());
    return message;
}

v1::Group to_message(std::string_view account, const Group& group) {
    v1::Group message;
    message.set_path(group.path);
    message.set_group_name(group.name);
    message.set_group_id(group.id);
    message.set_arn(arn_of(account, group));
    message.set_create_date(group.created.seconds());
    return message;
}

v1::Role to_message(std::string_view account, const Role& role, const PrincipalIndex& index) {
    v1::Role message;
    message.set_path(role.path);
    message.set_role_name(role.name);
    message.set_role_id(role.id);
    message.set_arn(arn_of(account, role));
    message.set_create_date(role.created.seconds());
    message.set_assume_role_policy_document(shown_trust(role, index));
    if (!role.description.empty()) message.set_description(role.description);
    message.set_max_session_duration(role.max_session_duration);
    put_boundary(role.boundary, message);
    put_tags(role.tags, *message.mutable_tags());
    put_identities(role.identities, message);
    put_suspension(role, message);
    if (role.sessions_valid_from) message.set_sessions_valid_from(role.sessions_valid_from->seconds());
    return message;
}

v1::ManagedPolicy to_message(std::string_view account, const Records& records, const ManagedPolicy& policy) {
    const auto arn = arn_of(account, policy);
    const auto use = use_of(records, arn);
    v1::ManagedPolicy message;
    message.set_policy_name(policy.name);
    message.set_policy_id(policy.id);
    message.set_arn(arn);
    message.set_path(policy.path);
    message.set_default_version_id(fmt::format("v{}", policy.default_version));
    message.set_attachment_count(use.attached);
    message.set_permissions_boundary_usage_count(use.boundaries);
    message.set_is_attachable(true);
    if (!policy.description.empty()) message.set_description(policy.description);
    if (policy.created.millis() != 0) {
        message.set_create_date(policy.created.seconds());
        message.set_update_date(policy.updated.seconds());
    }
    put_tags(policy.tags, *message.mutable_tags());
    return message;
}

v1::PolicyVersion to_message(const ManagedPolicy& policy, const PolicyVersion& version) {
    v1::PolicyVersion message;
    message.set_version_id(fmt::format("v{}", version.number));
    message.set_is_default_version(version.number == policy.default_version);
    if (version.created.millis() != 0) message.set_create_date(version.created.seconds());
    return message;
}

v1::AttachedPolicy attached_message(const std::string& arn) {
    v1::AttachedPolicy message;
    message.set_policy_name(arn.substr(arn.rfind('/') + 1));
    message.set_policy_arn(arn);
    return message;
}

v1::CertificateIdentity to_message(const Identity& identity) {
    v1::CertificateIdentity message;
    message.set_kind(std::string(identity_kind_name(identity.kind)));
    message.set_value(identity.value);
    if (identity.issuer) message.set_issuer(*identity.issuer);
    return message;
}

void put_tags(const std::vector<Tag>& tags, google::protobuf::RepeatedPtrField<v1::Tag>& into) {
    for (const auto& tag : tags) {
        auto& message = *into.Add();
        message.set_key(tag.key);
        message.set_value(tag.value);
    }
}

std::vector<Tag> tags_of(const google::protobuf::RepeatedPtrField<v1::Tag>& tags) {
    std::vector<Tag> records;
    for (const auto& tag : tags) records.push_back({tag.key(), tag.value()});
    return records;
}

Identity identity_of(const v1::CertificateIdentity& message) {
    Identity identity{find_identity_kind(message.kind()).value_or(IdentityKind::cn), message.value(),
                      std::nullopt};
    if (message.has_issuer()) identity.issuer = message.issuer();
    return identity;
}

ManagedPolicy built_in_record(std::string_view arn) {
    const auto& policy = *find_built_in(arn);
    ManagedPolicy record;
    record.name = policy.name;
    record.id = policy.id;
    record.description = policy.description;
    record.versions.push_back({1, Timestamp(), std::string(policy.document)});
    return record;
}

PolicyUse use_of(const Records& records, const std::string& arn) {
    PolicyUse use;
    count_use(records.users, arn, use);
    count_use(records.groups, arn, use);
    count_use(records.roles, arn, use);
    return use;
}

}  // namespace coffer::iam
