#include "daemon/secrets/authorization.hpp"

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

access::PolicyPtr ResourcePolicies::get(const std::string& text, const std::string& arn) {
    {
        const std::shared_lock lock(mutex_);
        const auto found = by_arn_.find(arn);
        if (found != by_arn_.end() && found->second.text == text) return found->second.policy;
    }
    auto policy = access::Policy::parse(text, arn, {.kind = access::DocumentKind::resource});
    const std::unique_lock lock(mutex_);
    if (by_arn_.size() >= kMostPolicies) by_arn_.clear();
    by_arn_.insert_or_assign(arn, Compiled{text, policy});
    return policy;
}

void Authorization::require(const CallContext& call, access::Action action, const Target& target,
                            const Facts& facts) const {
    const auto& caller = call.caller;
    access::RequestContext request(caller.rights->principal, action, target.arn);
    const auto now = clock_.now();
    access::set_caller_keys(request, caller, now);
    access::PolicyPtr resource_policy;
    if (target.secret != nullptr) {
        const auto& rotation = target.secret->rotation;
        access::set_secret_keys(request, target.secret->arn,
                                rotation ? std::optional(rotation->function) : std::nullopt);
        request.set_resource_tags(tags_of(*target.secret));
        if (target.secret->resource_policy) {
            resource_policy = resource_policies_.get(*target.secret->resource_policy, target.secret->arn);
        }
    }
    fill_in(request, facts);
    const auto decision = access::decide(request, caller.policies(resource_policy.get()));
    if (target.arn != "*") call.record->concerns(target.arn);
    call.record->statement = access::describe(decision);
    if (!decision.allowed()) access::refuse(request, decision, target.shown, caller, now);
}

}  // namespace coffer::secrets
