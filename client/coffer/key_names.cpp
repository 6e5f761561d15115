#include "client/coffer/key_names.hpp"

#include "daemon/base/uuid.hpp"

namespace coffer::cli {

std::string key_id_of(const std::string& key) {
    if (key.empty() || key.starts_with("alias/") || key.starts_with("arn:") || Uuid::parse(key)) return key;
    return "alias/" + key;
}

}  // namespace coffer::cli
