// What users, groups and roles have in common: inline and attached policies, permissions boundaries, tags,
// certificate identities.

#include <algorithm>

#include "daemon/iam/checks.hpp"
#include "daemon/iam/identities.hpp"
#include "daemon/iam/messages.hpp"
#include "daemon/iam/operations.hpp"
#include "daemon/iam/page.hpp"

namespace coffer::iam {

using access::Action;

namespace {

/// A boundary that changes of the holder's policies are decided with, and the holder's tags.
template <class Record>
Asked with_boundary(const Work& work, const std::string& name) {
    Asked asked;
    if constexpr (!std::is_same_v<Record, Group>) {
        if (const auto* record = work.records().find<Record>(name)) {
            asked.resource_tags = record->tags;
            asked.boundary = record->boundary;
        }
    }
    return asked;
}

template <class Record>
void put_inline(Work& work, Action action, const std::string& name, const std::string& policy,
                const std::string& document) {
    auto& record = work.edit<Record>(action, name, with_boundary<Record>(work, name));
    record.inline_policies[policy] = document;
    check_inline_policies(record);
}

template <class Record>
const std::string& get_inline(Work& work, Action action, const std::string& name, const std::string& policy) {
    work.require(action, work.arn<Record>(name), with_boundary<Record>(work, name));
    const auto& policies = work.need<Record>(name).inline_policies;
    const auto found = policies.find(policy);
    if (found == policies.end()) throw no_such_inline<Record>(policy);
    return found->second;
}

template <class Record, class Request, class Response>
void list_inline(Work& work, Action action, const std::string& name, const Request& request,
                 Response& response) {
    work.require(action, work.arn<Record>(name), with_boundary<Record>(work, name));
    Page page(request, response);
    for (const auto& [policy, text] : work.need<Record>(name).inline_policies) {
        if (page.takes(policy)) response.add_policy_names(policy);
    }
}

template <class Record>
void delete_inline(Work& work, Action action, const std::string& name, const std::string& policy) {
    auto& record = work.edit<Record>(action, name, with_boundary<Record>(work, name));
    if (record.inline_policies.erase(policy) == 0) throw no_such_inline<Record>(policy);
}

template <class Record>
void attach(Work& work, Action action, const std::string& name, const std::string& arn) {
    auto asked = with_boundary<Record>(work, name);
    asked.policy_arn = arn;
    auto& record = work.edit<Record>(action, name, asked);
    if (!policy_exists_at(work.records(), work.account(), arn)) throw not_attachable(arn);
    if (std::find(record.attached.begin(), record.attached.end(), arn) != record.attached.end()) return;
    record.attached.push_back(arn);
    check_attached(work.records(), work.account(), word<Record>(true), record.attached);
}

template <class Record>
void detach(Work& work, Action action, const std::string& name, const std::string& arn) {
    auto asked = with_boundary<Record>(work, name);
    asked.policy_arn = arn;
    auto& record = work.edit<Record>(action, name, asked);
    // Also one that is not believed, or is gone.
    if (std::erase(record.attached, arn) == 0) throw no_such_policy(arn);
}

template <class Record, class Request, class Response>
void list_attached(Work& work, Action action, const std::string& name, const Request& request,
                   Response& response) {
    work.require(action, work.arn<Record>(name), with_boundary<Record>(work, name));
    auto arns = work.need<Record>(name).attached;
    std::sort(arns.begin(), arns.end());
    Page page(request, response);
    for (const auto& arn : arns) {
        const auto policy = parse_arn(arn);
        if (policy && !policy->path.starts_with(request.path_prefix())) continue;
        if (page.takes(arn)) *response.add_attached_policies() = attached_message(arn);
    }
}

template <class Record>
void put_holder_boundary(Work& work, Action action, const std::string& name, const std::string& arn) {
    auto asked = with_boundary<Record>(work, name);
    asked.boundary = arn;
    auto& record = work.edit<Record>(action, name, asked);
    check_boundary(work.records(), work.account(), arn);
    record.boundary = arn;
}

template <class Record>
void delete_boundary(Work& work, Action action, const std::string& name) {
    auto& record = work.edit<Record>(action, name, with_boundary<Record>(work, name));
    if (!record.boundary) {
        throw ServiceError(v1::NO_SUCH_ENTITY, fmt::format("{} with name {} has no permissions boundary.",
                                                           word<Record>(true), name));
    }
    record.boundary.reset();
}

template <class Record, class Tags>
void put_tags_of(Work& work, Action action, const std::string& name, const Tags& tags) {
    const auto added = tags_of(tags);
    auto asked = with_boundary<Record>(work, name);
    asked.request_tags = added;
    auto& record = work.edit<Record>(action, name, asked);
    check_tags(added);
    record.tags = with_tags(std::move(record.tags), added);
    check_tags(record.tags);
}

template <class Record, class Keys>
void remove_tags_of(Work& work, Action action, const std::string& name, const Keys& keys) {
    auto asked = with_boundary<Record>(work, name);
    asked.tag_keys.assign(keys.begin(), keys.end());
    auto& record = work.edit<Record>(action, name, asked);
    record.tags = without_tags(std::move(record.tags), asked.tag_keys);
}

template <class Record, class Request, class Response>
void list_tags_of(Work& work, Action action, const std::string& name, const Request& request,
                  Response& response) {
    work.require(action, work.arn<Record>(name), with_boundary<Record>(work, name));
    auto tags = work.need<Record>(name).tags;
    std::sort(tags.begin(), tags.end(), [](const Tag& a, const Tag& b) { return a.key < b.key; });
    Page page(request, response);
    for (const auto& tag : tags) {
        if (page.takes(tag.key)) put_tags({tag}, *response.mutable_tags());
    }
}

template <class Record, class Response>
Response add_identity(Work& work, Action action, const std::string& name,
                      const v1::CertificateIdentity& message) {
    auto& record = work.edit<Record>(action, name, with_boundary<Record>(work, name));
    record.identities.push_back(identity_of(message));
    check_identities(work.records(), {Record::kKind, name}, record.identities);
    Response response;
    for (const auto& identity : record.identities) *response.add_identities() = to_message(identity);
    return response;
}

template <class Record, class Response>
Response remove_identity(Work& work, Action action, const std::string& name,
                         const v1::CertificateIdentity& message) {
    auto& record = work.edit<Record>(action, name, with_boundary<Record>(work, name));
    const auto identity = identity_of(message);
    if (std::erase(record.identities, identity) == 0) {
        throw ServiceError(v1::NO_SUCH_ENTITY,
                           fmt::format("The {} with name {} does not have the identity {}.", word<Record>(),
                                       name, describe(identity)));
    }
    Response response;
    for (const auto& left : record.identities) *response.add_identities() = to_message(left);
    return response;
}

}  // namespace

// The same operations for each kind; their messages differ in the name of one member.
#define COFFER_IAM_POLICIES(Kind, kind)                                                                      \
    v1::Put##Kind##PolicyResponse put_##kind##_policy(Work& work,                                            \
                                                      const v1::Put##Kind##PolicyRequest& request) {         \
        put_inline<Kind>(work, Action::iam_put_##kind##_policy, request.kind##_name(),                       \
                         request.policy_name(), request.policy_document());                                  \
        return {};                                                                                           \
    }                                                                                                        \
    v1::Get##Kind##PolicyResponse get_##kind##_policy(Work& work,                                            \
                                                      const v1::Get##Kind##PolicyRequest& request) {         \
        v1::Get##Kind##PolicyResponse response;                                                              \
        response.set_policy_document(get_inline<Kind>(work, Action::iam_get_##kind##_policy,                 \
                                                      request.kind##_name(), request.policy_name()));        \
        response.set_##kind##_name(request.kind##_name());                                                   \
        response.set_policy_name(request.policy_name());                                                     \
        return response;                                                                                     \
    }                                                                                                        \
    v1::List##Kind##PoliciesResponse list_##kind##_policies(                                                 \
        Work& work, const v1::List##Kind##PoliciesRequest& request) {                                        \
        v1::List##Kind##PoliciesResponse response;                                                           \
        list_inline<Kind>(work, Action::iam_list_##kind##_policies, request.kind##_name(), request,          \
                          response);                                                                         \
        return response;                                                                                     \
    }                                                                                                        \
    v1::Delete##Kind##PolicyResponse delete_##kind##_policy(                                                 \
        Work& work, const v1::Delete##Kind##PolicyRequest& request) {                                        \
        delete_inline<Kind>(work, Action::iam_delete_##kind##_policy, request.kind##_name(),                 \
                            request.policy_name());                                                          \
        return {};                                                                                           \
    }                                                                                                        \
    v1::Attach##Kind##PolicyResponse attach_##kind##_policy(                                                 \
        Work& work, const v1::Attach##Kind##PolicyRequest& request) {                                        \
        attach<Kind>(work, Action::iam_attach_##kind##_policy, request.kind##_name(), request.policy_arn()); \
        return {};                                                                                           \
    }                                                                                                        \
    v1::Detach##Kind##PolicyResponse detach_##kind##_policy(                                                 \
        Work& work, const v1::Detach##Kind##PolicyRequest& request) {                                        \
        detach<Kind>(work, Action::iam_detach_##kind##_policy, request.kind##_name(), request.policy_arn()); \
        return {};                                                                                           \
    }                                                                                                        \
    v1::ListAttached##Kind##PoliciesResponse list_attached_##kind##_policies(                                \
        Work& work, const v1::ListAttached##Kind##PoliciesRequest& request) {                                \
        v1::ListAttached##Kind##PoliciesResponse response;                                                   \
        list_attached<Kind>(work, Action::iam_list_attached_##kind##_policies, request.kind##_name(),        \
                            request, response);                                                              \
        return response;                                                                                     \
    }

// And those that groups do not have. `ADD` and `REMOVE` are the actions that stand for identities: AWS has no
// such thing, and who may hand out a credential of somebody may act as him.
#define COFFER_IAM_PRINCIPAL(Kind, kind, ADD, REMOVE)                                                       \
    v1::Put##Kind##PermissionsBoundaryResponse put_##kind##_permissions_boundary(                           \
        Work& work, const v1::Put##Kind##PermissionsBoundaryRequest& request) {                             \
        put_holder_boundary<Kind>(work, Action::iam_put_##kind##_permissions_boundary,                      \
                                  request.kind##_name(), request.permissions_boundary());                   \
        return {};                                                                                          \
    }                                                                                                       \
    v1::Delete##Kind##PermissionsBoundaryResponse delete_##kind##_permissions_boundary(                     \
        Work& work, const v1::Delete##Kind##PermissionsBoundaryRequest& request) {                          \
        delete_boundary<Kind>(work, Action::iam_delete_##kind##_permissions_boundary,                       \
                              request.kind##_name());                                                       \
        return {};                                                                                          \
    }                                                                                                       \
    v1::Tag##Kind##Response tag_##kind(Work& work, const v1::Tag##Kind##Request& request) {                 \
        put_tags_of<Kind>(work, Action::iam_tag_##kind, request.kind##_name(), request.tags());             \
        return {};                                                                                          \
    }                                                                                                       \
    v1::Untag##Kind##Response untag_##kind(Work& work, const v1::Untag##Kind##Request& request) {           \
        remove_tags_of<Kind>(work, Action::iam_untag_##kind, request.kind##_name(), request.tag_keys());    \
        return {};                                                                                          \
    }                                                                                                       \
    v1::List##Kind##TagsResponse list_##kind##_tags(Work& work,                                             \
                                                    const v1::List##Kind##TagsRequest& request) {           \
        v1::List##Kind##TagsResponse response;                                                              \
        list_tags_of<Kind>(work, Action::iam_list_##kind##_tags, request.kind##_name(), request, response); \
        return response;                                                                                    \
    }                                                                                                       \
    v1::Add##Kind##IdentityResponse add_##kind##_identity(Work& work,                                       \
                                                          const v1::Add##Kind##IdentityRequest& request) {  \
        return add_identity<Kind, v1::Add##Kind##IdentityResponse>(work, ADD, request.kind##_name(),        \
                                                                   request.identity());                     \
    }                                                                                                       \
    v1::Remove##Kind##IdentityResponse remove_##kind##_identity(                                            \
        Work& work, const v1::Remove##Kind##IdentityRequest& request) {                                     \
        return remove_identity<Kind, v1::Remove##Kind##IdentityResponse>(                                   \
            work, REMOVE, request.kind##_name(), request.identity());                                       \
    }

COFFER_IAM_POLICIES(User, user)
COFFER_IAM_POLICIES(Group, group)
COFFER_IAM_POLICIES(Role, role)
COFFER_IAM_PRINCIPAL(User, user, Action::iam_create_access_key, Action::iam_delete_access_key)
COFFER_IAM_PRINCIPAL(Role, role, Action::iam_update_assume_role_policy, Action::iam_update_assume_role_policy)

#undef COFFER_IAM_POLICIES
#undef COFFER_IAM_PRINCIPAL

}  // namespace coffer::iam
