#pragma once
// What a question about access is about: a secret, a role, anything else that an ARN names, with its tags and
// the policy that has a say in it. As the operations themselves find it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/access/queries.hpp"
#include "daemon/iam/work.hpp"

namespace coffer::iam {

/// Owns what an access::ResourcePolicies refers to.
struct QuestionResource {
    /// Complete, or "*". Of a secret that is to be made: with -?????? for the characters that nobody knows
    /// yet.
    std::string arn;
    std::vector<Tag> tags{};
    /// A secret's own policy, a role's trust policy; that of what comes with Coffer.
    access::PolicyPtr policy{};
    std::optional<std::string> rotation_function{};
    std::optional<std::string> new_name{};
    /// What is known of a secret: some actions are for one that is there, CreateSecret for one that is not.
    enum class Standing : std::uint8_t { unknown, stored, to_be_made };
    Standing standing = Standing::unknown;
    /// Why nobody can begin a session of this role, whatever its policies say; empty for everything else.
    std::string refusal{};

    [[nodiscard]] access::ResourcePolicies view() const {
        return {arn, tags, policy.get(), rotation_function, new_name};
    }
    /// Whether the action can be done to it, rights apart.
    [[nodiscard]] bool suits(access::Action action) const;
    /// `refusal` where it has a say.
    [[nodiscard]] const std::string& refusal_of(access::Action action) const;
};

/// What `id` means as the resource of `action`: a secret's name, "role/NAME" and so on for users, groups,
/// policies and listeners (for actions on them the bare name as well), a complete ARN, or "*". An action that
/// is about no single resource is decided on "*", whatever `id` is. Reads the database for secrets alone.
/// Throws ServiceError when there is no such secret, or no such role to assume.
[[nodiscard]] QuestionResource find_resource(Work& work, access::Action action, const std::string& id);

/// The same for no action in particular; the name of no secret is that of one that is to be made. Throws
/// nothing of the kind.
[[nodiscard]] QuestionResource find_resource(Work& work, const std::string& id);

/// Secrets that are to be made, all those of an ARN with wildcards.
[[nodiscard]] QuestionResource new_secrets(std::string arn);

/// The first 1,000 secrets by name.
[[nodiscard]] std::vector<QuestionResource> all_secrets(Work& work);

}  // namespace coffer::iam
