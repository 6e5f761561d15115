#pragma once
// How far a sink has got, kept in a file: "coffer-position/2 JOURNAL SEGMENT OFFSET SEQUENCE CHAIN SHA256\n",
// where CHAIN is the chain value of the record before it and the last digest that of the text before. Beside
// the journal, not in its directory: it is not covered by the chain and costs duplicates at most.

#include <filesystem>
#include <optional>
#include <string_view>

#include "daemon/audit/journal_reader.hpp"
#include "daemon/base/uuid.hpp"

namespace coffer::audit {

/// The position in `file` within the journal `journal`; nothing when there is no file, when it was damaged,
/// or when it is of another journal.
[[nodiscard]] std::optional<JournalPosition> load_position(const std::filesystem::path& file, Uuid journal);

/// Replaces `file`, durably. Throws FileError.
void save_position(const std::filesystem::path& file, Uuid journal, const JournalPosition& position);

}  // namespace coffer::audit
