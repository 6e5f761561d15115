// The life of managed policies and their versions.

#include <algorithm>
#include <charconv>

#include "daemon/iam/checks.hpp"
#include "daemon/iam/limits.hpp"
#include "daemon/iam/managed_policies.hpp"
#include "daemon/iam/messages.hpp"
#include "daemon/iam/operations.hpp"
#include "daemon/iam/page.hpp"

namespace coffer::iam {

using access::Action;

namespace {

/// The policy of that ARN, stored or built in.
ManagedPolicy need_policy(const Work& work, const std::string& arn) {
    if (find_built_in(arn) != nullptr) return built_in_record(arn);
    const auto name = parse_arn(arn);
    if (!name || name->kind != IamKind::policy || name->account != work.account()) throw no_such_policy(arn);
    const auto* policy = work.records().find<ManagedPolicy>(name->name);
    if (policy == nullptr) {
        const IamKey key{IamKind::policy, name->name};
        const auto fault = work.records().faults.find(key);
        if (fault != work.records().faults.end()) throw not_believed(key, fault->second);
    }
    if (policy == nullptr || arn_of(work.account(), *policy) != arn) throw no_such_policy(arn);
    return *policy;
}

ManagedPolicy& edit_policy(Work& work, Action action, const std::string& arn, const Asked& asked = {}) {
    work.require(action, arn, asked);
    if (find_built_in(arn) != nullptr) {
        throw ServiceError(v1::UNMODIFIABLE_ENTITY,
                           fmt::format("Policy {} comes with Coffer and cannot be changed.", arn));
    }
    return work.draft().edit<ManagedPolicy>(need_policy(work, arn).name);
}

std::int64_t version_number(std::string_view id) {
    std::int64_t number = 0;
    std::from_chars(id.data() + 1, id.data() + id.size(), number);  // the schema's pattern: v, then digits
    return number;
}

ServiceError no_such_version(const std::string& arn, const std::string& id) {
    return {v1::NO_SUCH_ENTITY,
            fmt::format("Policy {} version {} does not exist or is not attachable.", arn, id)};
}

v1::ManagedPolicy shown(const Work& work, const ManagedPolicy& policy, const std::string& arn) {
    auto message = to_message(work.account(), work.records(), policy);
    if (message.arn() == arn) return message;
    const auto use = use_of(work.records(), arn);  // built in: of AWS's account
    message.set_arn(arn);
    message.set_attachment_count(use.attached);
    message.set_permissions_boundary_usage_count(use.boundaries);
    return message;
}

/// The ARNs of the policies that a ListPolicies asks for, sorted.
std::vector<std::string> listed(const Work& work, const v1::ListPoliciesRequest& request) {
    std::vector<std::string> arns;
    if (request.scope() != "Local") {
        for (const auto& policy : built_in_policies()) arns.emplace_back(policy.arn);
    }
    if (request.scope() != "AWS") {
        for (const auto& [name, policy] : work.records().policies)
            arns.push_back(arn_of(work.account(), *policy));
    }
    std::erase_if(arns, [&](const std::string& arn) {
        if (request.only_attached() && use_of(work.records(), arn).attached == 0) return true;
        return !parse_arn(arn)->path.starts_with(request.path_prefix());
    });
    std::sort(arns.begin(), arns.end());
    return arns;
}

bool holds(const std::vector<std::string>& arns, const std::string& arn) {
    return std::find(arns.begin(), arns.end(), arn) != arns.end();
}

/// Whether ListEntitiesForPolicy lists this user, group or role.
template <class Record>
bool uses(const Record& record, const v1::ListEntitiesForPolicyRequest& request) {
    if (request.has_entity_filter() && request.entity_filter() != word<Record>(true)) return false;
    if (!record.path.starts_with(request.path_prefix())) return false;
    const auto& filter = request.policy_usage_filter();
    if (filter != "PermissionsBoundary" && holds(record.attached, request.policy_arn())) return true;
    if constexpr (!std::is_same_v<Record, Group>) {
        return filter != "PermissionsPolicy" && record.boundary == request.policy_arn();
    }
    return false;
}

}  // namespace

v1::CreatePolicyResponse create_policy(Work& work, const v1::CreatePolicyRequest& request) {
    ManagedPolicy policy;
    policy.name = request.policy_name();
    if (request.has_path()) policy.path = request.path();
    policy.tags = tags_of(request.tags());
    work.require(Action::iam_create_policy, arn_of(work.account(), policy), {.request_tags = policy.tags});
    if (name_taken<ManagedPolicy>(work.records(), policy.name)) throw policy_exists(policy.name);
    check_tags(policy.tags);
    check_policy(request.policy_document(), access::DocumentKind::identity);
    policy.description = request.description();
    policy.id = make_unique_id(IamKind::policy);
    policy.created = policy.updated = work.now();
    policy.versions.push_back({1, work.now(), request.policy_document()});
    work.draft().put(policy);
    check_count(work.records(), IamKind::policy);
    v1::CreatePolicyResponse response;
    *response.mutable_policy() = to_message(work.account(), work.records(), policy);
    return response;
}

v1::GetPolicyResponse get_policy(Work& work, const v1::GetPolicyRequest& request) {
    work.require(Action::iam_get_policy, request.policy_arn());
    v1::GetPolicyResponse response;
    *response.mutable_policy() = shown(work, need_policy(work, request.policy_arn()), request.policy_arn());
    return response;
}

v1::ListPoliciesResponse list_policies(Work& work, const v1::ListPoliciesRequest& request) {
    work.require(Action::iam_list_policies, "*");
    v1::ListPoliciesResponse response;
    Page page(request, response);
    for (const auto& arn : listed(work, request)) {
        if (page.takes(arn)) *response.add_policies() = shown(work, need_policy(work, arn), arn);
    }
    return response;
}

v1::DeletePolicyResponse delete_policy(Work& work, const v1::DeletePolicyRequest& request) {
    const auto& arn = request.policy_arn();
    work.require(Action::iam_delete_policy, arn);
    if (find_built_in(arn) != nullptr) {
        throw ServiceError(v1::UNMODIFIABLE_ENTITY,
                           fmt::format("Policy {} comes with Coffer and cannot be deleted.", arn));
    }
    const auto use = use_of(work.records(), arn);
    if (use.attached + use.boundaries > 0)
        throw delete_conflict("Cannot delete a policy attached to entities.");
    const auto name = parse_arn(arn);
    if (name && work.records().faults.contains({IamKind::policy, name->name})) {
        work.draft().erase<ManagedPolicy>(name->name);
        return {};
    }
    const auto policy = need_policy(work, arn);
    if (policy.versions.size() > 1) {
        throw delete_conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's "
            "versions. "
            "The default version is deleted with the policy.");
    }
    work.draft().erase<ManagedPolicy>(policy.name);
    return {};
}

v1::CreatePolicyVersionResponse create_policy_version(Work& work,
                                                      const v1::CreatePolicyVersionRequest& request) {
    auto& policy = edit_policy(work, Action::iam_create_policy_version, request.policy_arn());
    if (request.set_as_default()) work.require(Action::iam_set_default_policy_version, request.policy_arn());
    if (policy.versions.size() >= kMaxPolicyVersions) {
        throw ServiceError(
            v1::IAM_LIMIT_EXCEEDED,
            fmt::format("A managed policy can have up to {} versions. Before you create a new version, "
                        "you must delete an existing version.",
                        kMaxPolicyVersions));
    }
    check_policy(request.policy_document(), access::DocumentKind::identity);
    policy.versions.push_back({policy.next_version++, work.now(), request.policy_document()});
    policy.updated = work.now();
    if (request.set_as_default()) policy.default_version = policy.versions.back().number;
    v1::CreatePolicyVersionResponse response;
    *response.mutable_policy_version() = to_message(policy, policy.versions.back());
    return response;
}

v1::GetPolicyVersionResponse get_policy_version(Work& work, const v1::GetPolicyVersionRequest& request) {
    work.require(Action::iam_get_policy_version, request.policy_arn());
    const auto policy = need_policy(work, request.policy_arn());
    const auto* version = policy.find(version_number(request.version_id()));
    if (version == nullptr) throw no_such_version(request.policy_arn(), request.version_id());
    v1::GetPolicyVersionResponse response;
    *response.mutable_policy_version() = to_message(policy, *version);
    response.mutable_policy_version()->set_document(version->document);
    return response;
}

v1::ListPolicyVersionsResponse list_policy_versions(Work& work,
                                                    const v1::ListPolicyVersionsRequest& request) {
    work.require(Action::iam_list_policy_versions, request.policy_arn());
    const auto policy = need_policy(work, request.policy_arn());
    v1::ListPolicyVersionsResponse response;
    response.set_is_truncated(false);  // five at most
    for (auto version = policy.versions.rbegin(); version != policy.versions.rend(); ++version) {
        *response.add_versions() = to_message(policy, *version);
    }
    return response;
}

v1::DeletePolicyVersionResponse delete_policy_version(Work& work,
                                                      const v1::DeletePolicyVersionRequest& request) {
    auto& policy = edit_policy(work, Action::iam_delete_policy_version, request.policy_arn());
    const auto number = version_number(request.version_id());
    if (policy.find(number) == nullptr) throw no_such_version(request.policy_arn(), request.version_id());
    if (number == policy.default_version)
        throw delete_conflict("Cannot delete the default version of a policy.");
    std::erase_if(policy.versions, [&](const PolicyVersion& version) { return version.number == number; });
    policy.updated = work.now();
    return {};
}

v1::SetDefaultPolicyVersionResponse set_default_policy_version(
    Work& work, const v1::SetDefaultPolicyVersionRequest& request) {
    auto& policy = edit_policy(work, Action::iam_set_default_policy_version, request.policy_arn());
    const auto number = version_number(request.version_id());
    if (policy.find(number) == nullptr) throw no_such_version(request.policy_arn(), request.version_id());
    policy.default_version = number;
    policy.updated = work.now();
    return {};
}

v1::ListEntitiesForPolicyResponse list_entities_for_policy(Work& work,
                                                           const v1::ListEntitiesForPolicyRequest& request) {
    work.require(Action::iam_list_entities_for_policy, request.policy_arn());
    static_cast<void>(need_policy(work, request.policy_arn()));
    v1::ListEntitiesForPolicyResponse response;
    Page page(request, response);
    for (const auto& [name, group] : work.records().groups) {
        if (!uses(*group, request) || !page.takes("group/" + name)) continue;
        auto& message = *response.add_policy_groups();
        message.set_group_name(name);
        message.set_group_id(group->id);
    }
    for (const auto& [name, role] : work.records().roles) {
        if (!uses(*role, request) || !page.takes("role/" + name)) continue;
        auto& message = *response.add_policy_roles();
        message.set_role_name(name);
        message.set_role_id(role->id);
    }
    for (const auto& [name, user] : work.records().users) {
        if (!uses(*user, request) || !page.takes("user/" + name)) continue;
        auto& message = *response.add_policy_users();
        message.set_user_name(name);
        message.set_user_id(user->id);
    }
    return response;
}

v1::TagPolicyResponse tag_policy(Work& work, const v1::TagPolicyRequest& request) {
    auto added = tags_of(request.tags());
    auto& policy = edit_policy(work, Action::iam_tag_policy, request.policy_arn(), {.request_tags = added});
    auto tags = with_tags(policy.tags, added);
    check_tags(tags);
    policy.tags = std::move(tags);
    return {};
}

v1::UntagPolicyResponse untag_policy(Work& work, const v1::UntagPolicyRequest& request) {
    const std::vector<std::string> keys(request.tag_keys().begin(), request.tag_keys().end());
    auto& policy = edit_policy(work, Action::iam_untag_policy, request.policy_arn(), {.tag_keys = keys});
    policy.tags = without_tags(std::move(policy.tags), keys);
    return {};
}

v1::ListPolicyTagsResponse list_policy_tags(Work& work, const v1::ListPolicyTagsRequest& request) {
    work.require(Action::iam_list_policy_tags, request.policy_arn());
    auto tags = need_policy(work, request.policy_arn()).tags;
    std::sort(tags.begin(), tags.end(), [](const Tag& a, const Tag& b) { return a.key < b.key; });
    v1::ListPolicyTagsResponse response;
    Page page(request, response);
    for (const auto& tag : tags) {
        if (!page.takes(tag.key)) continue;
        auto& message = *response.add_tags();
        message.set_key(tag.key);
        message.set_value(tag.value);
    }
    return response;
}

}  // namespace coffer::iam
