// PutResourcePolicy, GetResourcePolicy, DeleteResourcePolicy, ValidateResourcePolicy.

#include <algorithm>

#include "daemon/access/document_parser.hpp"
#include "daemon/access/findings.hpp"
#include "daemon/access/malformed_policy.hpp"
#include "daemon/secrets/responses.hpp"
#include "daemon/secrets/service_support.hpp"

namespace coffer::secrets {

using boost::asio::awaitable;

namespace {

access::PolicyDocument parse_resource_policy(const std::string& text) {
    try {
        return access::parse_policy(text, {.kind = access::DocumentKind::resource});
    } catch (const access::MalformedPolicy& malformed) {
        throw ServiceError(v1::MALFORMED_POLICY_DOCUMENT, malformed.what());
    }
}

void refuse_public(const access::PolicyDocument& document) {
    if (!access::is_public(document)) return;
    throw ServiceError(v1::PUBLIC_POLICY,
                       "You can't attach a resource-based policy that allows broad access to the secret.");
}

void add_error(v1::ValidateResourcePolicyResponse& response, const std::string& check,
               const std::string& text) {
    auto& entry = *response.add_validation_errors();
    entry.set_check_name(check);
    entry.set_error_message(text);
}

/// What makes a policy not work or opens it to everybody; advice on style is for `coffer iam lint`.
void add_findings(v1::ValidateResourcePolicyResponse& response, const access::PolicyDocument& document,
                  const access::FindingOptions& options) {
    for (const auto& finding : access::find_problems(document, options)) {
        if (finding.severity != access::Severity::error &&
            finding.severity != access::Severity::security_warning) {
            continue;
        }
        const auto where = finding.statement == 0 ? std::string()
                                                  : " (line " + std::to_string(finding.at.line) +
                                                        ", column " + std::to_string(finding.at.column) + ")";
        add_error(response, finding.code, finding.message + where + " " + finding.advice);
    }
}

/// AWS's words.
constexpr const char* kLockOut =
    "Your requested changes will not allow you to manage this secret in the future.";

/// Whom the ARNs of `document` mean, as this node knows it, or as a transaction does.
template <class... Args>
PrincipalIds bound(const PrincipalDirectory* principals, const access::PolicyDocument& document,
                   Args&... args) {
    return principals == nullptr ? PrincipalIds()
                                 : access::bind_principals(document, *principals->names(args...));
}

/// What is wrong with a policy that names somebody who is not there.
std::optional<std::string> unsupported_principal(const PrincipalIds& ids) {
    const auto nobody = std::ranges::find_if(ids, [](const auto& entry) { return entry.second.empty(); });
    if (nobody == ids.end()) return std::nullopt;
    return "This resource policy contains an unsupported principal. There is no " + nobody->first +
           ": make the user or role first.";
}

/// The change that leaves a secret with this policy, or with none.
template <class Response>
auto policy_edit(std::optional<std::string> policy, access::PolicyDocument document,
                 const PrincipalDirectory* principals, Timestamp now) {
    return [policy = std::move(policy), document = std::move(document), principals, now](auto& edit) {
        refuse_deleted(edit.secret);
        auto& secret = edit.secret;
        // The database is asked only where it matters: it means to read everybody.
        auto ids = bound(principals, document);
        if (!ids.empty()) ids = bound(principals, document, edit.tx);
        if (auto wrong = unsupported_principal(ids))
            throw ServiceError(v1::MALFORMED_POLICY_DOCUMENT, std::move(*wrong));
        edit.changed = secret.resource_policy != policy || secret.policy_principals != ids;
        if (edit.changed) secret.last_changed = now;
        secret.resource_policy = policy;
        secret.policy_principals = std::move(ids);
        return answer_naming<Response>(secret);
    };
}

}  // namespace

awaitable<v1::PutResourcePolicyResponse> SecretsService::put_resource_policy(
    Call call, v1::PutResourcePolicyRequest request) {
    auto ref = SecretRef::parse(request.secret_id(), parts_.node);
    Facts facts;
    if (request.has_block_public_policy()) {
        facts.add_boolean(access::Key::sm_block_public_policy, request.block_public_policy());
    }
    const auto secret =
        co_await require_secret(call, std::move(ref), access::Action::put_resource_policy, facts);
    const auto document = parse_resource_policy(request.resource_policy());
    if (request.block_public_policy()) refuse_public(document);
    // Nobody could take such a policy away again: no other policy goes over a Deny. The code is that of KMS,
    // whose PutKeyPolicy has this check.
    if (!can_manage_with(*call, *secret, request.resource_policy(), document, facts)) {
        throw ServiceError(v1::MALFORMED_POLICY_DOCUMENT, kLockOut);
    }
    UniqueFunction<v1::PutResourcePolicyResponse(Edit&)> edit = policy_edit<v1::PutResourcePolicyResponse>(
        request.resource_policy(), document, parts_.principals, parts_.clock.now());
    co_return co_await change<v1::PutResourcePolicyResponse>(call, secret, std::move(edit));
}

awaitable<v1::GetResourcePolicyResponse> SecretsService::get_resource_policy(
    Call call, v1::GetResourcePolicyRequest request) {
    auto ref = SecretRef::parse(request.secret_id(), parts_.node);
    const auto secret =
        co_await require_secret(call, std::move(ref), access::Action::get_resource_policy, {});
    refuse_deleted(*secret);
    auto response = answer_naming<v1::GetResourcePolicyResponse>(*secret);
    if (secret->resource_policy) {
        response.set_resource_policy(
            parts_.principals == nullptr
                ? *secret->resource_policy
                : access::shown_policy(*secret->resource_policy, access::DocumentKind::resource,
                                       secret->policy_principals, *parts_.principals->names()));
    }
    co_return response;
}

awaitable<v1::DeleteResourcePolicyResponse> SecretsService::delete_resource_policy(
    Call call, v1::DeleteResourcePolicyRequest request) {
    auto ref = SecretRef::parse(request.secret_id(), parts_.node);
    const auto secret =
        co_await require_secret(call, std::move(ref), access::Action::delete_resource_policy, {});
    UniqueFunction<v1::DeleteResourcePolicyResponse(Edit&)> edit =
        policy_edit<v1::DeleteResourcePolicyResponse>(std::nullopt, {}, nullptr, parts_.clock.now());
    co_return co_await change<v1::DeleteResourcePolicyResponse>(call, secret, std::move(edit));
}

awaitable<v1::ValidateResourcePolicyResponse> SecretsService::validate_resource_policy(
    Call call, v1::ValidateResourcePolicyRequest request) {
    SecretPtr secret;
    Target target{"*", "*", nullptr};
    std::optional<SecretRef> ref;
    if (request.has_secret_id()) {
        ref = SecretRef::parse(request.secret_id(), parts_.node);
        secret = co_await find_secret(call, *ref);
        target = target_of(*ref, secret.get());
    }
    authorization_.require(*call, access::Action::validate_resource_policy, target, {});
    // As AWS: who asks what a policy would do to a secret needs the right to attach it.
    if (ref) authorization_.require(*call, access::Action::put_resource_policy, target, {});
    if (ref && !secret) throw secret_not_found();

    v1::ValidateResourcePolicyResponse response;
    try {
        const auto document =
            access::parse_policy(request.resource_policy(), {.kind = access::DocumentKind::resource});
        add_findings(response, document,
                     {.partition = "aws", .account = parts_.node.account, .now = parts_.clock.now()});
        if (auto wrong = unsupported_principal(bound(parts_.principals, document)))
            add_error(response, "UNSUPPORTED_PRINCIPAL", std::move(*wrong));
        if (secret && !can_manage_with(*call, *secret, request.resource_policy(), document, {})) {
            add_error(response, "LOCK_OUT", kLockOut);
        }
    } catch (const access::MalformedPolicy& malformed) {
        add_error(response, "SYNTAX", malformed.what());
    }
    response.set_policy_validation_passed(response.validation_errors_size() == 0);
    co_return response;
}

bool SecretsService::can_manage_with(const CallContext& call, const storage::StoredSecret& secret,
                                     const std::string& policy, const access::PolicyDocument& document,
                                     const Facts& facts) const {
    auto with_policy = secret;
    with_policy.resource_policy = policy;
    with_policy.policy_principals = bound(parts_.principals, document);
    return authorization_.would_allow(call, access::Action::put_resource_policy, with_policy, facts) ||
           authorization_.would_allow(call, access::Action::delete_resource_policy, with_policy, {});
}

}  // namespace coffer::secrets
