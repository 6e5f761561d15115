#include "daemon/sts/service_sessions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "daemon/access/evaluation.hpp"
#include "daemon/access/request_context.hpp"
#include "daemon/iam/names.hpp"
#include "daemon/sts/role_sessions.hpp"

namespace coffer::sts {

namespace {

constexpr std::size_t kSessionNameMost = 64;

std::string fitting_session_name(std::string name) {
    static constexpr std::string_view kTaken =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_-";
    std::ranges::replace_if(
        name, [](char c) { return kTaken.find(c) == std::string_view::npos; }, '-');
    name.resize(std::clamp<std::size_t>(name.size(), 2, kSessionNameMost), '-');
    return name;
}

const iam::Role& trusting_role(const iam::Directory& directory, const ServiceSession& wanted, Timestamp now) {
    const auto* role = directory.records().find<iam::Role>(wanted.role);
    if (role == nullptr) {
        throw RoleRefused(
            fmt::format("there is no role \"{}\"; make it: coffer iam create-role", wanted.role));
    }
    const auto arn = iam::arn_of(directory.account(), *role);
    access::Principal service;
    service.type = access::PrincipalType::service;
    service.name = wanted.service;
    access::RequestContext context(service, access::Action::sts_assume_role, arn);
    context.set_time(now);
    context.set_resource_tags(role->tags);
    context.set(access::Key::sts_role_session_name, fitting_session_name(wanted.session_name));
    context.set(access::Key::sts_duration_seconds, std::to_string(wanted.duration.count()));
    const auto trust = directory.trust_policy(role->name);
    access::PolicySet policies;
    policies.resource = trust.get();
    if (!access::decide(context, policies).allowed()) {
        throw RoleRefused(fmt::format(
            "the trust policy of role \"{0}\" does not let {1} assume it; it needs {{\"Effect\": \"Allow\", "
            "\"Principal\": {{\"Service\": \"{1}\"}}, \"Action\": \"sts:AssumeRole\"}}",
            wanted.role, wanted.service));
    }
    if (const auto why = suspension_of_role(directory, *role, now); !why.empty()) throw RoleRefused(why);
    return *role;
}

}  // namespace

void require_role_for(const iam::Directory& directory, const ServiceSession& wanted, Timestamp now) {
    static_cast<void>(trusting_role(directory, wanted, now));
}

NewSession begin_service_session(const iam::Directory& directory, const SessionTokens& tokens,
                                 const ServiceSession& wanted, Timestamp now) {
    const auto& role = trusting_role(directory, wanted, now);
    access::Session session;
    session.name = fitting_session_name(wanted.session_name);
    session.issuer_id = role.id;
    session.issuer_arn = iam::arn_of(directory.account(), role);
    session.issued = now;
    session.expires = now + wanted.duration;
    return tokens.make(std::move(session));
}

}  // namespace coffer::sts
