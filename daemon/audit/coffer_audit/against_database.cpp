#include "daemon/audit/coffer_audit/against_database.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "daemon/audit/coffer_audit/database_rows.hpp"
#include "daemon/audit/journal_reader.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::audit::cli {

namespace {

/// A row counts as wrong when it is so each time. In between, what was under way ends.
constexpr int kLooks = 3;
constexpr std::chrono::milliseconds kPause{1500};

/// The journals, read as far as they go, and further at the next look.
class Journals {
public:
    explicit Journals(const std::vector<std::filesystem::path>& directories) {
        for (const auto& directory : directories) readers_.emplace_back(directory);
    }

    void read_on() {
        for (auto& reader : readers_) {
            while (const auto record = reader.next()) {
                if (record->kind == RecordKind::event) states_.take(record->json);
                if (first_) whole_ = whole_ && record->sequence <= 2;
                first_ = false;
            }
            first_ = true;
        }
    }

    [[nodiscard]] const RowStates& states() const noexcept { return states_; }
    /// Whether each begins with its first record: nothing was removed for its age.
    [[nodiscard]] bool are_whole() const noexcept { return whole_; }

private:
    std::vector<JournalReader> readers_;
    RowStates states_;
    bool first_ = true;
    bool whole_ = true;
};

std::string named(const DatabaseRow& row) {
    return row.name.empty() ? std::string() : " ('" + row.name + "')";
}

/// What is wrong with a row of the database; empty: nothing.
std::string objection(const DatabaseRow& row, const RowState* state, bool whole) {
    if (state == nullptr) {
        return whole ? "is in the database, and no event tells where it came from" : std::string();
    }
    const auto there = std::to_string(row.revision);
    const auto last = std::to_string(state->revision);
    if (state->seal.empty() && row.revision < state->revision) {
        return "was removed, and is in the database again with its state of before (revision " + there + ")";
    }
    if (row.revision < state->revision) {
        return "was put back to an earlier state: it has revision " + there + ", the last that was made is " +
               last;
    }
    if (row.revision > state->revision) {
        return "was changed without an event in these journals: it has revision " + there +
               ", the last that they tell of is " + last +
               " (name the journals of all nodes; if these are all, it was changed by hand)";
    }
    if (row.seal != state->seal)
        return "was altered: its seal is not the one that was made for revision " + last;
    return {};
}

/// Each change of these raises their revision by one.
bool counts_changes(const std::string& table) {
    return table == "secrets" || table == "iam_manifest";
}

std::int64_t changes_of(const RowState& state) {
    return state.revision - state.first_revision + 1;
}

/// Whether each change between the first and the last that events tell of has one event.
std::string gap(const RowKey& key, const RowState& state) {
    const auto changes = changes_of(state);
    if (!counts_changes(key.first) || changes == state.events) return {};
    return "has " + std::to_string(state.events) + " events for its " + std::to_string(changes) +
           " changes from revision " + std::to_string(state.first_revision) + " to " +
           std::to_string(state.revision);
}

std::vector<RowFinding> compare(const DatabaseSnapshot& snapshot, const RowStates& states, bool whole) {
    std::vector<RowFinding> findings;
    const auto add = [&](const RowKey& key, std::string message, const RowState* state) {
        findings.push_back({key.first, key.second, std::move(message),
                            state == nullptr ? "" : state->event_id,
                            state == nullptr ? "" : state->event_time});
    };
    for (const auto& [key, row] : snapshot.rows) {
        const auto* state = states.find(key);
        if (const auto wrong = objection(row, state, whole); !wrong.empty())
            add(key, wrong + named(row), state);
    }
    for (const auto& [key, state] : states.rows()) {
        if (const auto wrong = gap(key, state); !wrong.empty()) {
            add(key, wrong, &state);
            findings.back().surplus = state.events - changes_of(state);
        }
        // Rows of iam_entities are covered by the manifest, which lists them.
        if (key.first == "iam_entities" || state.seal.empty() || snapshot.rows.contains(key)) continue;
        add(key, "is gone from the database, and no event tells of its removal", &state);
    }
    for (const auto& problem : snapshot.problems) {
        const auto colon = problem.find(": ");
        add({problem.substr(0, colon), ""}, problem.substr(colon + 2), nullptr);
    }
    return findings;
}

bool same(const RowFinding& a, const RowFinding& b) {
    return a.table == b.table && a.key == b.key && (!a.key.empty() || a.message == b.message);
}

}  // namespace

DatabaseReport compare_with_database(const std::vector<std::filesystem::path>& directories,
                                     const std::string& conninfo) {
    Journals journals(directories);
    DatabaseReport report;
    for (int look = 1; look <= kLooks; ++look) {
        // The database first: whatever it holds is in a journal by the time that is read, or in the outbox.
        auto snapshot = read_database(conninfo);
        journals.read_on();
        auto states = journals.states();
        for (const auto& event : snapshot.outbox) states.take(event);
        auto findings = compare(snapshot, states, journals.are_whole());
        if (look > 1) {
            std::erase_if(findings, [&](const RowFinding& finding) {
                return std::ranges::none_of(report.findings,
                                            [&](const RowFinding& before) { return same(before, finding); });
            });
        }
        report.findings = std::move(findings);
        report.rows = snapshot.rows.size();
        report.events = states.rows().size();
        if (report.findings.empty()) break;
        if (look < kLooks) std::this_thread::sleep_for(kPause);
    }
    if (!journals.are_whole()) {
        report.notes.emplace_back(
            "old segments were removed, so rows that were last changed before the journals begin cannot be "
            "judged");
    }
    return report;
}

}  // namespace coffer::audit::cli
