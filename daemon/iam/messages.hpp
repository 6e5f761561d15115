#pragma once
// Records as the messages of the protocol.

#include <google/protobuf/repeated_ptr_field.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/v1/iam.pb.h"
#include "daemon/iam/directory.hpp"
#include "daemon/iam/principal_index.hpp"
#include "daemon/iam/records.hpp"

namespace coffer::iam {

[[nodiscard]] v1::User to_message(std::string_view account, const User& user);
[[nodiscard]] v1::Group to_message(std::string_view account, const Group& group);
[[nodiscard]] v1::Role to_message(std::string_view account, const Role& role, const PrincipalIndex& index);
/// With the counts of who has it attached.
[[nodiscard]] v1::ManagedPolicy to_message(std::string_view account, const Records& records,
                                           const ManagedPolicy& policy);
[[nodiscard]] v1::PolicyVersion to_message(const ManagedPolicy& policy, const PolicyVersion& version);
[[nodiscard]] v1::AttachedPolicy attached_message(const std::string& arn);
[[nodiscard]] v1::CertificateIdentity to_message(const Identity& identity);

/// PermissionsBoundary, where there is one.
template <class Message>
void put_boundary(const std::optional<std::string>& boundary, Message& message) {
    if (!boundary) return;
    message.mutable_permissions_boundary()->set_permissions_boundary_type("Policy");
    message.mutable_permissions_boundary()->set_permissions_boundary_arn(*boundary);
}

/// Disabled and Expires.
template <class Record, class Message>
void put_suspension(const Record& record, Message& message) {
    if (record.disabled) message.set_disabled(true);
    if (record.expires) message.set_expires(record.expires->seconds());
}

void put_tags(const std::vector<Tag>& tags, google::protobuf::RepeatedPtrField<v1::Tag>& into);
[[nodiscard]] std::vector<Tag> tags_of(const google::protobuf::RepeatedPtrField<v1::Tag>& tags);
[[nodiscard]] Identity identity_of(const v1::CertificateIdentity& message);

/// A built-in policy in the form of those that are stored.
[[nodiscard]] ManagedPolicy built_in_record(std::string_view arn);

/// How many users, groups and roles have the policy attached, and how many have it as their boundary.
struct PolicyUse {
    std::int64_t attached = 0;
    std::int64_t boundaries = 0;
};
[[nodiscard]] PolicyUse use_of(const Records& records, const std::string& arn);

}  // namespace coffer::iam
