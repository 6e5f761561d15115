#include "daemon/access/queries.hpp"

#include <array>

namespace coffer::access {
namespace {

Decision ask(Action action, const PrincipalPolicies& who, const ResourcePolicies& what,
             const ListenerPair& listener, const PrepareRequest& prepare) {
    RequestContext request(*who.principal, action, what.arn);
    request.set_resource_tags(what.tags);
    if (prepare) prepare(request);
    return decide(request, {who.identity, who.session, who.boundary, what.policy, listener.configured,
                            listener.stored});
}

}  // namespace

std::vector<Grant> who_can(Action action, const ResourcePolicies& resource,
                           std::span<const PrincipalPolicies> principals, const ListenerPair& listener,
                           const PrepareRequest& prepare) {
    std::vector<Grant> out;
    for (std::size_t i = 0; i < principals.size(); ++i) {
        const auto decision = ask(action, principals[i], resource, listener, prepare);
        if (decision.allowed()) out.push_back({i, 0, action, decision});
    }
    return out;
}

std::vector<Grant> what_can(const PrincipalPolicies& principal, std::span<const ResourcePolicies> resources,
                            const ListenerPair& listener, const PrepareRequest& prepare) {
    std::vector<Grant> out;
    for (std::size_t i = 0; i < resources.size(); ++i) {
        const auto type = resource_type(resources[i].arn);
        for (const auto& info : action_table()) {
            if (info.resource != type) continue;
            const auto decision = ask(info.action, principal, resources[i], listener, prepare);
            if (decision.allowed()) out.push_back({0, i, info.action, decision});
        }
    }
    return out;
}

ResourceType resource_type(std::string_view arn) noexcept {
    const auto parts = split_arn(arn);
    if (!parts) return ResourceType::none;
    constexpr std::array kTypes{ResourceType::secret, ResourceType::key,     ResourceType::alias,
                                ResourceType::user,   ResourceType::group,   ResourceType::role,
                                ResourceType::policy, ResourceType::listener};
    for (const auto type : kTypes) {
        const auto form = resource_form(type);
        if (parts->service() == form.service && parts->resource().starts_with(form.prefix)) return type;
    }
    return ResourceType::none;
}

}  // namespace coffer::access
