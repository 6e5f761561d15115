#include "daemon/access/queries.hpp"

#include <array>
#include <set>
#include <utility>

#include "daemon/access/glob.hpp"
#include "daemon/access/secret_keys.hpp"

namespace coffer::access {
namespace {

Prospect ask(Action action, const PrincipalPolicies& who, const ResourcePolicies& what,
             const ListenerPair& listener, const PrepareRequest& prepare) {
    RequestContext request(*who.principal, action, what.arn);
    set_question_keys(request, what);
    if (prepare) prepare(request);
    return prospect(request, {who.identity, who.session, who.boundary, what.policy_for(action),
                              listener.configured, listener.stored});
}

/// Set from the principal by the request itself: present or absent for good.
bool is_of_principal(Key key, PrincipalType type) {
    switch (key) {
        case Key::principal_arn:
        case Key::principal_account:
        case Key::principal_type:
        case Key::principal_is_aws_service:
        case Key::principal_service_name:
        case Key::user_id:
        case Key::username:
        case Key::via_aws_service:
        case Key::coffer_principal_groups:
            return true;
        // Of a role these are its sessions': as they were begun.
        case Key::federated_provider:
        case Key::source_identity:
            return type != PrincipalType::assumed_role;
        default:
            return false;
    }
}

/// Known with the resource.
bool is_of_resource(Key key) {
    switch (key) {
        case Key::requested_region:
        case Key::resource_account:
        case Key::sm_secret_id:
        case Key::sm_secret_primary_region:
        case Key::sm_resource_rotation_lambda_arn:
            return true;
        default:
            return false;
    }
}

OpenKeys open_keys_of(const RequestContext& request) {
    const auto& info = action_info(request.action());
    const auto type = request.principal().type;
    const bool resource_known = info.resource == ResourceType::none || request.resource() != "*";
    const bool tags = brings_tags(request.action());
    OpenKeys open;
    for (const auto& row : key_table()) {
        const bool decided = row.presence == KeyPresence::never || !key_applies(info, row.key) ||
                             is_of_principal(row.key, type) || (resource_known && is_of_resource(row.key)) ||
                             (row.key == Key::tag_keys && !tags);
        open.single[static_cast<std::size_t>(row.key)] = !decided;
    }
    open.principal_tags = type == PrincipalType::assumed_role;  // a session may bring tags of its own
    open.resource_tags = !resource_known;
    open.request_tags = tags;
    open.claims = request.action() == Action::sts_assume_role_with_web_identity;
    return open;
}

/// The secrets of that place that a Resource is about; nothing when it is about none.
std::optional<std::string> secrets_of(std::string_view resource, SecretPlace place) {
    constexpr std::string_view kPrefix = "secret:";
    std::string_view names = "*";
    if (const auto arn = split_arn(resource)) {
        const auto fits = [](std::string_view pattern, std::string_view text) {
            return glob_matches(to_glob(pattern), text);
        };
        if (!fits(arn->partition(), "aws") || !fits(arn->service(), "secretsmanager") ||
            !fits(arn->region(), place.region) || !fits(arn->account(), place.account)) {
            return std::nullopt;
        }
        if (arn->resource().starts_with(kPrefix)) names = arn->resource().substr(kPrefix.size());
    }
    std::string out("arn:aws:secretsmanager:");
    for (const auto part :
         {place.region, std::string_view(":"), place.account, std::string_view(":"), kPrefix, names})
        out += part;
    return out;
}

}  // namespace

const Policy* ResourcePolicies::policy_for(Action action) const noexcept {
    const bool is_trust = policy != nullptr && policy->kind() == DocumentKind::trust;
    return is_trust && !asks_trust_policy(action) ? nullptr : policy;
}

void set_question_keys(RequestContext& request, const ResourcePolicies& resource) {
    request.leave_open(open_keys_of(request));
    request.set_resource_tags(resource.tags);
    if (resource.new_name) {
        request.set(Key::sm_name, *resource.new_name);
    } else if (action_info(request.action()).resource == ResourceType::secret && request.resource_arn() &&
               request.action() != Action::create_secret) {
        set_secret_keys(request, resource.arn, resource.rotation_function);
    }
}

std::vector<Grant> who_can(Action action, const ResourcePolicies& resource,
                           std::span<const PrincipalPolicies> principals, const ListenerPair& listener,
                           const PrepareRequest& prepare) {
    std::vector<Grant> out;
    for (std::size_t i = 0; i < principals.size(); ++i) {
        auto found = ask(action, principals[i], resource, listener, prepare);
        if (!found.decision.allowed()) continue;
        out.push_back({i, 0, action, found.decision, std::move(found.depends_on)});
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
            auto found = ask(info.action, principal, resources[i], listener, prepare);
            if (!found.decision.allowed()) continue;
            out.push_back({0, i, info.action, found.decision, std::move(found.depends_on)});
        }
    }
    return out;
}

std::vector<std::string> new_secret_arns(const PrincipalPolicies& principal, const ListenerPair& listener,
                                         SecretPlace place) {
    RequestContext request(*principal.principal, Action::create_secret, "*");
    std::set<std::string> arns;
    const auto add = [&](const Policy* policy) {
        if (policy == nullptr || !policy->actions()[static_cast<std::size_t>(Action::create_secret)]) return;
        for (const auto& statement : policy->statements()) {
            if (statement.effect() != Effect::allow ||
                !statement.actions()[static_cast<std::size_t>(Action::create_secret)])
                continue;
            for (const auto& resource : statement.written_resources(request)) {
                if (auto arn = secrets_of(resource, place)) arns.insert(std::move(*arn));
            }
        }
    };
    for (const auto& policy : principal.identity) add(policy.get());
    for (const auto& policy : principal.session) add(policy.get());
    // What these allow is allowed only with the others; where they say less, theirs is what can be made.
    add(principal.boundary);
    add(listener.configured);
    add(listener.stored);
    return {arns.begin(), arns.end()};
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
