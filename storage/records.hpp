#pragma once
// What the tables hold, as values. Nothing here is believed before its seal was checked; the repositories
// return only checked records.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/bytes.hpp"
#include "daemon/base/principal_ids.hpp"
#include "daemon/base/strong.hpp"
#include "daemon/base/time.hpp"
#include "daemon/base/uuid.hpp"

namespace coffer::storage {

struct SecretIdTag {};
/// A secret's row id. A name that is created again after its deletion gets a new one.
using SecretId = Strong<SecretIdTag, Uuid>;

struct VersionIdTag {};
/// A version's id: the ClientRequestToken that made it, 32 to 64 characters.
using VersionId = Strong<VersionIdTag>;

struct StagingLabelTag {};
using StagingLabel = Strong<StagingLabelTag>;

struct Tag {
    std::string key;
    std::string value;
    [[nodiscard]] bool operator==(const Tag&) const = default;
};

/// What kind of value a version has. The numbers are stored.
enum class ValueKind : std::uint8_t { string = 1, binary = 2 };

/// A version without its payload.
struct StoredVersion {
    VersionId id;
    Timestamp created;
    /// Nothing while the version has no value yet (AWSPENDING made by RotateSecret).
    std::optional<ValueKind> kind;
    /// The master key that its data key is wrapped under; nothing without a value.
    std::optional<Uuid> master_key;
    /// In the order in which they were attached. A label is on at most one version of a secret.
    std::vector<StagingLabel> labels;
    /// UTC day of the last read. Not sealed: it decides nothing, and no read writes a sealed row.
    std::optional<Timestamp> last_accessed;
};

/// How a secret rotates. Sealed with the secret.
struct StoredRotation {
    /// False after CancelRotateSecret, which leaves the rest as it is.
    bool enabled = false;
    /// ARN of the rotation function.
    std::string function;
    /// The schedule as RotateSecret was given it: days, or an expression; neither where it only rotates by
    /// hand.
    std::optional<std::int64_t> after_days{};
    std::optional<std::string> expression{};
    std::optional<std::string> duration{};
    /// Days between rotations, computed from the expression.
    std::optional<std::int64_t> expression_days{};
    /// Nothing before the first rotation.
    std::optional<Timestamp> last_rotated{};
    /// The next window; both or neither.
    std::optional<Timestamp> opens{};
    std::optional<Timestamp> closes{};
    /// The version that the rotation under way makes; nothing between rotations.
    std::optional<VersionId> making{};
    /// That version only exists to try the login of the current value with, and goes again.
    bool testing = false;
    /// When the current value has to be replaced at the latest, as its function says; nothing where it never
    /// has to.
    std::optional<Timestamp> renew_by{};
    /// The version that was AWSCURRENT when the value of `making` was made; nothing where that is not known.
    std::optional<VersionId> made_from{};
    [[nodiscard]] bool operator==(const StoredRotation&) const = default;
};

/// A secret with all its versions' metadata: the unit that one seal covers, so that a row altered, moved,
/// swapped or gone is noticed.
struct StoredSecret {
    SecretId id;
    std::string name;
    std::string arn;
    std::optional<std::string> description;
    /// As the caller gave it (alias/NAME, key id or ARN); nothing for the default master key.
    std::optional<std::string> kms_key_id;
    Timestamp created;
    Timestamp last_changed;
    /// When deletion was asked for and when it is due; both or neither.
    std::optional<Timestamp> deleted;
    std::optional<Timestamp> purge_due;
    /// Nothing while the secret was never tagged; empty after the last tag was removed.
    std::optional<std::vector<Tag>> tags;
    /// JSON of the resource policy as it was given; nothing without one.
    std::optional<std::string> resource_policy;
    /// Whom it meant by the ARNs of its principals; empty without one.
    PrincipalIds policy_principals{};
    /// The ClientRequestToken of the CreateSecret that made it. Never changes.
    std::optional<std::string> creation_token;
    /// Nothing while rotation was never configured.
    std::optional<StoredRotation> rotation{};
    /// By creation, oldest first.
    std::vector<StoredVersion> versions;
    /// UTC day of the last read of any version. Not sealed.
    std::optional<Timestamp> last_accessed;
    /// Raised by every change; part of the seal.
    std::int64_t revision = 0;
    /// The seal that was found good over all of the above, or made for it; empty before.
    Bytes seal;
};

/// A version's encrypted value. Authenticated by its own encryption (AAD), not by the seal.
struct StoredPayload {
    Uuid master_key;
    std::uint32_t generation = 0;
    Bytes wrapped_key;
    Bytes ciphertext;
};

/// A secret that was asked for by name, and, if that was asked for as well, a version's encrypted value.
struct LoadedSecret {
    std::optional<StoredSecret> secret;
    std::optional<std::pair<VersionId, StoredPayload>> value;
};

/// A generation of a master key as the database knows it. Sealed.
struct StoredMasterKey {
    Uuid id;
    std::uint32_t generation = 0;
    std::string name;
    Timestamp created;
    /// A known text sealed under this generation: opens only with the very same key.
    StoredPayload check_value;
};

}  // namespace coffer::storage
