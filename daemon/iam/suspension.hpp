#pragma once
// What keeps a user or a role from everything, whatever its policies say.

#include <fmt/format.h>

#include <string>

#include "daemon/access/request_context.hpp"
#include "daemon/iam/records.hpp"

namespace coffer::iam {

/// Why `principal`, a User or a Role, may do nothing now: "role 'app' is disabled", "user 'eve' expired at
/// 2026-12-31T00:00:00Z"; empty when it is not suspended.
template <class Record>
[[nodiscard]] std::string suspension_of(const Record& principal, Timestamp now) {
    const auto who = storage::describe({Record::kKind, principal.name});
    if (principal.disabled) return who + " is disabled";
    if (principal.expires && *principal.expires <= now) {
        return fmt::format("{} expired at {}", who, access::format_iso_time(*principal.expires));
    }
    return {};
}

}  // namespace coffer::iam
