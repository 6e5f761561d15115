#pragma once
// Compiled resource policies of secrets, so that a read does not parse one. One for each
// secret; a changed text replaces it.

#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "daemon/access/policy.hpp"

namespace coffer::secrets {

/// Thread-safe. Bounded: when it is full it starts anew.
class ResourcePolicies {
public:
    /// The policy with this text of the secret `arn`, which is what decisions call it. Throws
    /// access::MalformedPolicy: stored policies were checked, so that is a bug or another version.
    [[nodiscard]] access::PolicyPtr get(const std::string& text, const std::string& arn);

private:
    static constexpr std::size_t kMostPolicies = 4096;
    std::shared_mutex mutex_;
    struct Compiled {
        std::string text;
        access::PolicyPtr policy;
    };
    std::unordered_map<std::string, Compiled> by_arn_;
};

}  // namespace coffer::secrets
