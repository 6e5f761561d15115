#include "daemon/secrets/tags.hpp"

#include <algorithm>
#include <set>

#include "daemon/secrets/errors.hpp"

namespace coffer::secrets {

namespace {

bool is_reserved(std::string_view key) {
    constexpr std::string_view kReserved = "aws:";
    return key.size() >= kReserved.size() &&
           std::equal(kReserved.begin(), kReserved.end(), key.begin(), [](char expected, char c) {
               return expected == (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
           });
}

}  // namespace

void refuse_many_tags(const google::protobuf::RepeatedPtrField<v1::Tag>& tags) {
    std::set<std::string_view> keys;
    for (const auto& tag : tags) {
        keys.insert(tag.key());
        if (keys.size() <= kMaxTags) continue;
        throw limit_exceeded("A secret can have at most " + std::to_string(kMaxTags) +
                             " tags; this request has more.");
    }
}

std::vector<storage::Tag> with_tags(std::vector<storage::Tag> tags,
                                    const google::protobuf::RepeatedPtrField<v1::Tag>& added) {
    for (const auto& tag : added) {
        if (!tag.has_key()) throw invalid_parameter("Each tag must have a Key.");
        if (is_reserved(tag.key())) {
            throw invalid_parameter("Tag key '" + tag.key() +
                                    "' begins with aws:, which is reserved for AWS's own use.");
        }
        const auto same_key = std::ranges::find(tags, tag.key(), &storage::Tag::key);
        if (same_key != tags.end()) {
            same_key->value = tag.value();
        } else {
            tags.push_back({tag.key(), tag.value()});
        }
    }
    if (tags.size() > kMaxTags) {
        throw limit_exceeded("A secret can have at most " + std::to_string(kMaxTags) +
                             " tags; this request would make " + std::to_string(tags.size()) + ".");
    }
    return tags;
}

std::vector<storage::Tag> without_tags(std::vector<storage::Tag> tags,
                                       const google::protobuf::RepeatedPtrField<std::string>& keys) {
    std::erase_if(tags,
                  [&](const storage::Tag& tag) { return std::ranges::find(keys, tag.key) != keys.end(); });
    return tags;
}

std::vector<access::Tag> policy_tags(const google::protobuf::RepeatedPtrField<v1::Tag>& tags) {
    std::vector<access::Tag> result;
    for (const auto& tag : tags) result.push_back({tag.key(), tag.value()});
    return result;
}

}  // namespace coffer::secrets
