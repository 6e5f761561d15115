#include "daemon/iam/records.hpp"

#include <algorithm>

namespace coffer::iam {

const PolicyVersion* ManagedPolicy::find(std::int64_t number) const {
    const auto found = std::find_if(versions.begin(), versions.end(),
                                    [&](const PolicyVersion& version) { return version.number == number; });
    return found == versions.end() ? nullptr : &*found;
}

}  // namespace coffer::iam
