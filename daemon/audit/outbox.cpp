#include "daemon/audit/outbox.hpp"

#include <unordered_set>
#include <utility>

#include "daemon/audit/journal_reader.hpp"
#include "daemon/audit/verifier.hpp"

namespace coffer::audit {

namespace {

constexpr std::size_t kPendingMax = 1000;

/// Those of `wanted` that the journal holds.
std::unordered_set<std::string> find_events(const Journal& journal,
                                            const std::unordered_set<std::string>& wanted) {
    std::unordered_set<std::string> found;
    JournalReader reader(journal.directory());
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
        for (const auto& event : pending) wanted.insert(event.event_id);
        const auto found = find_events(journal, wanted);
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
