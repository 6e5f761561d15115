#pragma once
// The errors of the operations: IAM's names and, word for word where they are known, its texts.

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "daemon/iam/records.hpp"
#include "daemon/secrets/errors.hpp"

namespace coffer::iam {

using secrets::ServiceError;

/// "user", "group", "role" with a small or a capital letter.
template <class Record>
[[nodiscard]] constexpr std::string_view word(bool capital = false) {
    if constexpr (std::is_same_v<Record, User>) return capital ? "User" : "user";
    if constexpr (std::is_same_v<Record, Group>) return capital ? "Group" : "group";
    if constexpr (std::is_same_v<Record, Role>) return capital ? "Role" : "role";
    if constexpr (std::is_same_v<Record, ListenerPolicy>)
        return capital ? "Listener policy" : "listener policy";
    return capital ? "Policy" : "policy";
}

template <class Record>
[[nodiscard]] ServiceError no_such(std::string_view name) {
    return {v1::NO_SUCH_ENTITY, fmt::format("The {} with name {} cannot be found.", word<Record>(), name)};
}
[[nodiscard]] inline ServiceError no_such_policy(std::string_view arn) {
    return {v1::NO_SUCH_ENTITY, fmt::format("Policy {} was not found.", arn)};
}
[[nodiscard]] inline ServiceError not_attachable(std::string_view arn) {
    return {v1::NO_SUCH_ENTITY, fmt::format("Policy {} does not exist or is not attachable.", arn)};
}
template <class Record>
[[nodiscard]] ServiceError no_such_inline(std::string_view policy) {
    return {v1::NO_SUCH_ENTITY,
            fmt::format("The {} policy with name {} cannot be found.", word<Record>(), policy)};
}
template <class Record>
[[nodiscard]] ServiceError already_exists(std::string_view name) {
    return {v1::ENTITY_ALREADY_EXISTS,
            fmt::format("{} with name {} already exists.", word<Record>(true), name)};
}
[[nodiscard]] inline ServiceError policy_exists(std::string_view name) {
    return {v1::ENTITY_ALREADY_EXISTS,
            fmt::format("A policy called {} already exists. Duplicate names are not allowed.", name)};
}
[[nodiscard]] inline ServiceError delete_conflict(const std::string& message) {
    return {v1::DELETE_CONFLICT, message};
}
/// `quota` as AWS names it, e.g. "GroupsPerUser".
[[nodiscard]] inline ServiceError over_quota(std::string_view quota, std::size_t limit) {
    return {v1::IAM_LIMIT_EXCEEDED, fmt::format("Cannot exceed quota for {}: {}", quota, limit)};
}
[[nodiscard]] inline ServiceError invalid_input(const std::string& message) {
    return {v1::INVALID_INPUT, message};
}
[[nodiscard]] inline ServiceError validation(const std::string& message) {
    return {v1::VALIDATION, message};
}

/// For an entity that is there and cannot be believed.
[[nodiscard]] inline ServiceError not_believed(const IamKey& key, std::string_view fault) {
    return {v1::INTEGRITY_FAILURE,
            fmt::format(
                "The {} {} {}. Nothing of it is believed, and whoever refers to it is refused. Delete it and "
                "create it again, or bring it back with 'coffer iam apply'.",
                storage::iam_kind_name(key.kind), key.name, fault)};
}

}  // namespace coffer::iam
