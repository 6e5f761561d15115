// What ends the sessions of a role or of a user before their time.

#include "daemon/iam/operations.hpp"

namespace coffer::iam {

using access::Action;

namespace {

/// AWS has this as an inline policy that denies by aws:TokenIssueTime, so it wants the right to put one.
/// `unclear`: the request does not say whose.
template <class Record>
v1::RevokeSessionsResponse revoke(Work& work, Action action, const std::string& name, bool unclear) {
    Asked asked;
    if (const auto* record = work.records().find<Record>(name)) asked.resource_tags = record->tags;
    work.require(action, work.arn<Record>(name), asked);
    if (unclear) throw invalid_input("RevokeSessions wants RoleName or UserName, one of both.");
    static_cast<void>(work.need<Record>(name));
    work.draft().edit<Record>(name).sessions_valid_from = work.now();
    v1::RevokeSessionsResponse response;
    response.set_sessions_valid_from(work.now().seconds());
    return response;
}

}  // namespace

v1::RevokeSessionsResponse revoke_sessions(Work& work, const v1::RevokeSessionsRequest& request) {
    const bool unclear = request.has_role_name() == request.has_user_name();
    if (request.has_user_name()) {
        return revoke<User>(work, Action::iam_put_user_policy, request.user_name(), unclear);
    }
    return revoke<Role>(work, Action::iam_put_role_policy, request.role_name(), unclear);
}

}  // namespace coffer::iam
