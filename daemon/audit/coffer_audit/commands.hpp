#pragma once
// The commands of coffer-audit. Each prints and answers the exit code; errors that keep a command from
// judging are thrown.

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "daemon/audit/event_filter.hpp"

namespace coffer::audit::cli {

inline constexpr int kExitGood = 0;
inline constexpr int kExitFound = 1;   ///< verify: something is wrong; show and search: nothing matched
inline constexpr int kExitUsage = 2;   ///< wrong usage, nothing was looked at
inline constexpr int kExitUnread = 3;  ///< the journal or a key could not be read: not judged

/// Wrong usage that the parser of the command line cannot see.
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

enum class Output : std::uint8_t { table, json };

struct VerifyCommand {
    std::string directory;
    std::vector<std::string> public_keys;
    std::vector<std::string> heads;
    std::string conninfo;                    ///< of the database to compare with; empty: none
    std::vector<std::string> more_journals;  ///< of the other nodes, for that
    std::string known;  ///< what an earlier verification found of rows, as JSON; may be empty
    Output output = Output::table;
};
[[nodiscard]] int run_verify(const VerifyCommand& command);

struct SearchCommand {
    std::string directory;
    EventFilter filter;
    std::string since;
    std::string until;
    std::uint64_t limit = 0;  ///< 0: no limit
    Output output = Output::table;
};
[[nodiscard]] int run_search(const SearchCommand& command);

struct ShowCommand {
    std::string directory;
    std::string event_id;
    std::optional<std::uint64_t> sequence;
    Output output = Output::table;
};
[[nodiscard]] int run_show(const ShowCommand& command);

}  // namespace coffer::audit::cli
