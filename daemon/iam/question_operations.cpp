// Questions about access: what would be decided, who can, what can somebody.

#include <algorithm>

#include "daemon/access/malformed_policy.hpp"
#include "daemon/access/queries.hpp"
#include "daemon/iam/messages.hpp"
#include "daemon/iam/operations.hpp"
#include "daemon/iam/question_resources.hpp"
#include "daemon/iam/suspension.hpp"

namespace coffer::iam {

using access::Action;
using access::DocumentKind;
using access::Policy;

namespace {

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

/// A key that no request has would give an answer that nothing real agrees with.
void require_known_key(const std::string& name) {
    const auto key = access::find_key(name);
    const auto* info = access::key_info(key.key);
    if (key.key == access::Key::other && !access::is_provider_key(key)) {
        const auto near = access::nearest_key(name);
        throw invalid_input(fmt::format("ContextEntries: there is no condition key {}{}", name,
                                        near.empty() ? "." : "; did you mean " + near + "?"));
    }
    if (info != nullptr && info->presence == access::KeyPresence::never) {
        throw invalid_input(fmt::format("ContextEntries: {} is in no request here.", name));
    }
}

/// The keys that the one who asks gives, the listener and the time.
access::PrepareRequest context_of(const Work& work, const AskedListener& listener,
                                  const google::protobuf::RepeatedPtrField<v1::ContextEntry>& entries) {
    for (const auto& entry : entries) require_known_key(entry.context_key_name());
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

/// A name as that of a user, with "user/" before it or without, "role/NAME" as that of a role. Anything else
/// as it is: an ARN, or no principal.
std::string principal_arn(const Work& work, const std::string& id) {
    constexpr std::string_view kRole = "role/";
    constexpr std::string_view kUser = "user/";
    if (id.starts_with(kRole)) {
        const auto name = id.substr(kRole.size());
        return is_name(name) ? work.arn<Role>(name) : id;
    }
    const auto name = id.starts_with(kUser) ? id.substr(kUser.size()) : id;
    return is_name(name) ? work.arn<User>(name) : id;
}

/// `id` as principal_arn() takes it.
Subject subject_at(const Work& work, const std::string& id) {
    const auto arn = principal_arn(work, id);
    const auto name = parse_arn(arn);
    if (!name || (name->kind != IamKind::user && name->kind != IamKind::role)) {
        throw invalid_input(
            fmt::format("{} is no user and no role; give a user's name, role/NAME, or an ARN.", id));
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

v1::EvaluationResult evaluate(const Subject& subject, Action action, const QuestionResource& resource,
                              const AskedListener& listener, const access::PrepareRequest& prepare) {
    v1::EvaluationResult result;
    result.set_eval_action_name(std::string(access::action_info(action).name));
    result.set_eval_resource_name(resource.arn);
    auto refusal = subject.refusal.empty() ? listener.stored.refusal : subject.refusal;
    if (refusal.empty()) refusal = resource.refusal_of(action);
    if (!refusal.empty()) {
        result.set_eval_decision("implicitDeny");
        result.set_explanation("refused everything: " + refusal);
        return result;
    }
    access::RequestContext request(subject.rights->principal, action, resource.arn);
    const auto view = resource.view();
    access::set_question_keys(request, view);
    prepare(request);
    const auto policies = subject.rights->with(view.policy_for(action), listener.configured.get(),
                                               listener.stored.policy.get());
    const auto explanation = access::explain(request, policies);
    for (const auto& key : access::open_keys(request, policies))
        result.add_missing_context_values(key.written);
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

void put_dependency(const access::Dependency& dependency, v1::AccessDependency& message) {
    message.set_policy(dependency.policy->name());
    message.set_policy_type(std::string(access::kind_name(dependency.policy->kind())));
    message.set_statement(dependency.statement->label());
    message.set_effect(dependency.statement->effect() == access::Effect::allow ? "Allow" : "Deny");
    message.set_key(dependency.key.written);
    if (dependency.condition == nullptr) return;
    message.set_operator_name(dependency.condition->op_name());
    for (const auto& value : dependency.condition->values()) message.add_values(value);
}

void put_grant(const access::Grant& grant, const std::string& principal, const std::string& resource,
               v1::AccessGrant& message) {
    message.set_principal(principal);
    message.set_action(std::string(access::action_info(grant.action).name));
    message.set_resource(resource);
    if (grant.decision.policy != nullptr) message.set_policy(grant.decision.policy->name());
    if (grant.decision.statement != nullptr) message.set_statement(grant.decision.statement->label());
    for (const auto& dependency : grant.depends_on) put_dependency(dependency, *message.add_depends_on());
}

/// Where a grant goes in the answer.
template <class Response>
v1::AccessGrant& add_grant(const access::Grant& grant, Response& response) {
    return grant.depends_on.empty() ? *response.add_grants() : *response.add_conditional_grants();
}

/// What somebody is asked about when nothing is named: what has no resource, the secrets that may be made,
/// and those that are there.
std::vector<QuestionResource> whole_of(Work& work, const access::Rights& rights,
                                       const AskedListener& listener) {
    std::vector<QuestionResource> resources{QuestionResource{.arn = "*"}};
    for (auto& arn : access::new_secret_arns(policies_of(rights), listener.pair(),
                                             {work.node().region, work.account()})) {
        resources.push_back(new_secrets(std::move(arn)));
    }
    for (auto& secret : all_secrets(work)) resources.push_back(std::move(secret));
    return resources;
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
    const auto prepare = context_of(work, listener, request.context_entries());
    const auto given = request.has_resource_policy()
                           ? parse_given(request.resource_policy(), "ResourcePolicy", DocumentKind::resource)
                           : nullptr;
    std::vector<std::string> ids(request.resource_arns().begin(), request.resource_arns().end());
    if (ids.empty()) ids.emplace_back("*");
    response.set_is_truncated(false);
    for (const auto& name : request.action_names()) {
        const auto action = action_named(name);
        for (const auto& id : ids) {
            auto resource = find_resource(work, action, id);
            if (given) resource.policy = given;
            *response.add_evaluation_results() = evaluate(subject, action, resource, listener, prepare);
        }
    }
}

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
    const auto resource = find_resource(work, action, request.resource());
    const auto listener = listener_of(work, request);
    const auto prepare = context_of(work, listener, request.context_entries());
    v1::WhoCanResponse response;
    if (!listener.stored.refusal.empty() || !resource.refusal_of(action).empty()) return response;
    const auto subjects = everybody(work);
    std::vector<access::PrincipalPolicies> principals;
    for (const auto& subject : subjects) principals.push_back(policies_of(*subject.rights));
    for (const auto& grant : access::who_can(action, resource.view(), principals, listener.pair(), prepare)) {
        put_grant(grant, subjects[grant.principal].arn, resource.arn, add_grant(grant, response));
    }
    return response;
}

v1::WhatCanResponse what_can(Work& work, const v1::WhatCanRequest& request) {
    work.require(Action::coffer_what_can, "*");
    const auto subject = subject_at(work, request.policy_source_arn());
    const auto listener = listener_of(work, request);
    const auto prepare = context_of(work, listener, request.context_entries());
    v1::WhatCanResponse response;
    if (!subject.refusal.empty() || !listener.stored.refusal.empty()) return response;
    std::vector<QuestionResource> resources;
    for (const auto& id : request.resources()) resources.push_back(find_resource(work, id));
    if (resources.empty()) resources = whole_of(work, *subject.rights, listener);
    std::vector<access::ResourcePolicies> views;
    for (const auto& resource : resources) views.push_back(resource.view());
    for (const auto& grant :
         access::what_can(policies_of(*subject.rights), views, listener.pair(), prepare)) {
        const auto& resource = resources[grant.resource];
        if (!resource.suits(grant.action) || !resource.refusal_of(grant.action).empty()) continue;
        put_grant(grant, subject.arn, resource.arn, add_grant(grant, response));
    }
    return response;
}

}  // namespace coffer::iam
