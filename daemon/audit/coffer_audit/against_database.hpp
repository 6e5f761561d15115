#pragma once
// Whether the database holds what the journals say was done last: finds rows that somebody put back, changed,
// removed or added, even where each is sealed correctly.

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
};

struct DatabaseReport {
    std::vector<RowFinding> findings;
    std::vector<std::string> notes;
    std::uint64_t rows = 0;    ///< compared
    std::uint64_t events = 0;  ///< rows that some event is about
};

/// Compares the database with the journals in `directories`: those of all nodes that write to it. Changes
/// that are made meanwhile are no findings. The journals are not verified here. Throws Error.
[[nodiscard]] DatabaseReport compare_with_database(const std::vector<std::filesystem::path>& directories,
                                                   const std::string& conninfo);

}  // namespace coffer::audit::cli
