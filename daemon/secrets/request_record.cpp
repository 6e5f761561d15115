#include "daemon/secrets/request_record.hpp"

#include <algorithm>
#include <boost/json/value.hpp>

namespace coffer::secrets {

void RequestRecord::concerns(const std::string& arn) {
    if (std::ranges::find(resources, arn) == resources.end()) resources.push_back(arn);
}

void RequestRecord::uses(const Uuid& key, std::uint32_t generation) {
    master_key = key;
    master_key_generation = generation;
}

void RequestRecord::answers(const std::string& arn, const std::string& name) {
    auto& elements = response_elements.emplace();
    elements["arn"] = arn;
    elements["name"] = name;
    if (version) elements["versionId"] = *version;
}

}  // namespace coffer::secrets
