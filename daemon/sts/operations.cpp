#include "daemon/sts/operations.hpp"

#include <algorithm>
#include <boost/json/object.hpp>

#include "daemon/access/access_denied.hpp"
#include "daemon/access/ascii.hpp"
#include "daemon/access/caller_keys.hpp"
#include "daemon/access/denial.hpp"
#include "daemon/iam/checks.hpp"
#include "daemon/iam/errors.hpp"
#include "daemon/iam/messages.hpp"
#include "daemon/iam/names.hpp"
#include "daemon/secrets/request_record.hpp"
#include "daemon/sts/role_sessions.hpp"
#include "daemon/sts/session_origin.hpp"

namespace coffer::sts {

using access::Action;
using access::Key;
using access::PrincipalType;
using access::Session;
using access::Tag;
using iam::Role;
using iam::validation;

namespace {

/// Of a session that another session of a role begins (role chaining).
constexpr std::int64_t kChainedSecondsMax = 3'600;
constexpr std::int64_t kDefaultUserSeconds = 43'200;

bool has_key(const std::vector<std::string>& keys, const std::string& key) {
    return std::ranges::any_of(
        keys, [&](const std::string& each) { return access::equals_ignore_case(each, key); });
}

/// Session tags: those of the request, over those that the caller's own session hands on.
void set_tags(const v1::AssumeRoleRequest& request, const access::Caller& caller, Session& session) {
    auto tags = iam::tags_of(request.tags());
    iam::check_tags(tags);
    const std::vector<std::string> wanted(request.transitive_tag_keys().begin(),
                                          request.transitive_tag_keys().end());
    check_transitive_keys(wanted, tags);
    session.transitive_tag_keys = wanted;
    if (caller.session) {
        const auto& inherited = caller.session->transitive_tag_keys;
        for (const auto& tag : tags) {
            if (!has_key(inherited, tag.key)) continue;
            throw validation(fmt::format(
                "One of the specified transitive tag keys can't be set because it conflicts with a "
                "transitive tag key from the calling session: {}",
                tag.key));
        }
        for (const auto& tag : caller.session->tags) {
            if (has_key(inherited, tag.key)) tags.push_back(tag);
        }
        session.transitive_tag_keys.insert(session.transitive_tag_keys.end(), inherited.begin(),
                                           inherited.end());
    }
    session.tags = std::move(tags);
}

void set_source_identity(const v1::AssumeRoleRequest& request, const access::Caller& caller,
                         Session& session) {
    session.source_identity = request.source_identity();
    if (!caller.session || caller.session->source_identity.empty()) return;
    if (request.has_source_identity() && request.source_identity() != caller.session->source_identity) {
        throw validation("SourceIdentity was set by the session that calls, and cannot be changed.");
    }
    session.source_identity = caller.session->source_identity;
}

/// Whether the role takes the caller, and the caller may ask.
class Admission {
public:
    Admission(const StsWork& work, const v1::AssumeRoleRequest& request, const Role* role,
              const Session& session)
        : work_(work), request_(request), role_(role), session_(session) {
        if (role != nullptr) trust_ = work.directory.trust_policy(role->name);
    }

    /// Throws access::AccessDenied, as well when there is no such role.
    void require(Action action, std::int64_t seconds) const {
        const auto& caller = work_.call.caller;
        access::RequestContext context(caller.rights->principal, action, request_.role_arn());
        access::set_caller_keys(context, caller, work_.now);
        if (role_ != nullptr) context.set_resource_tags(role_->tags);
        context.set(Key::sts_role_session_name, request_.role_session_name());
        context.set(Key::sts_duration_seconds, std::to_string(seconds));
        if (request_.has_external_id()) context.set(Key::sts_external_id, request_.external_id());
        if (!session_.source_identity.empty()) {
            context.set(Key::sts_source_identity, session_.source_identity);
        }
        if (request_.tags_size() > 0) context.set_request_tags(iam::tags_of(request_.tags()));
        if (!session_.transitive_tag_keys.empty()) {
            context.set(Key::sts_transitive_tag_keys, session_.transitive_tag_keys);
        }
        const auto decision = access::decide(context, caller.policies(trust_.get()));
        work_.call.record->statement = access::describe(decision);
        if (!decision.allowed()) access::refuse(context, decision, request_.role_arn(), caller, work_.now);
    }

private:
    const StsWork& work_;
    const v1::AssumeRoleRequest& request_;
    const Role* role_;
    const Session& session_;
    access::PolicyPtr trust_;
};

/// That a session of a role which takes the caller can begin.
void require_usable(const StsWork& work, const Role& role) {
    const auto why = suspension_of_role(work.directory, role, work.now);
    if (why.empty()) return;
    throw access::AccessDenied("User: " + work.call.caller.rights->principal.arn +
                               " is not authorized to perform: sts:AssumeRole on resource: " +
                               iam::arn_of(work.directory.account(), role) + " because " + why);
}

void require_chained_duration(const access::Principal& caller, std::int64_t seconds) {
    if (caller.type == PrincipalType::assumed_role && seconds > kChainedSecondsMax) {
        throw validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
            "chaining.");
    }
}

/// Who may present the token. A certificate's role gives all its owners one id but for a name that need not
/// be theirs alone.
std::string origin_of(const access::Caller& caller) {
    if (caller.session) return caller.session->origin;
    const auto& principal = caller.rights->principal;
    if (principal.type == PrincipalType::user || !caller.certificate) return principal.id;
    return certificate_origin(*caller.certificate);
}

/// A user's own session needs no Allow, as at AWS; but what forbids it, or a listener that is not for it, is
/// heard.
void require_not_forbidden(const StsWork& work) {
    const auto& caller = work.call.caller;
    access::RequestContext context(caller.rights->principal, Action::sts_get_session_token, "*");
    access::set_caller_keys(context, caller, work.now);
    const auto decision = access::decide(context, caller.policies(nullptr));
    const bool silent =
        decision.outcome == access::Outcome::implicit_deny && decision.part != access::DocumentKind::listener;
    if (decision.allowed() || silent) return;
    work.call.record->statement = access::describe(decision);
    access::refuse(context, decision, "*", caller, work.now);
}

/// Nobody has a device here, so no code is right; and whoever sends one must not think that it was checked.
template <class Request>
void require_no_mfa(const Request& request) {
    if (!request.has_serial_number() && !request.has_token_code()) return;
    if (!request.has_serial_number() || !request.has_token_code()) {
        throw access::AccessDenied(
            "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.");
    }
    throw access::AccessDenied(
        "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial "
        "number "
        "is valid and associated with this user.");
}

/// The role that a certificate gives its owner, for whom no other credentials were shown; null for everybody
/// else.
const Role* role_of_certificate(const StsWork& work) {
    const auto& caller = work.call.caller;
    const auto& principal = caller.rights->principal;
    if (principal.type != PrincipalType::assumed_role || caller.session || !caller.certificate)
        return nullptr;
    const auto* role = find_role(work.directory, principal.issuer_arn);
    if (role == nullptr) throw access::AccessDenied("The role " + principal.issuer_arn + " is gone");
    return role;
}

/// As AWS IAM Roles Anywhere gives whoever shows a certificate the credentials of a role: the same role,
/// under the same name, for nobody else.
Session session_of_certificate(const StsWork& work, const Role& role,
                               const v1::GetSessionTokenRequest& request) {
    const auto& caller = work.call.caller;
    const auto seconds = request.has_duration_seconds() ? request.duration_seconds() : kDefaultRoleSeconds;
    require_duration(role, seconds);
    Session session;
    const auto& id = caller.rights->principal.id;
    session.name = id.substr(id.find(':') + 1);
    session.issuer_id = role.id;
    session.issuer_arn = caller.rights->principal.issuer_arn;
    session.origin = origin_of(caller);
    session.issued = work.now;
    session.expires = work.now + std::chrono::seconds(seconds);
    return session;
}

Session session_of_user(const StsWork& work, const v1::GetSessionTokenRequest& request) {
    const auto& principal = work.call.caller.rights->principal;
    Session session;
    session.type = PrincipalType::user;
    session.issuer_id = principal.id;
    session.issuer_arn = principal.arn;
    session.origin = principal.id;
    session.issued = work.now;
    session.expires =
        work.now + std::chrono::seconds(request.has_duration_seconds() ? request.duration_seconds()
                                                                       : kDefaultUserSeconds);
    return session;
}

}  // namespace

v1::AssumeRoleResponse assume_role(const StsWork& work, const v1::AssumeRoleRequest& request) {
    const auto& caller = work.call.caller;
    const auto* role = find_role(work.directory, request.role_arn());
    const auto seconds = request.has_duration_seconds() ? request.duration_seconds() : kDefaultRoleSeconds;
    Session session;
    session.name = request.role_session_name();
    set_tags(request, caller, session);
    set_source_identity(request, caller, session);

    work.call.record->concerns(request.role_arn());
    require_no_mfa(request);
    const Admission admission(work, request, role, session);
    if (request.tags_size() > 0) admission.require(Action::sts_tag_session, seconds);
    if (!session.source_identity.empty()) admission.require(Action::sts_set_source_identity, seconds);
    admission.require(Action::sts_assume_role, seconds);
    require_usable(work, *role);
    require_chained_duration(caller.rights->principal, seconds);
    require_duration(*role, seconds);
    set_policies(request, work.directory, session);

    session.issuer_id = role->id;
    session.issuer_arn = iam::arn_of(work.directory.account(), *role);
    session.origin = origin_of(caller);
    session.issued = work.now;
    session.expires = work.now + std::chrono::seconds(seconds);
    const auto percent = require_room(session);
    const auto made = work.tokens.make(std::move(session));

    v1::AssumeRoleResponse response;
    put_credentials(made, *response.mutable_credentials());
    put_role_user(work.directory, *role, *made.session, *response.mutable_assumed_role_user());
    if (percent > 0) response.set_packed_policy_size(percent);
    boost::json::object elements{{"credentials", shown_credentials(*made.session)},
                                 {"assumedRoleUser", shown_user(response.assumed_role_user())}};
    if (!made.session->source_identity.empty()) {
        response.set_source_identity(made.session->source_identity);
        elements["sourceIdentity"] = made.session->source_identity;
    }
    work.call.record->response_elements = std::move(elements);
    return response;
}

v1::GetCallerIdentityResponse get_caller_identity(const StsWork& work,
                                                  const v1::GetCallerIdentityRequest& /*request*/) {
    const auto& principal = work.call.caller.rights->principal;
    v1::GetCallerIdentityResponse response;
    response.set_user_id(principal.id);
    response.set_account(principal.account);
    response.set_arn(principal.arn);
    return response;
}

v1::GetSessionTokenResponse get_session_token(const StsWork& work,
                                              const v1::GetSessionTokenRequest& request) {
    const auto& caller = work.call.caller;
    const auto* role = role_of_certificate(work);
    if (role == nullptr && (caller.rights->principal.type != PrincipalType::user || caller.session)) {
        throw access::AccessDenied("Cannot call GetSessionToken with session credentials");
    }
    require_no_mfa(request);
    require_not_forbidden(work);
    const auto made = work.tokens.make(role == nullptr ? session_of_user(work, request)
                                                       : session_of_certificate(work, *role, request));
    v1::GetSessionTokenResponse response;
    put_credentials(made, *response.mutable_credentials());
    work.call.record->response_elements =
        boost::json::object{{"credentials", shown_credentials(*made.session)}};
    return response;
}

}  // namespace coffer::sts
