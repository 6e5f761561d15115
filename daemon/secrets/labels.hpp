#pragma once
// Staging labels: which version carries which, and how they move. Pure functions over a secret's versions.
// The rules are AWS's, as recorded from the service; each function says which.

#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "storage/records.hpp"

namespace coffer::secrets {

using Versions = std::vector<storage::StoredVersion>;

inline constexpr std::string_view kCurrent = "AWSCURRENT";
inline constexpr std::string_view kPrevious = "AWSPREVIOUS";
inline constexpr std::string_view kPending = "AWSPENDING";

/// Labels over all versions of a secret, at most (AWS quota).
inline constexpr std::size_t kMaxLabels = 20;
/// Versions of a secret, about (AWS quota); unlabelled ones beyond it go, the youngest day's never.
inline constexpr std::size_t kMaxVersions = 100;
inline constexpr std::chrono::hours kKeepUnlabelled{24};

[[nodiscard]] storage::StoredVersion* find_version(Versions& versions, const storage::VersionId& id);
[[nodiscard]] const storage::StoredVersion* find_version(const Versions& versions,
                                                         const storage::VersionId& id);
/// The version that carries `label`; null when none does.
[[nodiscard]] const storage::StoredVersion* holder_of(const Versions& versions, std::string_view label);
[[nodiscard]] bool has_label(const storage::StoredVersion& version, std::string_view label);

/// Puts `label` on version `to`, taking it from whichever version has it. Moving AWSCURRENT puts
/// AWSPREVIOUS on the version that loses it and takes AWSPREVIOUS from every other, the new current one
/// included. Labels are otherwise untouched.
void attach_label(Versions& versions, const storage::VersionId& to, std::string_view label);

/// Takes `label` from `from`, if it is there. Touches nothing else.
void detach_label(Versions& versions, const storage::VersionId& from, std::string_view label);

/// Labels for a new version that was put without naming any, or by UpdateSecret: it becomes AWSCURRENT, and
/// the version that was current loses AWSPENDING as well, if it carried it (a rotation is over).
void make_current(Versions& versions, const storage::VersionId& id);

/// What such a version means for a rotation under way: it is abandoned (AWS: RotationAbandoned), so that the
/// next one can begin. Any other version loses AWSPENDING, and is removed when it has neither a value nor a
/// label then. Not for secrets without rotation: an AWSPENDING that was put there by hand stays.
void take_pending(Versions& versions, const storage::VersionId& id);

/// Labels for a new version that was put without naming any, or by UpdateSecret: it becomes AWSCURRENT, and
/// any other version loses AWSPENDING: a rotation that was under way is abandoned for it, so that the next
/// one can begin. A version that has neither a value nor a label then is removed.
void make_current(Versions& versions, const storage::VersionId& id);

/// Labels for a new version that was put with `labels`: exactly these move. (A secret's first version is
/// AWSCURRENT in any case, which is the caller's to see to: AWS, API reference of PutSecretValue.)
void attach_labels(Versions& versions, const storage::VersionId& to,
                   std::span<const storage::StagingLabel> labels);

/// Adds a version without a value that a rotation is to fill, with AWSPENDING on it.
void add_pending(Versions& versions, const storage::VersionId& id, Timestamp now);

/// Removes a version that was only made to try a login with; a version with another label than AWSPENDING
/// stays.
void remove_test_version(Versions& versions, const storage::VersionId& id);

/// How many labels all versions carry together.
[[nodiscard]] std::size_t count_labels(const Versions& versions);

/// Removes unlabelled versions, oldest first, while there are more than kMaxVersions, but none younger than
/// kKeepUnlabelled at `now`, and none of `kept`. False when there are still more than kMaxVersions: the quota
/// is exceeded.
[[nodiscard]] bool prune(Versions& versions, Timestamp now, std::span<const storage::VersionId> kept);

}  // namespace coffer::secrets
