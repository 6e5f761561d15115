#pragma once
// What the node that answers knows of itself: its listeners, its identity providers.

#include <functional>
#include <string>
#include <vector>

#include "daemon/access/policy.hpp"

namespace coffer::iam {

/// A listener of this node's configuration.
struct ConfiguredListener {
    std::string name;
    /// Of the file that the configuration names; null for none.
    access::PolicyPtr policy;
};

struct NodeFacts {
    std::string region;
    /// The listeners as they are now; may be called from any thread. Empty: there are none.
    std::function<std::vector<ConfiguredListener>()> listeners{};

    /// Names of the identity providers of its configuration (issuers without "https://").
    std::vector<std::string> identity_providers{};

    [[nodiscard]] std::vector<ConfiguredListener> configured() const {
        return listeners ? listeners() : std::vector<ConfiguredListener>();
    }
};

}  // namespace coffer::iam
