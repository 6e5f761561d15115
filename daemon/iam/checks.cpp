#include "daemon/iam/checks.hpp"

#include <algorithm>
#include <set>

#include "daemon/access/ascii.hpp"
#include "daemon/access/document_parser.hpp"
#include "daemon/access/json_reader.hpp"
#include "daemon/access/limits.hpp"
#include "daemon/access/malformed_policy.hpp"
#include "daemon/access/values.hpp"
#include "daemon/iam/errors.hpp"
#include "daemon/iam/identities.hpp"
#include "daemon/iam/limits.hpp"
#include "daemon/iam/managed_policies.hpp"
#include "daemon/iam/names.hpp"

namespace coffer::iam {

namespace {

template <class Record>
void check_inline(const Record& record, std::size_t limit) {
    std::size_t characters = 0;
    for (const auto& [name, text] : record.inline_policies) {
        check_policy(text, access::DocumentKind::identity);
        characters += access::read_json(text, access::kMaxJsonDepth).dense_characters;
    }
    if (characters > limit) {
        throw ServiceError(v1::IAM_LIMIT_EXCEEDED,
                           fmt::format("Maximum policy size of {} bytes exceeded for {} {}", limit,
                                       word<Record>(), record.name));
    }
}

/// Whether both would match the same certificate.
bool collide(const Identity& a, const Identity& b) {
    if (a.kind != b.kind) return false;
    const bool same = a.kind == IdentityKind::subject
                          ? a.value == b.value
                          : lookup_key(a.kind, a.value) == lookup_key(b.kind, b.value);
    return same && (!a.issuer || !b.issuer || a.issuer == b.issuer);
}

template <class Record>
void refuse_claimed(const Table<Record>& table, const IamKey& owner, const Identity& identity) {
    for (const auto& [name, record] : table) {
        if (owner == IamKey{Record::kKind, name}) continue;
        for (const auto& other : record->identities) {
            if (!collide(identity, other)) continue;
            throw ServiceError(
                v1::ENTITY_ALREADY_EXISTS,
                fmt::format("The identity {} would match the same certificates as {}, which {} {} has. "
                            "A certificate belongs to one principal.",
                            describe(identity), describe(other), word<Record>(), name));
        }
    }
}

}  // namespace

void check_policy(std::string_view text, access::DocumentKind kind) {
    try {
        static_cast<void>(access::parse_policy(text, {.kind = kind}));
    } catch (const access::MalformedPolicy& error) {
        throw ServiceError(v1::MALFORMED_POLICY, error.what());
    }
}

void check_inline_policies(const User& user) {
    check_inline(user, access::kMaxInlineUserPolicyCharacters);
}
void check_inline_policies(const Group& group) {
    check_inline(group, access::kMaxInlineGroupPolicyCharacters);
}
void check_inline_policies(const Role& role) {
    check_inline(role, access::kMaxInlineRolePolicyCharacters);
}

void check_tags(const std::vector<Tag>& tags) {
    if (tags.size() > kMaxTags) throw over_quota("TagsPerResource", kMaxTags);
    // Condition keys are compared without regard to case, so two that differ in nothing else could not be
    // told apart.
    std::set<std::string> keys;
    for (const auto& tag : tags) {
        if (tag.key.empty()) throw invalid_input("A tag's key must not be empty.");
        if (access::to_lower(tag.key).starts_with("aws:")) {
            throw invalid_input(
                fmt::format("The tag key '{}' begins with aws:, which is reserved.", tag.key));
        }
        if (!keys.insert(access::to_lower(tag.key)).second) {
            throw invalid_input(
                fmt::format("Duplicate tag keys found: '{}'. Tag keys are unique, and upper and lower case "
                            "are the same in them.",
                            tag.key));
        }
    }
}

std::vector<Tag> with_tags(std::vector<Tag> tags, const std::vector<Tag>& added) {
    for (const auto& tag : added) {
        const auto same = std::find_if(tags.begin(), tags.end(), [&](const Tag& other) {
            return access::equals_ignore_case(other.key, tag.key);
        });
        if (same == tags.end()) {
            tags.push_back(tag);
        } else {
            *same = tag;
        }
    }
    return tags;
}

std::vector<Tag> without_tags(std::vector<Tag> tags, const std::vector<std::string>& keys) {
    std::erase_if(tags, [&](const Tag& tag) {
        return std::ranges::any_of(
            keys, [&](const std::string& key) { return access::equals_ignore_case(key, tag.key); });
    });
    return tags;
}

void check_identities(const Records& records, const IamKey& owner, const std::vector<Identity>& identities) {
    if (identities.size() > kMaxIdentities) throw over_quota("IdentitiesPerPrincipal", kMaxIdentities);
    for (auto identity = identities.begin(); identity != identities.end(); ++identity) {
        if (const auto objection = objection_to(*identity)) throw invalid_input(*objection + ".");
        if (std::find(identities.begin(), identity, *identity) != identity) {
            throw ServiceError(v1::ENTITY_ALREADY_EXISTS,
                               fmt::format("{} has the identity {} already.", storage::describe(owner),
                                           describe(*identity)));
        }
        refuse_claimed(records.users, owner, *identity);
        refuse_claimed(records.roles, owner, *identity);
    }
}

bool policy_exists_at(const Records& records, std::string_view account, std::string_view arn) {
    if (find_built_in(arn) != nullptr) return true;
    const auto name = parse_arn(arn);
    if (!name || name->kind != IamKind::policy) return false;
    const auto* policy = records.find<ManagedPolicy>(name->name);
    return policy != nullptr && arn_of(account, *policy) == arn;
}

void check_attached(const Records& records, std::string_view account, std::string_view holder,
                    const std::vector<std::string>& attached) {
    if (attached.size() > kMaxAttachedPolicies) {
        throw over_quota(fmt::format("PoliciesPer{}", holder), kMaxAttachedPolicies);
    }
    for (const auto& arn : attached) {
        if (!policy_exists_at(records, account, arn)) throw not_attachable(arn);
        if (std::count(attached.begin(), attached.end(), arn) > 1) {
            throw invalid_input(fmt::format("Policy {} is attached twice.", arn));
        }
    }
}

void check_boundary(const Records& records, std::string_view account,
                    const std::optional<std::string>& boundary) {
    if (boundary && !policy_exists_at(records, account, *boundary)) {
        throw ServiceError(v1::NO_SUCH_ENTITY,
                           fmt::format("Scope ARN: {} does not exist or is not attachable.", *boundary));
    }
}

void check_groups(const Records& records, const std::vector<std::string>& groups) {
    if (groups.size() > kMaxGroupsOfUser) throw over_quota("GroupsPerUser", kMaxGroupsOfUser);
    for (const auto& group : groups) {
        if (records.find<Group>(group) == nullptr) throw no_such<Group>(group);
        if (std::count(groups.begin(), groups.end(), group) > 1) {
            throw invalid_input(fmt::format("Group {} is named twice.", group));
        }
    }
}

template <class Record>
bool name_taken(const Records& records, std::string_view name) {
    const auto same = [&](std::string_view other) { return access::equals_ignore_case(other, name); };
    const auto& table = records.table<Record>();
    return std::any_of(table.begin(), table.end(), [&](const auto& entry) { return same(entry.first); }) ||
           std::any_of(records.faults.begin(), records.faults.end(), [&](const auto& fault) {
               return fault.first.kind == Record::kKind && same(fault.first.name);
           });
}
template bool name_taken<User>(const Records&, std::string_view);
template bool name_taken<Group>(const Records&, std::string_view);
template bool name_taken<Role>(const Records&, std::string_view);
template bool name_taken<ManagedPolicy>(const Records&, std::string_view);
template bool name_taken<ListenerPolicy>(const Records&, std::string_view);

void check_count(const Records& records, IamKind kind) {
    switch (kind) {
        case IamKind::user:
            if (records.users.size() > kMaxUsers) throw over_quota("UsersPerAccount", kMaxUsers);
            break;
        case IamKind::group:
            if (records.groups.size() > kMaxGroups) throw over_quota("GroupsPerAccount", kMaxGroups);
            break;
        case IamKind::role:
            if (records.roles.size() > kMaxRoles) throw over_quota("RolesPerAccount", kMaxRoles);
            break;
        case IamKind::policy:
            if (records.policies.size() > kMaxPolicies) throw over_quota("PoliciesPerAccount", kMaxPolicies);
            break;
        case IamKind::listener:
            if (records.listeners.size() > kMaxListenerPolicies) {
                throw over_quota("ListenerPolicies", kMaxListenerPolicies);
            }
            break;
        case IamKind::account:
            break;
    }
}

std::optional<Timestamp> read_expiry(const std::string& text) {
    if (text.empty() || text == "never") return std::nullopt;
    return read_time("Expires", text);
}

Timestamp read_time(std::string_view member, const std::string& text) {
    const auto micros = access::parse_date(text);
    if (!micros) {
        throw invalid_input(fmt::format("{} must be a time like 2026-12-31T00:00:00Z.", member));
    }
    return Timestamp::from_millis(*micros / 1000);
}

}  // namespace coffer::iam
