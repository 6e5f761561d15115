#include "storage/access_key_recorder.hpp"

#include <utility>

#include "storage/blocking.hpp"

namespace coffer::storage {

AccessKeyRecorder::AccessKeyRecorder(Database& database, std::chrono::milliseconds flush_interval)
    : database_(database), periodic_(flush_interval, [this](Deadline deadline) { flush(deadline); }) {}

void AccessKeyRecorder::record(std::string_view access_key_id, Timestamp when, std::string_view service,
                               std::string_view region) {
    const std::lock_guard lock(mutex_);
    auto found = uses_.find(access_key_id);
    if (found == uses_.end()) {
        found =
            uses_.emplace(std::string(access_key_id), AccessKeyUse{std::string(access_key_id), {}, {}, {}})
                .first;
    }
    auto& use = found->second;
    if (when < use.used) return;
    use.used = when;
    use.service = service;
    use.region = region;
}

void AccessKeyRecorder::flush(Deadline deadline) {
    const std::lock_guard one_at_a_time(flush_mutex_);
    std::vector<AccessKeyUse> rest;
    {
        const std::lock_guard lock(mutex_);
        for (auto& [id, use] : uses_) rest.push_back(std::move(use));
        uses_.clear();
    }
    while (!rest.empty()) {
        const auto cut = rest.end() - static_cast<std::ptrdiff_t>(std::min(kFlushBatchRows, rest.size()));
        const std::vector<AccessKeyUse> batch(cut, rest.end());
        try {
            write_and_wait(database_, {.priority = Priority::rewrap, .deadline = deadline},
                           [&batch](WriteTransaction& tx) { AccessKeyUses::record(tx, batch); });
        } catch (const std::exception&) {
            // Kept; the database's own observer knows what is wrong.
            for (const auto& use : rest) record(use.access_key_id, use.used, use.service, use.region);
            return;
        }
        rest.erase(cut, rest.end());
    }
}

}  // namespace coffer::storage
