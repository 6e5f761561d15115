#include "daemon/sts/role_sessions.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/access/ascii.hpp"
#include "daemon/access/request_context.hpp"
#include "daemon/iam/checks.hpp"
#include "daemon/iam/names.hpp"
#include "daemon/iam/suspension.hpp"

namespace coffer::sts {

using access::Session;
using access::Tag;
using iam::Role;
using iam::ServiceError;
using iam::validation;

const Role* find_role(const iam::Directory& directory, const std::string& arn) {
    const auto name = iam::parse_arn(arn);
    if (!name || name->kind != iam::IamKind::role) {
        throw validation(fmt::format("{} is not the ARN of a role (arn:aws:iam::ACCOUNT:role/NAME).", arn));
    }
    const auto* role = directory.records().find<Role>(name->name);
    return role != nullptr && iam::arn_of(directory.account(), *role) == arn ? role : nullptr;
}

void check_transitive_keys(const std::vector<std::string>& keys, const std::vector<Tag>& tags) {
    for (const auto& key : keys) {
        if (std::ranges::none_of(tags,
                                 [&](const Tag& tag) { return access::equals_ignore_case(tag.key, key); })) {
            throw validation(
                fmt::format("The transitive tag key {} must be the key of one of the Tags.", key));
        }
    }
}

template <class Request>
void set_policies(const Request& request, const iam::Directory& directory, Session& session) {
    if (request.has_policy()) {
        iam::check_policy(request.policy(), access::DocumentKind::session);
        session.policy = request.policy();
    }
    for (const auto& policy : request.policy_arns()) {
        if (!iam::policy_exists_at(directory.records(), directory.account(), policy.arn())) {
            throw validation(fmt::format("PolicyArns: there is no managed policy {}.", policy.arn()));
        }
        session.policy_arns.push_back(policy.arn());
    }
}
template void set_policies(const v1::AssumeRoleRequest&, const iam::Directory&, Session&);
template void set_policies(const v1::AssumeRoleWithWebIdentityRequest&, const iam::Directory&, Session&);

std::string suspension_of_role(const iam::Directory& directory, const Role& role, Timestamp now) {
    auto why = iam::suspension_of(role, now);
    if (!why.empty()) return why;
    const auto standing = directory.standing({iam::IamKind::role, role.name});
    return standing->rights ? std::string() : standing->refusal;
}

void require_duration(const Role& role, std::int64_t seconds) {
    if (seconds > role.max_session_duration) {
        throw validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
    }
}

std::int64_t require_room(const Session& session) {
    const auto bytes = packed_bytes(session);
    const auto percent = static_cast<std::int64_t>((bytes * 100 + kPackedBytesMax - 1) / kPackedBytesMax);
    if (bytes > kPackedBytesMax) {
        throw ServiceError(v1::PACKED_POLICY_TOO_LARGE,
                           fmt::format("The session policies and tags take {}% of the room for them. Leave "
                                       "some out, or move statements to the role's own policies.",
                                       percent));
    }
    return percent;
}

void put_credentials(const NewSession& made, v1::SessionCredentials& message) {
    message.set_access_key_id(made.session->access_key_id);
    message.set_secret_access_key(made.secret_access_key.text().data(), made.secret_access_key.size());
    message.set_session_token(made.token);
    message.set_expiration(made.session->expires.seconds());
}

void put_role_user(const iam::Directory& directory, const Role& role, const Session& session,
                   v1::AssumedRoleUser& message) {
    message.set_assumed_role_id(role.id + ":" + session.name);
    message.set_arn(iam::session_arn(directory.account(), role.name, session.name));
}

boost::json::object shown_credentials(const Session& session) {
    return {{"accessKeyId", session.access_key_id}, {"expiration", access::format_iso_time(session.expires)}};
}

boost::json::object shown_user(const v1::AssumedRoleUser& user) {
    return {{"assumedRoleId", user.assumed_role_id()}, {"arn", user.arn()}};
}

}  // namespace coffer::sts
