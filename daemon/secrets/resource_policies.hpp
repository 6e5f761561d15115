#pragma once
// Compiled resource policies of secrets, so that a read does not parse one. One for each
// secret; a changed one replaces it.

#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "daemon/access/policy.hpp"
#include "storage/records.hpp"

namespace coffer::secrets {

/// Thread-safe. Bounded: when it is full it starts anew.
class ResourcePolicies {
public:
    /// The policy of the secret, whose ARN is what decisions call it; null when it has none. Throws
    /// access::MalformedPolicy: stored policies were checked, so that is a bug or another version.
    [[nodiscard]] access::PolicyPtr get(const storage::StoredSecret& secret);

private:
    static constexpr std::size_t kMostPolicies = 4096;
    std::shared_mutex mutex_;
    struct Compiled {
        std::string text;
        PrincipalIds principals;
        access::PolicyPtr policy;
    };
    std::unordered_map<std::string, Compiled> by_arn_;
};

}  // namespace coffer::secrets
