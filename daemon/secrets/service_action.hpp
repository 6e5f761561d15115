#pragma once
// What the service does by itself, for its audit event (CloudTrail's AwsServiceEvent).

#include <boost/json/object.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace coffer::storage {
class WriteTransaction;
}

namespace coffer::secrets {

/// The event of a version that is gone for good.
inline constexpr std::string_view kVersionDestroyed = "EndSecretVersionDelete";

struct ServiceAction {
    std::string name;                      ///< "EndSecretVersionDelete"
    std::string invoked_by;                ///< the part of Coffer that acts, e.g. "purge worker"
    std::vector<std::string> resources{};  ///< ARNs
    boost::json::object details{};
    std::string source{};  ///< eventSource, where it is not AWS Secrets Manager's
};

/// Stores the event of what a transaction did where the journal is not at hand: before it is open, or in a
/// program beside the daemon. Empty where no events are written.
using LeaveEvent = std::function<void(storage::WriteTransaction&, const ServiceAction&)>;

}  // namespace coffer::secrets
