#pragma once
// Users, groups, roles, managed policies and policies of listeners as values. Their JSON form is in
// record_json.hpp.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/access/principal.hpp"
#include "daemon/base/time.hpp"
#include "storage/iam_repository.hpp"
#include "storage/records.hpp"

namespace coffer::iam {

using access::Tag;
using storage::IamKey;
using storage::IamKind;

/// What a certificate identity is compared with.
enum class IdentityKind : std::uint8_t {
    /// The certificate's name, of that kind, exactly.
    spiffe,
    dns,
    email,
    cn,
    /// The subject's distinguished name, with `*` and `?`.
    subject
};

/// A certificate that a user or a role is known by.
struct Identity {
    IdentityKind kind = IdentityKind::spiffe;
    std::string value;
    /// The issuer's distinguished name, exactly; nothing: any that the listener trusts.
    std::optional<std::string> issuer;

    [[nodiscard]] auto operator<=>(const Identity&) const = default;
};

/// Name and text of each inline policy.
using InlinePolicies = std::map<std::string, std::string>;

/// What users, groups and roles have in common.
struct Holder {
    std::string name;
    std::string path = "/";
    /// "AIDA...", "AGPA...", "AROA...".
    std::string id;
    Timestamp created;
    InlinePolicies inline_policies;
    /// ARNs of managed policies, in the order in which they were attached.
    std::vector<std::string> attached;
};

/// An access key of a user. Its secret is encrypted, bound to the user's unique id and the key's.
struct AccessKey {
    /// "AKIA..."
    std::string id;
    Timestamp created;
    bool active = true;
    storage::StoredPayload secret;
};

struct User : Holder {
    static constexpr IamKind kKind = IamKind::user;
    std::vector<Tag> tags;
    /// ARN of a managed policy.
    std::optional<std::string> boundary;
    /// Names, sorted.
    std::vector<std::string> groups;
    std::vector<Identity> identities;
    bool disabled = false;
    std::optional<Timestamp> expires;
    /// At most two, oldest first.
    std::vector<AccessKey> access_keys;
    /// Sessions that were issued before are refused.
    std::optional<Timestamp> sessions_valid_from;
};

struct Group : Holder {
    static constexpr IamKind kKind = IamKind::group;
};

struct Role : Holder {
    static constexpr IamKind kKind = IamKind::role;
    std::vector<Tag> tags;
    std::optional<std::string> boundary;
    std::string description;
    /// Seconds, 3600 to 43200.
    std::int64_t max_session_duration = 3600;
    /// Who may assume it: the text of its trust policy.
    std::string trust;
    /// Whom that meant by the ARNs of its principals.
    PrincipalIds trust_principals{};
    std::vector<Identity> identities;
    bool disabled = false;
    std::optional<Timestamp> expires;
    /// Sessions that were issued before are refused.
    std::optional<Timestamp> sessions_valid_from;
};

struct PolicyVersion {
    /// From 1; shown as "v1".
    std::int64_t number = 1;
    Timestamp created;
    std::string document;
};

struct ManagedPolicy {
    static constexpr IamKind kKind = IamKind::policy;
    std::string name;
    std::string path = "/";
    /// "ANPA...".
    std::string id;
    Timestamp created;
    Timestamp updated;
    std::string description;
    std::vector<Tag> tags;
    /// Oldest first; at least one.
    std::vector<PolicyVersion> versions;
    std::int64_t default_version = 1;
    /// Of the version that is made next; numbers are not used twice.
    std::int64_t next_version = 2;

    [[nodiscard]] const PolicyVersion* find(std::int64_t number) const;
    /// The version in force.
    [[nodiscard]] const PolicyVersion& current() const { return *find(default_version); }
};

/// What may be done through the listeners of one name, on all nodes.
struct ListenerPolicy {
    static constexpr IamKind kKind = IamKind::listener;
    /// Of the listener.
    std::string name;
    Timestamp updated;
    std::string document;
};

template <class Record>
using Table = std::map<std::string, std::shared_ptr<const Record>, std::less<>>;

/// Everything that is believed, by name; and what is not, with the reason ("was altered in the database").
struct Records {
    Table<User> users;
    Table<Group> groups;
    Table<Role> roles;
    Table<ManagedPolicy> policies;
    Table<ListenerPolicy> listeners;
    std::map<IamKey, std::string> faults;

    template <class Record>
    [[nodiscard]] const Table<Record>& table() const {
        return const_cast<Records*>(this)->table<Record>();
    }
    template <class Record>
    [[nodiscard]] Table<Record>& table() {
        if constexpr (std::is_same_v<Record, User>) {
            return users;
        } else if constexpr (std::is_same_v<Record, Group>) {
            return groups;
        } else if constexpr (std::is_same_v<Record, Role>) {
            return roles;
        } else if constexpr (std::is_same_v<Record, ListenerPolicy>) {
            return listeners;
        } else {
            static_assert(std::is_same_v<Record, ManagedPolicy>);
            return policies;
        }
    }
    /// Null when there is none, or none that is believed.
    template <class Record>
    [[nodiscard]] const Record* find(std::string_view name) const {
        const auto& records = table<Record>();
        const auto found = records.find(name);
        return found == records.end() ? nullptr : found->second.get();
    }
};

}  // namespace coffer::iam
