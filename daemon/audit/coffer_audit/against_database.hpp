#pragma once
// Whether the database holds what the journals say was done last: finds rows that somebody put back, changed,
// removed or added, even where each is sealed correctly.

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace coffer::audit::cli {

/// A row that is not what the journals say.
struct RowFinding {
    std::string table;
    std::string key;
    std::string message;   ///< one sentence
    std::string event_id;  ///< of the last event about it; may be empty
    std::string event_time;
    /// Of a row that has another number of events than of changes: how many more. It stays what it is when
    /// more changes come, each with its event.
    std::optional<std::int64_t> surplus{};
    /// Otherwise the state that the finding is about, which makes it the same finding at another time: of the
    /// row in the database, or, of one that is gone, the last that events tell of.
    std::optional<std::int64_t> revision{};
    std::string seal_digest{};  ///< the first half of the SHA-256 of its seal as hexadecimal text
};

struct DatabaseReport {
    std::vector<RowFinding> findings;
    std::vector<std::string> notes;
    std::uint64_t rows = 0;    ///< compared
    std::uint64_t events = 0;  ///< rows that some event is about
};

/// Compares the database with the journals in `directories`: those of all nodes that write to it. Changes
/// that are made meanwhile are no findings: what is found is looked at three times, with `pause` in between,
/// in which what is under way ends. The journals are not verified here. Throws Error.
[[nodiscard]] DatabaseReport compare_with_database(
    const std::vector<std::filesystem::path>& directories, const std::string& conninfo,
    std::chrono::milliseconds pause = std::chrono::milliseconds(1500));

}  // namespace coffer::audit::cli
