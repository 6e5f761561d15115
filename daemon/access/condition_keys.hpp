#pragma once
// The condition keys: one table that the evaluator, the parser and the findings share. Sources: "AWS global
// condition context keys", "Condition keys for AWS Secrets Manager" (service authorization reference),
// "Actions defined by AWS STS / IAM". Names compare without regard to case.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace coffer::access {

/// A condition key. The last four are families: a name that ends in a tag's key, or any name that is in no
/// table.
enum class Key : std::uint8_t {
    current_time,
    epoch_time,
    token_issue_time,
    multi_factor_auth_present,
    multi_factor_auth_age,
    principal_arn,
    principal_account,
    principal_type,
    principal_org_id,
    principal_org_paths,
    principal_is_aws_service,
    principal_service_name,
    principal_service_names_list,
    user_id,
    username,
    federated_provider,
    source_identity,
    assumed_root,
    source_ip,
    vpc_source_ip,
    source_vpc,
    source_vpc_arn,
    source_vpce,
    source_arn,
    source_account,
    source_org_id,
    source_org_paths,
    secure_transport,
    user_agent,
    referer,
    requested_region,
    resource_account,
    resource_org_id,
    resource_org_paths,
    tag_keys,
    via_aws_service,
    called_via,
    called_via_first,
    called_via_last,
    coffer_protocol,
    coffer_certificate_issuer,
    coffer_principal_groups,
    sm_name,
    sm_description,
    sm_kms_key_id,
    sm_kms_key_arn,
    sm_secret_id,
    sm_version_id,
    sm_version_stage,
    sm_resource_rotation_lambda_arn,
    sm_resource_type,
    sm_type,
    sm_rotation_lambda_arn,
    sm_external_rotation_role_arn,
    sm_modify_rotation_rules,
    sm_rotate_immediately,
    sm_recovery_window_in_days,
    sm_force_delete,
    sm_block_public_policy,
    sm_secret_primary_region,
    sm_add_replica_regions,
    sm_force_overwrite_replica,
    sts_role_session_name,
    sts_external_id,
    sts_source_identity,
    sts_duration_seconds,
    sts_transitive_tag_keys,
    iam_policy_arn,
    iam_permissions_boundary,
    iam_passed_to_service,
    principal_tag,
    resource_tag,
    request_tag,
    other
};

/// Keys with a row in the table, which are those with a value of their own in a request.
inline constexpr std::size_t kSingleKeys = static_cast<std::size_t>(Key::principal_tag);

/// What a key's values mean; decides which operators make sense.
enum class KeyType : std::uint8_t { string, numeric, boolean, date, ip, arn };

/// Whether requests to Coffer carry the key. `never`: AWS has it, and no request here does.
enum class KeyPresence : std::uint8_t { always, sometimes, never };

struct KeyInfo {
    Key key;
    std::string_view name;
    KeyType type;
    /// May have several values: set operators are meant for it, variables are not.
    bool multivalued;
    KeyPresence presence;
};

/// A key as a policy names it.
struct KeyRef {
    Key key = Key::other;
    /// A tag's key as written, for the tag families; the whole name in lower case, for `other`.
    std::string name;
    /// As the policy has it, for messages.
    std::string written;

    /// Whether both mean the same key.
    [[nodiscard]] bool same_as(const KeyRef& that) const;
};

/// The rows of the table in the order of the enumeration; immutable.
[[nodiscard]] std::span<const KeyInfo> key_table() noexcept;

/// The row of a key, or nullptr for a family.
[[nodiscard]] const KeyInfo* key_info(Key key) noexcept;

/// The key of that name; names that are in no table become `other`. Linear in the table: for parsing, not
/// for decisions.
[[nodiscard]] KeyRef find_key(std::string_view name);

/// Whether `key` is one of an identity provider ("issuer.example/path:sub") rather than of a service.
[[nodiscard]] bool is_provider_key(const KeyRef& key) noexcept;

/// The name of a key that is spelt nearly so, for "did you mean"; empty when none is. A family of tags is
/// named with "KEY" for the tag's key. For messages: compares with every name.
[[nodiscard]] std::string nearest_key(std::string_view name);

}  // namespace coffer::access
