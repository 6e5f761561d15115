#pragma once
// When access keys were last used: statistics beside the sealed rows. They decide nothing and are not sealed.

#include <optional>
#include <string>
#include <vector>

#include "storage/transaction.hpp"

namespace coffer::storage {

/// The last use of one access key.
struct AccessKeyUse {
    std::string access_key_id;
    Timestamp used;
    std::string service;  ///< "secretsmanager", "iam", "sts"
    std::string region;
};

class AccessKeyUses {
public:
    /// Nothing when no use was recorded.
    [[nodiscard]] static std::optional<AccessKeyUse> find(ReadTransaction& tx,
                                                          const std::string& access_key_id);
    /// Keeps the latest use of each key. `uses` has each key once.
    static void record(WriteTransaction& tx, const std::vector<AccessKeyUse>& uses);
};

}  // namespace coffer::storage
