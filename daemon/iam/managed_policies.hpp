#pragma once
// The managed policies that come with Coffer, named as AWS's own are: arn:aws:iam::aws:policy/NAME. They are
// part of the program and in no table, so nobody who can write the database can take them away.

#include <span>
#include <string_view>

#include "daemon/access/policy.hpp"

namespace coffer::iam {

inline constexpr std::string_view kAdministratorAccess = "arn:aws:iam::aws:policy/AdministratorAccess";

struct BuiltInPolicy {
    std::string_view arn;
    std::string_view name;
    /// As AWS's policy of that name has it.
    std::string_view id;
    std::string_view description;
    std::string_view document;
};

[[nodiscard]] std::span<const BuiltInPolicy> built_in_policies() noexcept;
/// Null when there is none.
[[nodiscard]] const BuiltInPolicy* find_built_in(std::string_view arn) noexcept;
/// Compiled once, of the kind `identity` or `boundary`.
[[nodiscard]] access::PolicyPtr compiled(const BuiltInPolicy& policy, access::DocumentKind kind);

}  // namespace coffer::iam
