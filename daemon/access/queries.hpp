#pragma once
// Who can do something, and what somebody can do: the decision turned over. Pure: whoever asks brings the
// principals and the resources with their policies.

#include <functional>
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
    const Policy* policy = nullptr;
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
};

/// The principals that may do `action` to `resource`.
[[nodiscard]] std::vector<Grant> who_can(Action action, const ResourcePolicies& resource,
                                         std::span<const PrincipalPolicies> principals,
                                         const ListenerPair& listener, const PrepareRequest& prepare);

/// Everything that `principal` may do to the resources: the actions that suit each (those of its type to a
/// secret, those without a resource to "*").
[[nodiscard]] std::vector<Grant> what_can(const PrincipalPolicies& principal,
                                          std::span<const ResourcePolicies> resources,
                                          const ListenerPair& listener, const PrepareRequest& prepare);

/// The type of resource that an ARN names; none for "*" and for ARNs of no known form.
[[nodiscard]] ResourceType resource_type(std::string_view arn) noexcept;

}  // namespace coffer::access
