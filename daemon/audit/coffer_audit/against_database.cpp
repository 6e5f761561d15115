#include "daemon/audit/coffer_audit/against_database.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>
#include <thread>

#include "daemon/audit/coffer_audit/database_rows.hpp"
#include "daemon/audit/digest.hpp"
#include "daemon/audit/journal_reader.hpp"
#include "daemon/audit/segment_header.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::audit::cli {

namespace {

/// A row counts as wrong when it is so each time. In between, what was under way ends.
constexpr int kLooks = 3;

/// The journals, read as far as they go, and further at the next look.
class Journals {
public:
    explicit Journals(const std::vector<std::filesystem::path>& directories) {
        for (const auto& directory : directories) journals_.push_back({JournalReader(directory)});
    }

    void read_on() {
        for (auto& journal : journals_) {
            while (const auto record = journal.reader.next()) {
                take(*record);
                if (!journal.first_sequence) journal.first_sequence = record->sequence;
            }
        }
    }

    [[nodiscard]] const RowStates& states() const noexcept { return states_; }
    /// Whose journals they are.
    [[nodiscard]] const std::set<std::string>& nodes() const noexcept { return nodes_; }
    /// Whether each begins with its first record: nothing was removed for its age.
    [[nodiscard]] bool are_whole() const {
        return std::ranges::all_of(journals_,
                                   [](const Journal& each) { return each.first_sequence.value_or(1) <= 2; });
    }

private:
    void take(const JournalRecord& record) {
        if (record.kind == RecordKind::event) states_.take(record.json);
        if (record.kind != RecordKind::header) return;
        if (auto header = parse_segment_header(record.json)) nodes_.insert(std::move(header->node));
    }

    struct Journal {
        JournalReader reader;
        std::optional<std::uint64_t> first_sequence{};  ///< nothing before the first record was read
    };
    std::vector<Journal> journals_;
    RowStates states_;
    std::set<std::string> nodes_;
};

std::string named(const DatabaseRow& row) {
    return row.name.empty() ? std::string() : " ('" + row.name + "')";
}

/// What is wrong with a row of the database; empty: nothing.
std::string objection(const DatabaseRow& row, const RowState* state, bool whole) {
    if (state == nullptr) {
        return whole ? "is in the database, and no event tells where it came from" : std::string();
    }
    if (state->discarded) return "was discarded as damaged, and is in the database again";
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
    if (state.events == 0) return {};  // all that is told of it is that it was discarded
    if (!counts_changes(key.first) || changes == state.events) return {};
    return "has " + std::to_string(state.events) + " events for its " + std::to_string(changes) +
           " changes from revision " + std::to_string(state.first_revision) + " to " +
           std::to_string(state.revision);
}

void say_state(RowFinding& finding, std::int64_t revision, const std::string& seal) {
    finding.revision = revision;
    finding.seal_digest = to_text(sha256(seal)).substr(0, 32);
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
        const auto wrong = objection(row, state, whole);
        if (wrong.empty()) continue;
        add(key, wrong + named(row), state);
        say_state(findings.back(), row.revision, row.seal);
    }
    for (const auto& [key, state] : states.rows()) {
        if (const auto wrong = gap(key, state); !wrong.empty()) {
            add(key, wrong, &state);
            findings.back().surplus = state.events - changes_of(state);
        }
        // Rows of iam_entities are covered by the manifest, which lists them.
        if (key.first == "iam_entities" || state.seal.empty() || snapshot.rows.contains(key)) continue;
        add(key, "is gone from the database, and no event tells of its removal", &state);
        say_state(findings.back(), state.revision, state.seal);
    }
    for (const auto& problem : snapshot.problems) {
        const auto colon = problem.find(": ");
        add({problem.substr(0, colon), ""}, problem.substr(colon + 2), nullptr);
    }
    return findings;
}

/// Why an event in the outbox says nothing of what was done; empty: its change may just have been made, and
/// its node may be about to journal it.
std::string objection(const WaitingEvent& event, const std::set<std::string>& nodes) {
    if (event.waited == Waited::not_yet) {
        return "is an event of node '" + event.node + "' that was stored at " + event.stored +
               ", which is to come: it was put there or altered by hand";
    }
    if (!nodes.contains(event.node)) {
        return "is an event of node '" + event.node +
               "', and none of these journals is of that node: what it tells of was not judged (name the "
               "journals of all nodes; if there is no such node, it was put there by hand)";
    }
    if (event.waited == Waited::long_ago) {
        return "is an event that node '" + event.node + "' has not taken into its journal since " +
               event.stored +
               ": what it tells of was not judged (start the node; if it runs, the event was put there by "
               "hand)";
    }
    return {};
}

/// Adds to `states` what may be under way, and to the answer what may not.
std::vector<RowFinding> take_outbox(const DatabaseSnapshot& snapshot, const std::set<std::string>& nodes,
                                    RowStates& states) {
    std::vector<RowFinding> findings;
    for (const auto& event : snapshot.outbox) {
        auto wrong = objection(event, nodes);
        if (wrong.empty()) {
            states.take_pending(event.event);
        } else {
            findings.push_back({"audit_outbox", event.event_id, std::move(wrong), "", ""});
        }
    }
    return findings;
}

bool same(const RowFinding& a, const RowFinding& b) {
    return a.table == b.table && a.key == b.key && (!a.key.empty() || a.message == b.message);
}

/// How many of `all` are not in `left`: those that the outbox excused.
std::size_t count_excused(const std::vector<RowFinding>& all, const std::vector<RowFinding>& left) {
    return static_cast<std::size_t>(std::ranges::count_if(all, [&](const RowFinding& finding) {
        return std::ranges::none_of(left, [&](const RowFinding& other) { return same(finding, other); });
    }));
}

}  // namespace

DatabaseReport compare_with_database(const std::vector<std::filesystem::path>& directories,
                                     const std::string& conninfo, std::chrono::milliseconds pause) {
    Journals journals(directories);
    DatabaseReport report;
    std::size_t excused = 0;
    for (int look = 1; look <= kLooks; ++look) {
        // The database first: whatever it holds is in a journal by the time that is read, or in the outbox.
        auto snapshot = read_database(conninfo);
        journals.read_on();
        auto states = journals.states();
        auto findings = take_outbox(snapshot, journals.nodes(), states);
        auto rows = compare(snapshot, states, journals.are_whole());
        excused = count_excused(compare(snapshot, journals.states(), journals.are_whole()), rows);
        std::ranges::move(rows, std::back_inserter(findings));
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
        if (look < kLooks) std::this_thread::sleep_for(pause);
    }
    if (!journals.are_whole()) {
        report.notes.emplace_back(
            "old segments were removed, so rows that were last changed before the journals begin cannot be "
            "judged");
    }
    if (excused > 0) {
        report.notes.push_back(std::to_string(excused) +
                               " rows are as events in audit_outbox say that were just stored and that no "
                               "journal had yet: compare again in two minutes");
    }
    return report;
}

}  // namespace coffer::audit::cli
