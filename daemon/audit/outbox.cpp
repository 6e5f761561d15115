#include "daemon/audit/outbox.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <unordered_set>
#include <utility>

#include "daemon/audit/journal_directory.hpp"
#include "daemon/audit/journal_reader.hpp"
#include "daemon/audit/utc_time.hpp"
#include "daemon/audit/verifier.hpp"

namespace coffer::audit {

namespace {

constexpr std::size_t kPendingMax = 1000;

/// For clocks that were set meanwhile.
constexpr std::chrono::hours kMargin{24};

/// When the oldest of the events that may be in the journal was made; nothing when one does not say.
std::optional<Timestamp> oldest(const std::vector<OutboxEvent>& events) {
    std::optional<Timestamp> first;
    for (const auto& event : events) {
        if (!event.may_be_journaled) continue;
        const auto time = parse_utc(event_time_in(event.json));
        if (!time) return std::nullopt;
        if (!first || *time < *first) first = *time;
    }
    return first;
}

/// Where an event that was made at `time` can be first. A segment that was written last before that does not
/// hold it: a journal may be years long, and a start must not read it all.
JournalPosition begin_at(const Journal& journal, Timestamp time) {
    const auto since = std::chrono::file_clock::from_sys(std::chrono::sys_time<std::chrono::milliseconds>(
        std::chrono::milliseconds((time - kMargin).millis())));
    for (const auto segment : list_directory(journal.directory()).segments) {
        std::error_code gone;
        const auto written =
            std::filesystem::last_write_time(journal.directory() / segment_name(segment), gone);
        if (!gone && written >= since) return {segment, 0, 0};
    }
    return {};
}

/// Those of `wanted` that the journal holds.
std::unordered_set<std::string> find_events(const Journal& journal, std::optional<Timestamp> made,
                                            const std::unordered_set<std::string>& wanted) {
    std::unordered_set<std::string> found;
    if (wanted.empty()) return found;
    JournalReader reader(journal.directory(), made ? begin_at(journal, *made) : JournalPosition{});
    const auto durable = journal.status().sequence;
    while (const auto record = reader.next(durable)) {
        if (record->kind != RecordKind::event) continue;
        auto id = event_id_in(record->json);
        if (wanted.contains(id)) found.insert(std::move(id));
    }
    return found;
}

}  // namespace

std::size_t journal_pending_changes(Journal& journal, ChangeOutbox& outbox) {
    std::size_t appended = 0;
    while (true) {
        auto pending = outbox.pending(kPendingMax);
        if (pending.empty()) return appended;
        std::unordered_set<std::string> wanted;
        for (const auto& event : pending) {
            if (event.may_be_journaled) wanted.insert(event.event_id);
        }
        const auto found = find_events(journal, oldest(pending), wanted);
        if (!found.empty()) outbox.found({found.begin(), found.end()});
        std::vector<std::string> ids;
        for (auto& event : pending) {
            if (!found.contains(event.event_id)) {
                (void)wait_for<Receipt>([&](Completion<Receipt> done) {
                    journal.append_json(std::move(event.json), Admission::operator_action, std::move(done));
                });
                ++appended;
            }
            ids.push_back(std::move(event.event_id));
        }
        outbox.journaled(ids);
    }
}

}  // namespace coffer::audit
