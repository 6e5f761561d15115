#include "daemon/secrets/service_writes.hpp"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "storage/blocking.hpp"

namespace coffer::secrets {

void ServiceWrites::run(Job job, ServiceAction action, JobOptions options) const {
    using Event = std::optional<ChangeEvent>;
    auto* const trail = trail_;
    // Of all attempts: a transaction may be run again.
    const auto stored = std::make_shared<std::vector<Uuid>>();
    UniqueFunction<Event(storage::WriteTransaction&)> whole =
        [job = std::move(job), action = std::move(action), trail,
         stored](storage::WriteTransaction& tx) -> Event {
        job(tx);
        if (trail == nullptr || action.name.empty()) return std::nullopt;
        auto event = trail->store_action(action, tx);
        stored->push_back(event.id);
        return event;
    };
    Event event;
    try {
        event = storage::write_and_wait(database_, options, std::move(whole));
    } catch (...) {
        for (const auto& id : *stored) trail->abandon_action(id);
        throw;
    }
    if (!event) return;
    for (const auto& id : *stored) {
        if (id != event->id) trail->abandon_action(id);
    }
    trail->action_committed(std::move(*event));
}

}  // namespace coffer::secrets
