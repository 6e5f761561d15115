// The life of groups, and who is in them. Membership is part of the user's record, so that it is under one
// seal with everything else that decides what the user may do.

#include <algorithm>

#include "daemon/iam/checks.hpp"
#include "daemon/iam/messages.hpp"
#include "daemon/iam/operations.hpp"
#include "daemon/iam/page.hpp"

namespace coffer::iam {

using access::Action;

namespace {

bool is_member(const User& user, const std::string& group) {
    return std::find(user.groups.begin(), user.groups.end(), group) != user.groups.end();
}

std::vector<std::string> members_of(const Records& records, const std::string& group) {
    std::vector<std::string> members;
    for (const auto& [name, user] : records.users) {
        if (is_member(*user, group)) members.push_back(name);
    }
    return members;
}

/// A renamed group takes its members along.
void rename_in_users(Draft& draft, const std::string& from, const std::string& to) {
    for (const auto& name : members_of(draft.records(), from)) {
        auto& groups = draft.edit<User>(name).groups;
        std::replace(groups.begin(), groups.end(), from, to);
        std::sort(groups.begin(), groups.end());
    }
}

}  // namespace

v1::CreateGroupResponse create_group(Work& work, const v1::CreateGroupRequest& request) {
    Group group;
    group.name = request.group_name();
    if (request.has_path()) group.path = request.path();
    work.require(Action::iam_create_group, arn_of(work.account(), group));
    if (name_taken<Group>(work.records(), group.name)) throw already_exists<Group>(group.name);
    group.id = make_unique_id(IamKind::group);
    group.created = work.now();
    v1::CreateGroupResponse response;
    *response.mutable_group() = to_message(work.account(), group);
    work.draft().put(std::move(group));
    check_count(work.records(), IamKind::group);
    return response;
}

v1::GetGroupResponse get_group(Work& work, const v1::GetGroupRequest& request) {
    const auto& name = request.group_name();
    work.require(Action::iam_get_group, work.arn<Group>(name));
    v1::GetGroupResponse response;
    *response.mutable_group() = to_message(work.account(), work.need<Group>(name));
    Page page(request, response);
    for (const auto& member : members_of(work.records(), name)) {
        if (page.takes(member)) {
            *response.add_users() = to_message(work.account(), *work.records().find<User>(member));
        }
    }
    return response;
}

v1::ListGroupsResponse list_groups(Work& work, const v1::ListGroupsRequest& request) {
    work.require(Action::iam_list_groups, "*");
    v1::ListGroupsResponse response;
    Page page(request, response);
    for (const auto& [name, group] : work.records().groups) {
        if (group->path.starts_with(request.path_prefix()) && page.takes(name)) {
            *response.add_groups() = to_message(work.account(), *group);
        }
    }
    return response;
}

v1::UpdateGroupResponse update_group(Work& work, const v1::UpdateGroupRequest& request) {
    const auto& name = request.group_name();
    work.require(Action::iam_update_group, work.arn<Group>(name));
    Group changed = work.need<Group>(name);
    if (request.has_new_path()) changed.path = request.new_path();
    if (request.has_new_group_name()) changed.name = request.new_group_name();
    work.require(Action::iam_update_group, arn_of(work.account(), changed));
    if (changed.name != name) {
        work.draft().erase<Group>(name);
        if (name_taken<Group>(work.records(), changed.name)) throw already_exists<Group>(changed.name);
        rename_in_users(work.draft(), name, changed.name);
    }
    work.draft().put(std::move(changed));
    return {};
}

v1::DeleteGroupResponse delete_group(Work& work, const v1::DeleteGroupRequest& request) {
    const auto& name = request.group_name();
    work.require(Action::iam_delete_group, work.arn<Group>(name));
    if (!work.records().faults.contains({IamKind::group, name})) {
        const auto& group = work.need<Group>(name);
        if (!group.attached.empty())
            throw delete_conflict("Cannot delete entity, must detach all policies first.");
        if (!group.inline_policies.empty())
            throw delete_conflict("Cannot delete entity, must delete policies first.");
    }
    if (!members_of(work.records(), name).empty()) {
        throw delete_conflict("Cannot delete entity, must remove users from group first.");
    }
    work.draft().erase<Group>(name);
    return {};
}

v1::AddUserToGroupResponse add_user_to_group(Work& work, const v1::AddUserToGroupRequest& request) {
    const auto& group = request.group_name();
    work.require(Action::iam_add_user_to_group, work.arn<Group>(group));
    static_cast<void>(work.need<Group>(group));
    const auto& user = work.need<User>(request.user_name());
    if (is_member(user, group)) return {};
    auto& groups = work.draft().edit<User>(request.user_name()).groups;
    groups.insert(std::upper_bound(groups.begin(), groups.end(), group), group);
    check_groups(work.records(), groups);
    return {};
}

v1::RemoveUserFromGroupResponse remove_user_from_group(Work& work,
                                                       const v1::RemoveUserFromGroupRequest& request) {
    const auto& group = request.group_name();
    work.require(Action::iam_remove_user_from_group, work.arn<Group>(group));
    const auto& user = work.need<User>(request.user_name());
    // Also out of a group that is not believed, or is gone.
    if (!is_member(user, group)) {
        static_cast<void>(work.need<Group>(group));
        throw ServiceError(v1::NO_SUCH_ENTITY,
                           fmt::format("The user with name {} is not in group {}.", user.name, group));
    }
    std::erase(work.draft().edit<User>(request.user_name()).groups, group);
    return {};
}

}  // namespace coffer::iam
