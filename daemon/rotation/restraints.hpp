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

namespace coffer::rotation {

/// Secrets, by patterns of their names (`*` and `?`).
class SecretNames {
public:
    /// No pattern: all secrets.
    explicit SecretNames(const std::vector<std::string>& patterns);
    [[nodiscard]] bool include(std::string_view name) const noexcept;

private:
    std::vector<std::string> globs_;
};

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
