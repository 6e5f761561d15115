#pragma once
// Tags of a secret: added or overwritten by key, in the order of first appearance. Pure.

#include <google/protobuf/repeated_ptr_field.h>

#include <string>
#include <vector>

#include "coffer/v1/secrets.pb.h"
#include "daemon/access/principal.hpp"
#include "storage/records.hpp"

namespace coffer::secrets {

/// Tags of a secret, at most (AWS quota).
inline constexpr std::size_t kMaxTags = 50;

/// Throws ServiceError when a request has more keys than a secret may have. Before anything else is done with
/// them: there may be tens of thousands.
void refuse_many_tags(const google::protobuf::RepeatedPtrField<v1::Tag>& tags);

/// `tags` with `added` put in. Throws ServiceError for a tag without a key, for a key that begins with
/// "aws:" (any case), and over the quota.
[[nodiscard]] std::vector<storage::Tag> with_tags(std::vector<storage::Tag> tags,
                                                  const google::protobuf::RepeatedPtrField<v1::Tag>& added);

/// `tags` without those whose key is in `keys`; unknown keys are ignored.
[[nodiscard]] std::vector<storage::Tag> without_tags(
    std::vector<storage::Tag> tags, const google::protobuf::RepeatedPtrField<std::string>& keys);

/// A request's tags as policies see them.
[[nodiscard]] std::vector<access::Tag> policy_tags(const google::protobuf::RepeatedPtrField<v1::Tag>& tags);

}  // namespace coffer::secrets
