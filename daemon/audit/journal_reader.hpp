#pragma once
// The records of a journal, one after the other, from any position, also while it is being written. For tail,
// search and shipping. Checks the layout of records but not the chain: that is verifier.hpp.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "daemon/audit/line_reader.hpp"
#include "daemon/audit/record.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::audit {

/// Between two records. The default is before the oldest record that is there.
struct JournalPosition {
    std::uint64_t segment = 0;   ///< 0: the oldest
    std::uint64_t offset = 0;    ///< byte in the segment's file
    std::uint64_t sequence = 0;  ///< of the record before; 0 when not known
    Digest chain{};              ///< and its chain value; zeros when not known
    [[nodiscard]] bool operator==(const JournalPosition&) const = default;
};

/// A record with its own copy of the JSON.
struct JournalRecord {
    RecordKind kind = RecordKind::event;
    std::uint64_t sequence = 0;
    Digest chain{};
    std::string json;
    std::uint64_t segment = 0;
    std::uint64_t offset = 0;
};

/// A line of a segment is not a record. Names file and offset.
class MalformedRecord : public IntegrityError {
public:
    using IntegrityError::IntegrityError;
};

/// Not thread-safe; any number of readers may read one journal.
class JournalReader {
public:
    explicit JournalReader(std::filesystem::path directory, JournalPosition from = {});

    /// The next record with a sequence number of at most `sequence_max`; nothing when there is none yet.
    /// After nothing, a later call goes on. The end of a segment that was abandoned is left out. A segment
    /// that was removed is passed over: the caller sees it by the sequence numbers. Throws MalformedRecord,
    /// Error.
    [[nodiscard]] std::optional<JournalRecord> next(std::uint64_t sequence_max = UINT64_MAX);

    /// Behind the record that was returned last.
    [[nodiscard]] const JournalPosition& position() const noexcept { return position_; }

private:
    [[nodiscard]] bool open_segment();
    [[nodiscard]] bool move_on();
    void notice_successor();

    std::filesystem::path directory_;
    JournalPosition position_;
    std::optional<LineReader> lines_;
    bool successor_seen_ = false;
};

/// Whether `position`, which was kept, is one of the journal in `directory`: the record before it is there,
/// ends where it says, and has its number and chain value. A position in a segment that was removed while
/// later ones are there cannot be judged and counts as fitting: reading goes on with what is left. Reads one
/// segment up to the position. Throws Error when it cannot be read.
[[nodiscard]] bool fits_journal(const std::filesystem::path& directory, const JournalPosition& position);

/// The part of segment `number` that is to be read: all, or less when the next segment's header says that its
/// end was abandoned. In bytes.
[[nodiscard]] std::uint64_t trusted_bytes(const std::filesystem::path& directory, std::uint64_t number);

}  // namespace coffer::audit
