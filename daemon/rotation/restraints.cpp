#include "daemon/rotation/restraints.hpp"

#include <algorithm>

namespace coffer::rotation {

namespace {

/// When `blackout` is over, as far as it is under way at `now`.
std::optional<Timestamp> end_of(const Blackout& blackout, Timestamp now) {
    if (!blackout.schedule) {
        if (blackout.from <= now && now < blackout.to) return blackout.to;
        return std::nullopt;
    }
    std::optional<Timestamp> end;
    // It may last until after it begins again.
    for (auto opens = blackout.schedule->next(now - blackout.lasts).opens; opens <= now;
         opens = blackout.schedule->next(opens).opens) {
        end = opens + blackout.lasts;
    }
    return end;
}

/// What is under way for longer counts as for ever.
constexpr std::chrono::hours kLongest{24 * 366};

}  // namespace

std::string blackouts_without_end(const std::vector<Blackout>& blackouts, Timestamp now) {
    for (const auto& each : blackouts) {
        if (!each.schedule) continue;
        std::vector<Blackout> together;
        std::string names;
        for (auto other : blackouts) {
            if (!other.schedule || !other.secrets.cover(each.secrets)) continue;
            names += (names.empty() ? "\"" : " and \"") + other.name + "\"";
            other.secrets = SecretNames({});
            together.push_back(std::move(other));
        }
        const auto opens = each.schedule->next(now).opens;
        const auto held = Restraints(std::move(together), {}).blackout("", opens);
        if (held && held->until > opens + kLongest) return names;
    }
    return "";
}

std::optional<Held> Restraints::blackout(std::string_view secret, Timestamp now) const {
    std::optional<Held> held;
    // One may begin before the other is over.
    for (bool longer = true; longer;) {
        longer = false;
        for (const auto& each : blackouts_) {
            if (!each.secrets.include(secret)) continue;
            const auto end = end_of(each, held ? held->until : now);
            if (!end || (held && *end <= held->until)) continue;
            held = Held{*end, "held back by the blackout \"" + each.name + "\" of the configuration"};
            longer = true;
        }
        // Those that follow each other without a gap for ever would hold it back for ever.
        if (held && held->until > now + kLongest) break;
    }
    return held;
}

std::vector<const Group*> Restraints::groups_of(std::string_view secret) const {
    std::vector<const Group*> found;
    for (const auto& group : groups_) {
        if (group.secrets.include(secret)) found.push_back(&group);
    }
    return found;
}

}  // namespace coffer::rotation
