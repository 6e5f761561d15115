#include "daemon/secrets/rotation_schedule.hpp"

#include <algorithm>

#include "daemon/secrets/errors.hpp"
#include "daemon/secrets/labels.hpp"
#include "storage/rotation_repository.hpp"

namespace coffer::secrets {

using storage::StoredRotation;
using storage::StoredSecret;
using storage::VersionId;

std::optional<rotation::Schedule> schedule_of(const StoredRotation& rotation) {
    if (!rotation.after_days && !rotation.expression) return std::nullopt;
    return rotation::Schedule::stored({rotation.after_days, rotation.expression, rotation.duration});
}

StoredRotation with_rules(StoredRotation rotation, const v1::RotationRules& rules) {
    rotation::ScheduleText text;
    if (rules.has_automatically_after_days())
        text.automatically_after_days = rules.automatically_after_days();
    if (rules.has_schedule_expression()) text.expression = rules.schedule_expression();
    if (rules.has_duration()) text.duration = rules.duration();
    if (text == rotation::ScheduleText{}) return rotation;
    try {
        static_cast<void>(rotation::Schedule::parse(text));
    } catch (const rotation::ScheduleError& error) {
        throw invalid_parameter(error.what());
    }
    rotation.after_days = text.automatically_after_days;
    rotation.expression = std::move(text.expression);
    rotation.duration = std::move(text.duration);
    return rotation;
}

namespace {

/// Sets the first window after `base` that `fits`; none where there is no schedule.
template <class Fits>
void set_window(StoredRotation& rotation, const std::optional<rotation::Schedule>& schedule, Timestamp base,
                const Fits& fits) {
    rotation.opens = rotation.closes = std::nullopt;
    rotation.expression_days = std::nullopt;
    if (!schedule) return;
    auto window = schedule->next(base);
    while (!fits(window)) window = schedule->next(window.opens);
    rotation.opens = window.opens;
    rotation.closes = window.closes;
    if (rotation.expression) rotation.expression_days = schedule->days(base);
}

/// What windows are counted from that are set at `now`.
Timestamp base_of(const std::optional<rotation::Schedule>& schedule, const StoredRotation& rotation,
                  const StoredSecret& secret, Timestamp now) {
    if (!schedule || !schedule->counts_days()) return now;
    const auto* current = holder_of(secret.versions, kCurrent);
    if (current == nullptr) return rotation.last_rotated.value_or(now);
    return std::max(current->created, rotation.last_rotated.value_or(current->created));
}

}  // namespace

void reschedule(StoredRotation& rotation, Timestamp base) {
    set_window(rotation, schedule_of(rotation), base, [](const rotation::Window&) { return true; });
}

void plan(StoredRotation& rotation, const StoredSecret& secret, Timestamp now) {
    const auto schedule = schedule_of(rotation);
    set_window(rotation, schedule, base_of(schedule, rotation, secret, now),
               [now](const rotation::Window& window) { return window.closes > now; });
}

void to_next_window(StoredSecret& secret, Timestamp now) {
    auto& rotation = secret.rotation;
    if (!rotation || (rotation->opens && *rotation->opens > now)) return;
    const auto schedule = schedule_of(*rotation);
    set_window(*rotation, schedule, base_of(schedule, *rotation, secret, now),
               [now](const rotation::Window& window) { return window.opens > now; });
}

std::optional<Timestamp> window_due_of(const StoredSecret& secret) {
    const auto& rotation = secret.rotation;
    if (!rotation || !rotation->enabled || !rotation->opens || !rotation->closes) return std::nullopt;
    const auto length = rotation->closes->millis() - rotation->opens->millis();
    // The last tenth is for those that come late, and for second tries.
    const auto usable = std::max<std::int64_t>(1, length - length / 10);
    const auto place =
        std::hash<Uuid>{}(secret.id.value()) ^ static_cast<std::size_t>(rotation->opens->millis());
    return *rotation->opens +
           std::chrono::milliseconds(static_cast<std::int64_t>(place % static_cast<std::size_t>(usable)));
}

std::optional<Timestamp> due_of(const StoredSecret& secret) {
    if (!secret.rotation || !secret.rotation->enabled) return std::nullopt;
    const auto window = window_due_of(secret);
    const auto& renew_by = secret.rotation->renew_by;
    if (!window || !renew_by) return window ? window : renew_by;
    return std::min(*window, *renew_by);
}

std::optional<VersionId> current_version(const StoredSecret& secret) {
    const auto* holder = holder_of(secret.versions, kCurrent);
    if (holder == nullptr) return std::nullopt;
    return holder->id;
}

bool is_superseded(const StoredSecret& secret) {
    const auto& rotation = secret.rotation;
    if (!rotation || !rotation->making || !rotation->made_from || rotation->testing) return false;
    const auto current = current_version(secret);
    return current && current != rotation->made_from && current != rotation->making;
}

bool has_lost_pending(const StoredSecret& secret) {
    if (!secret.rotation || !secret.rotation->making || secret.rotation->testing) return false;
    const auto* made = find_version(secret.versions, *secret.rotation->making);
    return made == nullptr || !(has_label(*made, kPending) || has_label(*made, kCurrent));
}

std::optional<NewSchedule> after_change(const std::optional<VersionId>& before, StoredSecret& secret,
                                        Timestamp now) {
    if (!secret.rotation || !secret.rotation->enabled || current_version(secret) == before)
        return std::nullopt;
    reschedule(*secret.rotation, now);
    if (secret.rotation->renew_by) secret.rotation->renew_by = now;
    NewSchedule schedule{secret.id, due_of(secret)};
    // One that has no value yet is made from what is current then.
    const auto* made =
        secret.rotation->making ? find_version(secret.versions, *secret.rotation->making) : nullptr;
    const bool is_over = made != nullptr && made->kind && is_superseded(secret);
    if (is_over || has_lost_pending(secret)) schedule.look_at = now;
    return schedule;
}

void store_schedule(storage::WriteTransaction& tx, const std::optional<NewSchedule>& schedule) {
    if (!schedule) return;
    storage::RotationRepository::set_due(tx, schedule->secret, schedule->due);
    if (schedule->look_at) storage::RotationRepository::hasten(tx, schedule->secret, *schedule->look_at);
}

}  // namespace coffer::secrets
