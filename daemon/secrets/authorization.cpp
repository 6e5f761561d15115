#include "daemon/secrets/authorization.hpp"

#include "daemon/access/access_denied.hpp"
#include "daemon/access/caller_keys.hpp"
#include "daemon/access/denial.hpp"
#include "daemon/access/evaluation.hpp"
#include "daemon/access/request_context.hpp"
#include "daemon/access/secret_keys.hpp"
#include "daemon/secrets/request_record.hpp"

namespace coffer::secrets {

namespace {

std::vector<access::Tag> tags_of(const storage::StoredSecret& secret) {
    std::vector<access::Tag> tags;
    if (!secret.tags) return tags;
    tags.reserve(secret.tags->size());
    for (const auto& tag : *secret.tags) tags.push_back({tag.key, tag.value});
    return tags;
}

void fill_in(access::RequestContext& request, const Facts& facts) {
    for (const auto& [key, value] : facts.values) request.set(key, value);
    if (facts.request_tags) request.set_request_tags(*facts.request_tags);
    if (facts.tag_keys) request.set_tag_keys(*facts.tag_keys);
}

}  // namespace

access::PolicyPtr ResourcePolicies::get(const storage::StoredSecret& secret) {
    if (!secret.resource_policy) return nullptr;
    const auto& text = *secret.resource_policy;
    const auto& principals = secret.policy_principals;
    {
        const std::shared_lock lock(mutex_);
        const auto found = by_arn_.find(secret.arn);
        if (found != by_arn_.end() && found->second.text == text && found->second.principals == principals)
            return found->second.policy;
    }
    auto policy =
        access::Policy::parse(text, secret.arn, {.kind = access::DocumentKind::resource}, principals);
    const std::unique_lock lock(mutex_);
    if (by_arn_.size() >= kMostPolicies) by_arn_.clear();
    by_arn_.insert_or_assign(secret.arn, Compiled{text, principals, policy});
    return policy;
}

/// What was asked, and the answer.
struct Authorization::Question {
    access::RequestContext request;
    Timestamp time;
    access::PolicyPtr resource_policy{};  ///< the decision refers to it
    access::Decision decision{};
};

Authorization::Question Authorization::ask(const CallContext& call, access::Action action,
                                           const Target& target, const Facts& facts) const {
    const auto& caller = call.caller;
    Question question{access::RequestContext(caller.rights->principal, action, target.arn), clock_.now()};
    auto& request = question.request;
    access::set_caller_keys(request, caller, question.time);
    if (target.secret != nullptr) {
        const auto& rotation = target.secret->rotation;
        access::set_secret_keys(request, target.secret->arn,
                                rotation ? std::optional(rotation->function) : std::nullopt);
        request.set_resource_tags(tags_of(*target.secret));
        question.resource_policy = resource_policies_.get(*target.secret);
    }
    fill_in(request, facts);
    question.decision = access::decide(request, caller.policies(question.resource_policy.get()));
    return question;
}

void Authorization::note(const Question& question, const CallContext& call, const Target& target) {
    if (target.arn != "*") call.record->concerns(target.arn);
    call.record->statement = access::describe(question.decision);
}

void Authorization::require(const CallContext& call, access::Action action, const Target& target,
                            const Facts& facts) const {
    const auto question = ask(call, action, target, facts);
    note(question, call, target);
    if (question.decision.allowed()) return;
    access::refuse(question.request, question.decision, target.shown, call.caller, question.time);
}

bool Authorization::would_allow(const CallContext& call, access::Action action,
                                const storage::StoredSecret& proposed, const Facts& facts) const {
    return ask(call, action, {proposed.arn, proposed.arn, &proposed}, facts).decision.allowed();
}

void Authorization::require_still(const CallContext& call, access::Action action,
                                  const storage::StoredSecret& proposed, const Facts& facts,
                                  std::string_view change) const {
    const Target target{proposed.arn, proposed.arn, &proposed};
    const auto question = ask(call, action, target, facts);
    if (question.decision.allowed()) return;
    note(question, call, target);
    try {
        access::refuse(question.request, question.decision, target.shown, call.caller, question.time);
    } catch (const access::AccessDenied& denied) {
        throw access::AccessDenied(std::string(change) + ": " + denied.what());
    }
}

}  // namespace coffer::secrets
