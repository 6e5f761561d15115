#include "daemon/iam/work.hpp"

#include "daemon/access/caller_keys.hpp"
#include "daemon/access/denial.hpp"
#include "daemon/secrets/request_record.hpp"

namespace coffer::iam {

using access::Key;

namespace {

const access::Policy* resource_policy_of(const access::RequestContext& request) {
    static const auto kPublic = built_in_resource_policy();
    return request.resource_account() == "aws" ? kPublic.get() : nullptr;
}

}  // namespace

access::PolicyPtr built_in_resource_policy() {
    return access::Policy::parse(
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]})",
        "aws", {.kind = access::DocumentKind::resource});
}

access::RequestContext Work::request_for(access::Action action, const std::string& resource) const {
    access::RequestContext request(rights().principal, action, resource);
    access::set_caller_keys(request, call_.caller, now_);
    return request;
}

bool Work::may(access::Action action, const std::string& resource) const {
    const auto request = request_for(action, resource);
    return access::decide(request, call_.caller.policies(resource_policy_of(request))).allowed();
}

void Work::require(access::Action action, const std::string& resource, const Asked& asked) const {
    auto request = request_for(action, resource);
    request.set_resource_tags(asked.resource_tags);
    if (!asked.request_tags.empty()) request.set_request_tags(asked.request_tags);
    if (!asked.tag_keys.empty()) request.set_tag_keys(asked.tag_keys);
    if (asked.policy_arn) request.set(Key::iam_policy_arn, *asked.policy_arn);
    if (asked.boundary) request.set(Key::iam_permissions_boundary, *asked.boundary);
    const auto decision = access::decide(request, call_.caller.policies(resource_policy_of(request)));
    call_.record->statement = access::describe(decision);
    if (!decision.allowed()) access::refuse(request, decision, resource, call_.caller, now_);
}

std::string user_named(const Work& work, const std::string& name) {
    if (!name.empty()) return name;
    if (work.rights().principal.type != access::PrincipalType::user) {
        throw validation("Must specify userName when calling with non-User credentials");
    }
    return work.rights().principal.name;
}

}  // namespace coffer::iam
