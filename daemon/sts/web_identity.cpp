#include "daemon/sts/web_identity.hpp"

#include <fmt/format.h>

#include <boost/json/object.hpp>

#include "daemon/access/access_denied.hpp"
#include "daemon/access/caller_keys.hpp"
#include "daemon/access/rights.hpp"
#include "daemon/iam/checks.hpp"
#include "daemon/secrets/request_record.hpp"
#include "daemon/sts/role_sessions.hpp"
#include "daemon/sts/session_origin.hpp"

namespace coffer::sts {

using access::Action;
using access::Key;
using access::Session;
using iam::Role;

namespace {

/// AWS says no more, whatever it was.
access::AccessDenied not_authorized(Action action, const std::string& why = {}) {
    auto text = fmt::format("Not authorized to perform {}", access::action_info(action).name);
    if (!why.empty()) text += " because " + why;
    return access::AccessDenied(text);
}

void set_from_token(const TokenClaims& claims, Session& session) {
    iam::check_tags(claims.tags);
    check_transitive_keys(claims.transitive_tag_keys, claims.tags);
    session.tags = claims.tags;
    session.transitive_tag_keys = claims.transitive_tag_keys;
    session.source_identity = claims.source_identity;
}

/// Whether the role takes the bearer of the token.
class WebAdmission {
public:
    WebAdmission(const StsWork& work, const v1::AssumeRoleWithWebIdentityRequest& request, const Role* role,
                 const Session& session, const WebIdentity& identity)
        : work_(work), request_(request), role_(role), session_(session), identity_(identity) {
        rights_.principal = principal_of(identity, work.directory.account());
        caller_ = work.call.caller;
        caller_.rights.reset();  // whoever brings the token counts for nothing
        caller_.session.reset();
        if (role != nullptr) trust_ = work.directory.trust_policy(role->name);
    }

    void require(Action action, std::int64_t seconds) const {
        access::RequestContext context(rights_.principal, action, request_.role_arn());
        access::set_caller_keys(context, caller_, work_.now);
        set_identity_keys(context, identity_);
        if (role_ != nullptr) context.set_resource_tags(role_->tags);
        context.set(Key::sts_role_session_name, request_.role_session_name());
        context.set(Key::sts_duration_seconds, std::to_string(seconds));
        if (!session_.source_identity.empty())
            context.set(Key::sts_source_identity, session_.source_identity);
        if (!session_.tags.empty()) context.set_request_tags(session_.tags);
        if (!session_.transitive_tag_keys.empty()) {
            context.set(Key::sts_transitive_tag_keys, session_.transitive_tag_keys);
        }
        const auto policies =
            rights_.with(trust_.get(), caller_.listener_policy.get(), caller_.stored_listener.policy.get());
        const auto decision = access::decide(context, policies);
        work_.call.record->statement = access::describe(decision);
        if (!decision.allowed()) throw not_authorized(action);
    }

private:
    const StsWork& work_;
    const v1::AssumeRoleWithWebIdentityRequest& request_;
    const Role* role_;
    const Session& session_;
    const WebIdentity& identity_;
    access::Rights rights_;
    access::Caller caller_;
    access::PolicyPtr trust_;
};

}  // namespace

access::Principal principal_of(const WebIdentity& identity, const std::string& account) {
    access::Principal principal;
    principal.type = access::PrincipalType::federated_user;
    principal.account = account;
    principal.federated_provider = provider_arn(account, identity.provider->name());
    principal.id = fmt::format("{}:{}:{}", principal.federated_provider, identity.claims.audience(),
                               identity.claims.subject);
    return principal;
}

void set_identity_keys(access::RequestContext& context, const WebIdentity& identity) {
    const auto& claims = identity.claims;
    const auto set = [&](std::string_view claim, const std::vector<std::string>& values) {
        context.set_named(fmt::format("{}:{}", identity.provider->name(), claim), values);
    };
    for (const auto& [claim, values] : claims.values) set(claim, values);
    // Last: names compare without regard to case, and no other claim of the token may stand in for these.
    set("sub", {claims.subject});
    set("aud", {claims.audience()});
    set("oaud", claims.authorized_party ? claims.audiences : std::vector<std::string>{});
}

v1::AssumeRoleWithWebIdentityResponse assume_role_with_web_identity(
    const StsWork& work, const v1::AssumeRoleWithWebIdentityRequest& request, const WebIdentity& identity) {
    const auto& claims = identity.claims;
    const auto* role = find_role(work.directory, request.role_arn());
    const auto seconds = request.has_duration_seconds() ? request.duration_seconds() : kDefaultRoleSeconds;
    const auto account = work.directory.account();
    Session session;
    session.name = request.role_session_name();
    set_from_token(claims, session);

    const WebAdmission admission(work, request, role, session, identity);
    admission.require(Action::sts_assume_role_with_web_identity, seconds);
    if (!session.tags.empty()) admission.require(Action::sts_tag_session, seconds);
    if (!session.source_identity.empty()) admission.require(Action::sts_set_source_identity, seconds);
    if (const auto why = suspension_of_role(work.directory, *role, work.now); !why.empty()) {
        throw not_authorized(Action::sts_assume_role_with_web_identity, why);
    }
    require_duration(*role, seconds);
    set_policies(request, work.directory, session);

    session.issuer_id = role->id;
    session.issuer_arn = iam::arn_of(account, *role);
    session.federated_provider = provider_arn(account, identity.provider->name());
    const auto& certificate = work.call.caller.certificate;
    if (certificate) session.origin = certificate_origin(*certificate);
    session.issued = work.now;
    session.expires = work.now + std::chrono::seconds(seconds);
    const auto percent = require_room(session);
    const auto made = work.tokens.make(std::move(session));

    v1::AssumeRoleWithWebIdentityResponse response;
    put_credentials(made, *response.mutable_credentials());
    put_role_user(work.directory, *role, *made.session, *response.mutable_assumed_role_user());
    response.set_subject_from_web_identity_token(claims.subject);
    response.set_provider(made.session->federated_provider);
    response.set_audience(claims.audience());
    if (percent > 0) response.set_packed_policy_size(percent);
    boost::json::object elements{{"subjectFromWebIdentityToken", claims.subject},
                                 {"provider", response.provider()},
                                 {"audience", response.audience()},
                                 {"credentials", shown_credentials(*made.session)},
                                 {"assumedRoleUser", shown_user(response.assumed_role_user())}};
    if (!claims.source_identity.empty()) {
        response.set_source_identity(claims.source_identity);
        elements["sourceIdentity"] = claims.source_identity;
    }
    work.call.record->response_elements = std::move(elements);
    return response;
}

}  // namespace coffer::sts
