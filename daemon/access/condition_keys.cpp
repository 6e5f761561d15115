#include "daemon/access/condition_keys.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "daemon/access/ascii.hpp"
#include "daemon/base/edit_distance.hpp"

namespace coffer::access {
namespace {

constexpr std::array<KeyInfo, kSingleKeys> kKeys{{
    {Key::current_time, "aws:CurrentTime", KeyType::date, false, KeyPresence::always},
    {Key::epoch_time, "aws:EpochTime", KeyType::date, false, KeyPresence::always},
    {Key::token_issue_time, "aws:TokenIssueTime", KeyType::date, false, KeyPresence::sometimes},
    {Key::multi_factor_auth_present, "aws:MultiFactorAuthPresent", KeyType::boolean, false,
     KeyPresence::never},
    {Key::multi_factor_auth_age, "aws:MultiFactorAuthAge", KeyType::numeric, false, KeyPresence::never},
    {Key::principal_arn, "aws:PrincipalArn", KeyType::arn, false, KeyPresence::always},
    {Key::principal_account, "aws:PrincipalAccount", KeyType::string, false, KeyPresence::always},
    {Key::principal_type, "aws:PrincipalType", KeyType::string, false, KeyPresence::always},
    {Key::principal_org_id, "aws:PrincipalOrgID", KeyType::string, false, KeyPresence::never},
    {Key::principal_org_paths, "aws:PrincipalOrgPaths", KeyType::string, true, KeyPresence::never},
    {Key::principal_is_aws_service, "aws:PrincipalIsAWSService", KeyType::boolean, false,
     KeyPresence::always},
    {Key::principal_service_name, "aws:PrincipalServiceName", KeyType::string, false, KeyPresence::sometimes},
    {Key::principal_service_names_list, "aws:PrincipalServiceNamesList", KeyType::string, true,
     KeyPresence::never},
    {Key::user_id, "aws:userid", KeyType::string, false, KeyPresence::always},
    {Key::username, "aws:username", KeyType::string, false, KeyPresence::sometimes},
    {Key::federated_provider, "aws:FederatedProvider", KeyType::string, false, KeyPresence::sometimes},
    {Key::source_identity, "aws:SourceIdentity", KeyType::string, false, KeyPresence::sometimes},
    {Key::assumed_root, "aws:AssumedRoot", KeyType::boolean, false, KeyPresence::never},
    {Key::source_ip, "aws:SourceIp", KeyType::ip, false, KeyPresence::sometimes},
    {Key::vpc_source_ip, "aws:VpcSourceIp", KeyType::ip, false, KeyPresence::never},
    {Key::source_vpc, "aws:SourceVpc", KeyType::string, false, KeyPresence::never},
    {Key::source_vpc_arn, "aws:SourceVpcArn", KeyType::arn, false, KeyPresence::never},
    {Key::source_vpce, "aws:SourceVpce", KeyType::string, false, KeyPresence::sometimes},
    {Key::source_arn, "aws:SourceArn", KeyType::arn, false, KeyPresence::never},
    {Key::source_account, "aws:SourceAccount", KeyType::string, false, KeyPresence::never},
    {Key::source_org_id, "aws:SourceOrgID", KeyType::string, false, KeyPresence::never},
    {Key::source_org_paths, "aws:SourceOrgPaths", KeyType::string, true, KeyPresence::never},
    {Key::secure_transport, "aws:SecureTransport", KeyType::boolean, false, KeyPresence::always},
    {Key::user_agent, "aws:UserAgent", KeyType::string, false, KeyPresence::sometimes},
    {Key::referer, "aws:referer", KeyType::string, false, KeyPresence::never},
    {Key::requested_region, "aws:RequestedRegion", KeyType::string, false, KeyPresence::always},
    {Key::resource_account, "aws:ResourceAccount", KeyType::string, false, KeyPresence::sometimes},
    {Key::resource_org_id, "aws:ResourceOrgID", KeyType::string, false, KeyPresence::never},
    {Key::resource_org_paths, "aws:ResourceOrgPaths", KeyType::string, true, KeyPresence::never},
    {Key::tag_keys, "aws:TagKeys", KeyType::string, true, KeyPresence::sometimes},
    {Key::via_aws_service, "aws:ViaAWSService", KeyType::boolean, false, KeyPresence::always},
    {Key::called_via, "aws:CalledVia", KeyType::string, true, KeyPresence::never},
    {Key::called_via_first, "aws:CalledViaFirst", KeyType::string, false, KeyPresence::never},
    {Key::called_via_last, "aws:CalledViaLast", KeyType::string, false, KeyPresence::never},
    {Key::coffer_protocol, "coffer:Protocol", KeyType::string, false, KeyPresence::sometimes},
    {Key::coffer_certificate_issuer, "coffer:CertificateIssuer", KeyType::string, false,
     KeyPresence::sometimes},
    {Key::coffer_principal_groups, "coffer:PrincipalGroups", KeyType::string, true, KeyPresence::sometimes},
    {Key::sm_name, "secretsmanager:Name", KeyType::string, false, KeyPresence::sometimes},
    {Key::sm_description, "secretsmanager:Description", KeyType::string, false, KeyPresence::sometimes},
    {Key::sm_kms_key_id, "secretsmanager:KmsKeyId", KeyType::string, false, KeyPresence::sometimes},
    {Key::sm_kms_key_arn, "secretsmanager:KmsKeyArn", KeyType::arn, false, KeyPresence::sometimes},
    {Key::sm_secret_id, "secretsmanager:SecretId", KeyType::arn, false, KeyPresence::sometimes},
    {Key::sm_version_id, "secretsmanager:VersionId", KeyType::string, false, KeyPresence::sometimes},
    {Key::sm_version_stage, "secretsmanager:VersionStage", KeyType::string, false, KeyPresence::sometimes},
    {Key::sm_resource_rotation_lambda_arn, "secretsmanager:resource/AllowRotationLambdaArn", KeyType::arn,
     false, KeyPresence::sometimes},
    {Key::sm_resource_type, "secretsmanager:resource/Type", KeyType::string, false, KeyPresence::never},
    {Key::sm_type, "secretsmanager:Type", KeyType::string, false, KeyPresence::never},
    {Key::sm_rotation_lambda_arn, "secretsmanager:RotationLambdaARN", KeyType::arn, false,
     KeyPresence::sometimes},
    {Key::sm_external_rotation_role_arn, "secretsmanager:ExternalSecretRotationRoleArn", KeyType::arn, false,
     KeyPresence::never},
    {Key::sm_modify_rotation_rules, "secretsmanager:ModifyRotationRules", KeyType::boolean, false,
     KeyPresence::sometimes},
    {Key::sm_rotate_immediately, "secretsmanager:RotateImmediately", KeyType::boolean, false,
     KeyPresence::sometimes},
    {Key::sm_recovery_window_in_days, "secretsmanager:RecoveryWindowInDays", KeyType::numeric, false,
     KeyPresence::sometimes},
    {Key::sm_force_delete, "secretsmanager:ForceDeleteWithoutRecovery", KeyType::boolean, false,
     KeyPresence::sometimes},
    {Key::sm_block_public_policy, "secretsmanager:BlockPublicPolicy", KeyType::boolean, false,
     KeyPresence::sometimes},
    {Key::sm_secret_primary_region, "secretsmanager:SecretPrimaryRegion", KeyType::string, false,
     KeyPresence::sometimes},
    {Key::sm_add_replica_regions, "secretsmanager:AddReplicaRegions", KeyType::string, true,
     KeyPresence::never},
    {Key::sm_force_overwrite_replica, "secretsmanager:ForceOverwriteReplicaSecret", KeyType::boolean, false,
     KeyPresence::sometimes},
    {Key::sts_role_session_name, "sts:RoleSessionName", KeyType::string, false, KeyPresence::sometimes},
    {Key::sts_external_id, "sts:ExternalId", KeyType::string, false, KeyPresence::sometimes},
    {Key::sts_source_identity, "sts:SourceIdentity", KeyType::string, false, KeyPresence::sometimes},
    {Key::sts_duration_seconds, "sts:DurationSeconds", KeyType::numeric, false, KeyPresence::sometimes},
    {Key::sts_transitive_tag_keys, "sts:TransitiveTagKeys", KeyType::string, true, KeyPresence::sometimes},
    {Key::iam_policy_arn, "iam:PolicyARN", KeyType::arn, false, KeyPresence::sometimes},
    {Key::iam_permissions_boundary, "iam:PermissionsBoundary", KeyType::arn, false, KeyPresence::sometimes},
    {Key::iam_passed_to_service, "iam:PassedToService", KeyType::string, false, KeyPresence::never},
}};

consteval bool keys_in_order() {
    for (std::size_t i = 0; i < kKeys.size(); ++i) {
        if (static_cast<std::size_t>(kKeys[i].key) != i) return false;
    }
    return true;
}
static_assert(keys_in_order(), "a key is the place of its row");

struct Family {
    Key key;
    std::string_view prefix;
};

constexpr std::array kFamilies{
    Family{Key::principal_tag, "aws:PrincipalTag/"},
    Family{Key::resource_tag, "aws:ResourceTag/"},
    Family{Key::resource_tag, "secretsmanager:ResourceTag/"},
    Family{Key::resource_tag, "iam:ResourceTag/"},
    Family{Key::request_tag, "aws:RequestTag/"},
};

}  // namespace

bool KeyRef::same_as(const KeyRef& that) const {
    return key == that.key && equals_ignore_case(name, that.name);
}

std::span<const KeyInfo> key_table() noexcept {
    return kKeys;
}

const KeyInfo* key_info(Key key) noexcept {
    const auto i = static_cast<std::size_t>(key);
    return i < kKeys.size() ? &kKeys[i] : nullptr;
}

KeyRef find_key(std::string_view name) {
    for (const auto& family : kFamilies) {
        if (name.size() > family.prefix.size() &&
            equals_ignore_case(name.substr(0, family.prefix.size()), family.prefix)) {
            return {family.key, std::string(name.substr(family.prefix.size())), std::string(name)};
        }
    }
    const auto row = std::find_if(kKeys.begin(), kKeys.end(),
                                  [&](const KeyInfo& info) { return equals_ignore_case(info.name, name); });
    if (row != kKeys.end()) return {row->key, {}, std::string(name)};
    return {Key::other, to_lower(name), std::string(name)};
}

bool is_provider_key(const KeyRef& key) noexcept {
    if (key.key != Key::other) return false;
    const auto colon = key.written.rfind(':');
    return colon != std::string::npos &&
           std::string_view(key.written).substr(0, colon).find('.') != std::string_view::npos;
}

std::string nearest_key(std::string_view name) {
    constexpr std::size_t kLongest = 128;
    if (name.size() > kLongest) return {};
    std::vector<std::string> names;
    std::vector<std::string> lower;
    const auto add = [&](std::string key) {
        lower.push_back(to_lower(key));
        names.push_back(std::move(key));
    };
    for (const auto& info : kKeys) {
        if (info.presence != KeyPresence::never) add(std::string(info.name));
    }
    for (const auto& family : kFamilies) add(std::string(family.prefix) + "KEY");
    const auto word = to_lower(name);
    const auto near = nearest_word(word, lower);
    const auto found = std::find(lower.begin(), lower.end(), near);
    if (!near.empty() && found != lower.end()) return names[static_cast<std::size_t>(found - lower.begin())];
    // "SourceIp" for "aws:SourceIp": the prefix was left out, or another one written.
    const auto bare = word.substr(word.find(':') == std::string::npos ? 0 : word.find(':') + 1);
    for (std::size_t i = 0; i < lower.size(); ++i) {
        if (lower[i].substr(lower[i].find(':') + 1) == bare) return names[i];
    }
    return {};
}

}  // namespace coffer::access
