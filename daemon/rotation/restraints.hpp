#pragma once
// What holds rotations back that nobody asked for by hand: times at which nothing is to change, and groups of
// secrets that must not change shortly one after the other.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/time.hpp"
#include "daemon/rotation/schedule.hpp"
#include "daemon/rotation/secret_names.hpp"

namespace coffer::rotation {

/// A time at which no rotation begins by itself: once, or again and again.
struct Blackout {
    std::string name;
    SecretNames secrets;
    /// When it begins; nothing: at `from` alone.
    std::optional<Schedule> schedule{};
    std::chrono::milliseconds lasts{};
    Timestamp from{};
    Timestamp to{};
};

/// Secrets of which at most one begins to rotate within `apart`.
struct Group {
    std::string name;
    SecretNames secrets;
    std::chrono::milliseconds apart{};
};

struct Held {
    Timestamp until;
    std::string why;
};

/// The names, quoted, of blackouts with a schedule that between them leave the secrets of one of them no time
/// within a year from `now`; empty when there are none.
[[nodiscard]] std::string blackouts_without_end(const std::vector<Blackout>& blackouts, Timestamp now);

/// Immutable; thread-safe.
class Restraints {
public:
    Restraints() = default;
    Restraints(std::vector<Blackout> blackouts, std::vector<Group> groups)
        : blackouts_(std::move(blackouts)), groups_(std::move(groups)) {}

    /// The blackouts that `secret` is in at `now`, and when they are over.
    [[nodiscard]] std::optional<Held> blackout(std::string_view secret, Timestamp now) const;
    [[nodiscard]] std::vector<const Group*> groups_of(std::string_view secret) const;

private:
    std::vector<Blackout> blackouts_;
    std::vector<Group> groups_;
};

}  // namespace coffer::rotation
