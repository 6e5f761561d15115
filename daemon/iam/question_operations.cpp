// Questions about access: what would be decided, who can, what can somebody, what is wrong with the policies.

#include <algorithm>

#include "daemon/access/document_parser.hpp"
#include "daemon/access/findings.hpp"
#include "daemon/access/malformed_policy.hpp"
#include "daemon/access/queries.hpp"
#include "daemon/iam/messages.hpp"
#include "daemon/iam/operations.hpp"
#include "daemon/iam/suspension.hpp"
#include "daemon/iam/unused_access.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::iam {

using access::Action;
using access::DocumentKind;
using access::Policy;

namespace {

constexpr std::size_t kMostSecrets = 1'000;

// ---- what is asked about ----------------------------------------------------------------------------------

/// A secret, or whatever else an ARN or "*" names. Owns what a ResourcePolicies refers to.
struct Resource {
    std::string arn;
    std::vector<Tag> tags;
    access::PolicyPtr policy;

    [[nodiscard]] access::ResourcePolicies view() const { return {arn, tags, policy.get()}; }
};

Resource resource_of(const storage::StoredSecret& secret) {
    Resource resource{secret.arn, {}, nullptr};
    for (const auto& tag : secret.tags.value_or(std::vector<storage::Tag>())) {
        resource.tags.push_back({tag.key, tag.value});
    }
    if (secret.resource_policy) {
        resource.policy =
            Policy::parse(*secret.resource_policy, secret.arn, {.kind = DocumentKind::resource});
    }
    return resource;
}

/// The name of the secret that `id`, a name or an ARN, means.
std::string secret_name(const std::string& id) {
    constexpr std::size_t kSuffix = 7;  // "-AbCdEf"
    const auto arn = access::split_arn(id);
    if (!arn) return id;
    auto name = std::string(arn->resource());
    if (!name.starts_with("secret:") || name.size() < 2 * kSuffix) return {};
    return name.substr(kSuffix, name.size() - 2 * kSuffix);
}

/// A secret by name or ARN, with its tags and its policy; anything else stands for itself.
Resource find_resource(Work& work, const std::string& id) {
    if (id.empty() || id == "*") return {"*", {}, nullptr};
    const auto name = secret_name(id);
    const bool arn = access::split_arn(id).has_value();
    if (!name.empty()) {
        const auto secret = storage::SecretRepository::find(work.database(), name);
        if (secret && (!arn || secret->arn == id)) return resource_of(*secret);
    }
    if (arn) return {id, {}, nullptr};
    throw ServiceError(v1::RESOURCE_NOT_FOUND,
                       fmt::format("There is no secret named {}; give its name, a complete ARN, or *.", id));
}

std::vector<Resource> all_secrets(Work& work) {
    storage::ListQuery query;
    query.sort_by = storage::SortKey::name;
    query.limit = kMostSecrets;
    std::vector<Resource> resources;
    for (const auto& secret : storage::SecretRepository::list(work.database(), query).secrets) {
        resources.push_back(resource_of(secret));
    }
    return resources;
}

/// The action of that name; Secrets Manager's need no prefix.
Action action_named(const std::string& name) {
    auto action = access::find_action(name);
    if (!action) action = access::find_action("secretsmanager:" + name);
    if (!action) throw invalid_input(fmt::format("There is no action named {}.", name));
    return *action;
}

// ---- through which listener -------------------------------------------------------------------------------

/// The listener that a question is about, with the policies that have a say then; none where none is named.
struct AskedListener {
    std::string name;
    access::PolicyPtr configured;
    access::ListenerStanding stored;

    [[nodiscard]] access::ListenerPair pair() const { return {configured.get(), stored.policy.get()}; }
};

template <class Request>
AskedListener listener_of(const Work& work, const Request& request) {
    AskedListener asked;
    if (!request.has_listener_name()) return asked;
    asked.name = request.listener_name();
    asked.stored = work.directory().stored_listener(asked.name);
    bool known = asked.stored.policy != nullptr || !asked.stored.refusal.empty();
    for (const auto& listener : work.node().configured()) {
        if (listener.name != asked.name) continue;
        known = true;
        asked.configured = listener.policy;
    }
    if (known) return asked;
    throw ServiceError(
        v1::NO_SUCH_ENTITY,
        fmt::format("There is no listener named {} on this node, and no policy is stored for one. "
                    "'coffer iam list-listeners' lists them.",
                    asked.name));
}

/// The keys that the one who asks gives, the listener and the time.
access::PrepareRequest context_of(const Work& work, const AskedListener& listener,
                                  const google::protobuf::RepeatedPtrField<v1::ContextEntry>& entries) {
    return [now = work.now(), listener = listener.name, entries](access::RequestContext& request) {
        request.set_time(now);
        request.set_boolean(access::Key::secure_transport, true);
        if (!listener.empty()) request.set(access::Key::source_vpce, listener);
        for (const auto& entry : entries) {
            const std::vector<std::string> values(entry.context_key_values().begin(),
                                                  entry.context_key_values().end());
            request.set_named(entry.context_key_name(), values);
        }
    };
}

// ---- principals -------------------------------------------------------------------------------------------

struct Subject {
    std::string arn;
    access::RightsPtr rights;
    std::string refusal;
};

Subject subject_at(const Work& work, const std::string& arn) {
    const auto name = parse_arn(arn);
    if (!name || (name->kind != IamKind::user && name->kind != IamKind::role)) {
        throw invalid_input(fmt::format("{} is not the ARN of a user or a role.", arn));
    }
    Subject subject{arn, nullptr, {}};
    if (name->kind == IamKind::user) {
        subject.refusal = suspension_of(work.need<User>(name->name), work.now());
    } else {
        subject.refusal = suspension_of(work.need<Role>(name->name), work.now());
    }
    const auto standing = work.directory().standing({name->kind, name->name});
    if (!standing || work.arn<User>(name->name) != arn) {
        if (!standing || work.arn<Role>(name->name) != arn) throw no_such<User>(name->name);
    }
    subject.rights = standing->rights;
    if (!subject.rights) subject.refusal = standing->refusal;
    return subject;
}

access::PrincipalPolicies policies_of(const access::Rights& rights) {
    return {&rights.principal, rights.identity, rights.session, rights.boundary.get()};
}

/// Everybody who is not refused everything.
std::vector<Subject> everybody(const Work& work) {
    std::vector<Subject> subjects;
    for (const auto& [name, user] : work.records().users) {
        const auto standing = work.directory().standing({IamKind::user, name});
        if (standing->rights && suspension_of(*user, work.now()).empty()) {
            subjects.push_back({arn_of(work.account(), *user), standing->rights, {}});
        }
    }
    for (const auto& [name, role] : work.records().roles) {
        const auto standing = work.directory().standing({IamKind::role, name});
        if (standing->rights && suspension_of(*role, work.now()).empty()) {
            subjects.push_back({arn_of(work.account(), *role), standing->rights, {}});
        }
    }
    return subjects;
}

// ---- answers ----------------------------------------------------------------------------------------------

std::string decision_name(access::Outcome outcome) {
    switch (outcome) {
        case access::Outcome::allow:
            return "allowed";
        case access::Outcome::explicit_deny:
            return "explicitDeny";
        case access::Outcome::implicit_deny:
            break;
    }
    return "implicitDeny";
}

v1::EvaluationResult evaluate(const Subject& subject, Action action, const Resource& resource,
                              const AskedListener& listener, const access::PrepareRequest& prepare) {
    v1::EvaluationResult result;
    result.set_eval_action_name(std::string(access::action_info(action).name));
    result.set_eval_resource_name(resource.arn);
    const auto& refusal = subject.refusal.empty() ? listener.stored.refusal : subject.refusal;
    if (!refusal.empty()) {
        result.set_eval_decision("implicitDeny");
        result.set_explanation("refused everything: " + refusal);
        return result;
    }
    access::RequestContext request(subject.rights->principal, action, resource.arn);
    request.set_resource_tags(resource.tags);
    prepare(request);
    const auto explanation = access::explain(
        request,
        subject.rights->with(resource.policy.get(), listener.configured.get(), listener.stored.policy.get()));
    result.set_eval_decision(decision_name(explanation.decision.outcome));
    result.set_explanation(access::format_explanation(request, explanation));
    for (const auto& policy : explanation.policies) {
        for (const auto& each : policy.statements) {
            if (each.match.result != access::StatementResult::applies) continue;
            auto& matched = *result.add_matched_statements();
            matched.set_source_policy_id(policy.policy->name());
            matched.set_source_policy_type(std::string(access::kind_name(policy.part)));
            matched.set_statement_id(each.statement->label());
            matched.mutable_start_position()->set_line(each.statement->at().line);
            matched.mutable_start_position()->set_column(each.statement->at().column);
        }
    }
    return result;
}

void put_grant(const access::Grant& grant, const std::string& principal, const std::string& resource,
               v1::AccessGrant& message) {
    message.set_principal(principal);
    message.set_action(std::string(access::action_info(grant.action).name));
    message.set_resource(resource);
    if (grant.decision.policy != nullptr) message.set_policy(grant.decision.policy->name());
    if (grant.decision.statement != nullptr) message.set_statement(grant.decision.statement->label());
}

/// A policy that comes with the question.
access::PolicyPtr parse_given(const std::string& text, std::string name, DocumentKind kind) {
    try {
        return Policy::parse(text, std::move(name), {.kind = kind});
    } catch (const access::MalformedPolicy& error) {
        throw ServiceError(v1::MALFORMED_POLICY, error.what());
    }
}

/// Who asks in a simulation of policies that nobody has: the user that is named, with its tags and groups and
/// none of its policies; else somebody of the account, without a name.
access::Principal simulated_caller(const Work& work, const v1::SimulateCustomPolicyRequest& request) {
    if (request.has_caller_arn()) {
        const auto name = parse_arn(request.caller_arn());
        if (!name || name->kind != IamKind::user) {
            throw invalid_input(fmt::format("CallerArn: {} is not the ARN of a user.", request.caller_arn()));
        }
        const auto subject = subject_at(work, request.caller_arn());
        if (!subject.rights) throw invalid_input("CallerArn: " + subject.refusal + ".");
        return subject.rights->principal;
    }
    access::Principal somebody;
    somebody.account = work.account();
    return somebody;
}

/// Every action on every resource.
template <class Request, class Response>
void simulate(Work& work, const Subject& subject, const AskedListener& listener, const Request& request,
              Response& response) {
    std::vector<Resource> resources;
    for (const auto& id : request.resource_arns()) resources.push_back(find_resource(work, id));
    if (resources.empty()) resources.push_back({"*", {}, nullptr});
    if (request.has_resource_policy()) {
        const auto policy = parse_given(request.resource_policy(), "ResourcePolicy", DocumentKind::resource);
        for (auto& resource : resources) resource.policy = policy;
    }
    const auto prepare = context_of(work, listener, request.context_entries());
    response.set_is_truncated(false);
    for (const auto& action : request.action_names()) {
        for (const auto& resource : resources) {
            *response.add_evaluation_results() =
                evaluate(subject, action_named(action), resource, listener, prepare);
        }
    }
}

// ---- lint -------------------------------------------------------------------------------------------------

class Linter {
public:
    Linter(const Work& work, v1::LintPoliciesResponse& response)
        : response_(response),
          options_{.partition = "aws",
                   .account = work.account(),
                   .now = work.now(),
                   .identity_providers = work.node().identity_providers} {}

    void check(const std::string& policy, const std::string& text, DocumentKind kind) {
        try {
            for (const auto& finding :
                 access::find_problems(access::parse_policy(text, {.kind = kind}), options_)) {
                auto& message = *response_.add_findings();
                message.set_policy(policy);
                message.set_severity(std::string(access::severity_name(finding.severity)));
                message.set_code(finding.code);
                message.set_statement(static_cast<std::int64_t>(finding.statement));
                if (!finding.sid.empty()) message.set_sid(finding.sid);
                message.set_line(finding.at.line);
                message.set_column(finding.at.column);
                message.set_message(finding.message);
                message.set_advice(finding.advice);
            }
        } catch (const access::MalformedPolicy& error) {
            add(policy, "MALFORMED_POLICY", error.what(), "Put it right.");
        }
    }

    void add(const std::string& about, const std::string& code, const std::string& what,
             const std::string& advice) {
        auto& message = *response_.add_findings();
        message.set_policy(about);
        message.set_severity(std::string(access::severity_name(access::Severity::error)));
        message.set_code(code);
        message.set_message(what);
        message.set_advice(advice);
    }

    template <class Record>
    void check_inline(const Table<Record>& table) {
        for (const auto& [name, record] : table) {
            for (const auto& [policy, text] : record->inline_policies) {
                check(name + "/" + policy, text, DocumentKind::identity);
            }
        }
    }

private:
    v1::LintPoliciesResponse& response_;
    access::FindingOptions options_;
};

}  // namespace

v1::SimulatePrincipalPolicyResponse simulate_principal_policy(
    Work& work, const v1::SimulatePrincipalPolicyRequest& request) {
    work.require(Action::iam_simulate_principal_policy, "*");
    v1::SimulatePrincipalPolicyResponse response;
    simulate(work, subject_at(work, request.policy_source_arn()), listener_of(work, request), request,
             response);
    return response;
}

v1::SimulateCustomPolicyResponse simulate_custom_policy(Work& work,
                                                        const v1::SimulateCustomPolicyRequest& request) {
    work.require(Action::iam_simulate_custom_policy, "*");
    auto rights = std::make_shared<access::Rights>();
    rights->principal = simulated_caller(work, request);
    int number = 0;
    for (const auto& text : request.policy_input_list()) {
        rights->identity.push_back(
            parse_given(text, fmt::format("PolicyInputList.{}", ++number), DocumentKind::identity));
    }
    for (const auto& text : request.permissions_boundary_policy_input_list()) {
        rights->boundary = parse_given(text, "PermissionsBoundaryPolicyInputList.1", DocumentKind::boundary);
    }
    v1::SimulateCustomPolicyResponse response;
    simulate(work, {rights->principal.arn, rights, {}}, {}, request, response);
    return response;
}

v1::WhoCanResponse who_can(Work& work, const v1::WhoCanRequest& request) {
    work.require(Action::coffer_who_can, "*");
    const auto action = action_named(request.action());
    const auto resource = find_resource(work, request.resource());
    const auto listener = listener_of(work, request);
    v1::WhoCanResponse response;
    if (!listener.stored.refusal.empty()) return response;
    const auto subjects = everybody(work);
    std::vector<access::PrincipalPolicies> principals;
    for (const auto& subject : subjects) principals.push_back(policies_of(*subject.rights));
    for (const auto& grant : access::who_can(action, resource.view(), principals, listener.pair(),
                                             context_of(work, listener, request.context_entries()))) {
        put_grant(grant, subjects[grant.principal].arn, resource.arn, *response.add_grants());
    }
    return response;
}

v1::WhatCanResponse what_can(Work& work, const v1::WhatCanRequest& request) {
    work.require(Action::coffer_what_can, "*");
    const auto subject = subject_at(work, request.policy_source_arn());
    const auto listener = listener_of(work, request);
    v1::WhatCanResponse response;
    if (!subject.refusal.empty() || !listener.stored.refusal.empty()) return response;
    std::vector<Resource> resources;
    for (const auto& id : request.resources()) resources.push_back(find_resource(work, id));
    if (resources.empty()) {
        resources = all_secrets(work);
        resources.insert(resources.begin(), Resource{"*", {}, nullptr});
    }
    std::vector<access::ResourcePolicies> views;
    for (const auto& resource : resources) views.push_back(resource.view());
    for (const auto& grant : access::what_can(policies_of(*subject.rights), views, listener.pair(),
                                              context_of(work, listener, request.context_entries()))) {
        put_grant(grant, subject.arn, resources[grant.resource].arn, *response.add_grants());
    }
    return response;
}

v1::LintPoliciesResponse lint_policies(Work& work, const v1::LintPoliciesRequest& request) {
    work.require(Action::coffer_lint_policies, "*");
    v1::LintPoliciesResponse response;
    Linter linter(work, response);
    const auto& records = work.records();
    if (work.distrust()) {
        linter.add(
            "(all)", "DATABASE_NOT_BELIEVED",
            fmt::format("Nothing that the database has now is believed: {}. What follows is about what "
                        "this node had before, which is in force.",
                        *work.distrust()),
            "Restore the database, or see cofferd accept-principals --help.");
    }
    for (const auto& [key, fault] : records.faults) {
        linter.add(storage::describe(key), "NOT_BELIEVED",
                   fmt::format("The {} {}.", storage::describe(key), fault),
                   "Find out who did that; delete it and create it again, or apply the configuration.");
    }
    for (const auto& [name, policy] : records.policies) {
        linter.check(arn_of(work.account(), *policy), policy->current().document, DocumentKind::identity);
    }
    linter.check_inline(records.users);
    linter.check_inline(records.groups);
    linter.check_inline(records.roles);
    for (const auto& [name, role] : records.roles) {
        linter.check(arn_of(work.account(), *role), role->trust, DocumentKind::trust);
    }
    for (const auto& [name, policy] : records.listeners) {
        linter.check("listener/" + name, policy->document, DocumentKind::listener);
    }
    for (const auto& [name, user] : records.users) {
        const auto standing = work.directory().standing({IamKind::user, name});
        if (standing->rights) continue;
        linter.add(arn_of(work.account(), *user), "PRINCIPAL_REFUSED", standing->refusal,
                   "Remove the reference, or put right what it names.");
    }
    for (const auto& [name, role] : records.roles) {
        const auto standing = work.directory().standing({IamKind::role, name});
        if (standing->rights) continue;
        linter.add(arn_of(work.account(), *role), "PRINCIPAL_REFUSED", standing->refusal,
                   "Remove the reference, or put right what it names.");
    }
    if (request.has_unused_days()) find_unused_access(work, request.unused_days(), response);
    return response;
}

}  // namespace coffer::iam
