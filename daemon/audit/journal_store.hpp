#pragma once
// The journal's files, for the one thread that writes them: the current segment, the chain, the reserve, and
// what is done when a call fails. No queue and no thread: that is journal.hpp.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/audit/journal_config.hpp"
#include "daemon/audit/journal_events.hpp"
#include "daemon/audit/posix_file.hpp"
#include "daemon/audit/record.hpp"
#include "daemon/audit/recovery.hpp"
#include "daemon/audit/reserve.hpp"
#include "daemon/base/time.hpp"

namespace coffer::audit {

/// A record to be written. `json` must live through the call.
struct NewRecord {
    RecordKind kind = RecordKind::event;
    std::string_view json;
};

/// Not thread-safe.
class JournalStore {
public:
    /// Takes the lock, finds the end of the journal, cuts a torn tail, and begins a new segment with a
    /// JournalOpened event, durable. `clock` must outlive the store. Throws JournalLocked, JournalDamaged,
    /// Error that says what is wrong with the directory.
    JournalStore(const JournalConfig& config, const Clock& clock);

    /// Writes `records` as one batch and makes it durable. A fault that a new segment gets around is got
    /// around. Throws FileError or ForeignDirectory: nothing of the batch counts then, and a later call may
    /// succeed.
    void commit(std::span<const NewRecord> records);

    /// Where the durable chain stands.
    [[nodiscard]] const ChainState& state() const noexcept { return state_; }
    [[nodiscard]] Uuid journal() const noexcept { return journal_; }
    [[nodiscard]] std::uint64_t segment() const noexcept { return next_segment_ - 1; }
    /// Of the newest checkpoint when the journal was opened.
    [[nodiscard]] const std::optional<LastCheckpoint>& last_checkpoint() const noexcept {
        return last_checkpoint_;
    }

    /// Bytes that the file system has for this process; 0 when it cannot be asked.
    [[nodiscard]] std::uint64_t free_bytes() const noexcept;
    [[nodiscard]] Reserve& reserve() noexcept { return reserve_; }
    /// What went wrong and was got around since the last call, for the log: one line each.
    [[nodiscard]] std::vector<std::string> take_incidents();

private:
    /// The segment that is appended to.
    struct Segment {
        Fd fd;
        std::string name;
        std::uint64_t number = 0;
        std::uint64_t durable_bytes = 0;
        Timestamp begun;
    };
    /// Where a batch failed.
    enum class Step : std::uint8_t { write, sync, place };

    void open_directory();
    void take_up(const JournalEnd& end);
    void adopt_replaced_directory();
    void ensure_segment();
    void create_segment();
    [[nodiscard]] bool rotation_due() const;
    void write_batch(std::span<const NewRecord> records, Step& step);
    void require_place() const;
    void give_up_segment(Step step, const FileError& error);
    void abandon_segment(const std::string& why);
    void lose_segment(const std::string& why, bool directory_too);
    void note(JournalEventKind kind, boost::json::object details);

    const JournalConfig config_;
    const Clock& clock_;
    Fd directory_;
    dev_t directory_device_ = 0;
    ino_t directory_inode_ = 0;
    Fd lock_;
    Reserve reserve_;
    Uuid journal_;
    std::uint64_t next_segment_ = 1;
    ChainState state_;
    std::optional<Segment> segment_;
    std::optional<AbandonedEnd> abandoned_;
    std::optional<std::uint64_t> unborn_;  // a segment that got no header and could not be removed
    Timestamp next_rotation_;              // not before, after one failed
    std::optional<LastCheckpoint> last_checkpoint_;
    std::vector<std::string> own_events_;  // JSON, to be written with the next batch
    std::vector<std::string> incidents_;
};

/// Replaces the head file in `directory` by `json`, durably. Throws FileError.
void write_head(const std::filesystem::path& directory, std::string_view json);

}  // namespace coffer::audit
