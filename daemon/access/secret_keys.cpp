#include "daemon/access/secret_keys.hpp"

namespace coffer::access {

void set_secret_keys(RequestContext& request, std::string_view arn,
                     const std::optional<std::string>& rotation_function) {
    request.set(Key::sm_secret_id, arn);
    const auto parts = split_arn(arn);
    if (parts && !parts->region().empty()) request.set(Key::sm_secret_primary_region, parts->region());
    if (rotation_function) request.set(Key::sm_resource_rotation_lambda_arn, *rotation_function);
}

}  // namespace coffer::access
