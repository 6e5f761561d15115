#pragma once
// Who can do something, and what somebody can do: the decision turned over. Pure: whoever asks brings the
// principals and the resources with their policies.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/access/evaluation.hpp"

namespace coffer::access {

/// A principal with the policies that go with it. Refers to what others own.
struct PrincipalPolicies {
    const Principal* principal = nullptr;
    std::span<const PolicyPtr> identity;
    std::span<const PolicyPtr> session;
    const Policy* boundary = nullptr;
};

/// A resource with its policy. Refers to what others own.
struct ResourcePolicies {
    /// The complete ARN, or "*".
    std::string arn;
    std::vector<Tag> tags;
    /// Its own policy; of a role its trust policy, which has a say where asks_trust_policy().
    const Policy* policy = nullptr;
    /// Of a secret.
    std::optional<std::string> rotation_function{};
    /// Of a secret that CreateSecret would make: the name.
    std::optional<std::string> new_name{};

    /// What has a say in that action.
    [[nodiscard]] const Policy* policy_for(Action action) const noexcept;
};

/// The policies of the listener that is asked about; null for none. Refers to what others own.
struct ListenerPair {
    const Policy* configured = nullptr;
    const Policy* stored = nullptr;
};

/// What every question is asked under: sets the keys of the request (time, address, listener, ...).
using PrepareRequest = std::function<void(RequestContext&)>;

/// One answer: who may do what to which, and by which statement. Indexes are those of the lists given.
struct Grant {
    std::size_t principal = 0;
    std::size_t resource = 0;
    Action action = Action::get_secret_value;
    Decision decision;
    /// Not empty: only when these conditions turn out so (Prospect::depends_on).
    std::vector<Dependency> depends_on{};
};

/// Sets what a question says of itself, the keys of the resource, and leaves those open that a real request
/// may have besides (RequestContext::is_open()). Called before the keys are set that the one who asks gives.
void set_question_keys(RequestContext& request, const ResourcePolicies& resource);

/// The principals that may do `action` to `resource`, or may as the keys turn out that are not set.
[[nodiscard]] std::vector<Grant> who_can(Action action, const ResourcePolicies& resource,
                                         std::span<const PrincipalPolicies> principals,
                                         const ListenerPair& listener, const PrepareRequest& prepare);

/// Everything that `principal` may do to the resources, or may as those keys turn out: the actions that suit
/// each (those of its type to a secret, those without a resource to "*").
[[nodiscard]] std::vector<Grant> what_can(const PrincipalPolicies& principal,
                                          std::span<const ResourcePolicies> resources,
                                          const ListenerPair& listener, const PrepareRequest& prepare);

/// Where an account's secrets are.
struct SecretPlace {
    std::string_view region;
    std::string_view account;
};

/// The secrets that statements about CreateSecret are about, each once: as ARNs with the wildcards of their
/// Resource, to be asked what_can() with. Whether they allow it, is that question.
[[nodiscard]] std::vector<std::string> new_secret_arns(const PrincipalPolicies& principal,
                                                       const ListenerPair& listener, SecretPlace place);

/// The type of resource that an ARN names; none for "*" and for ARNs of no known form.
[[nodiscard]] ResourceType resource_type(std::string_view arn) noexcept;

}  // namespace coffer::access
