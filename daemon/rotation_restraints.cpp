#include "daemon/rotation_restraints.hpp"

#include <utility>
#include <vector>

namespace coffer::daemon {

rotation::Restraints rotation_restraints(const server::RotationSection& section, Timestamp now) {
    std::vector<rotation::Blackout> blackouts;
    for (const auto& each : section.blackouts) {
        rotation::Blackout blackout{.name = each.name,
                                    .secrets = rotation::SecretNames(each.secrets),
                                    .lasts = each.lasts,
                                    .from = each.from,
                                    .to = each.to};
        if (!each.schedule.empty()) {
            try {
                rotation::ScheduleText text;
                text.expression = each.schedule;
                blackout.schedule = rotation::Schedule::parse(text);
            } catch (const rotation::ScheduleError& error) {
                throw Error("[[rotation_blackout]] \"" + each.name + "\": schedule: " + error.what());
            }
        }
        blackouts.push_back(std::move(blackout));
    }
    if (const auto names = rotation::blackouts_without_end(blackouts, now); !names.empty()) {
        throw Error(
            "[[rotation_blackout]] " + names +
            ": it begins again before it is over, so that no secret of it would ever rotate by itself; "
            "shorten 'lasts', or see to it that one begins later");
    }
    std::vector<rotation::Group> groups;
    for (const auto& each : section.groups) {
        groups.push_back({each.name, rotation::SecretNames(each.secrets), each.apart});
    }
    return {std::move(blackouts), std::move(groups)};
}

}  // namespace coffer::daemon
