#pragma once
// The audit journal of this node: events in, completions out when they are durable. One thread writes;
// requests that wait at the same time share one fdatasync. docs/audit.md describes the files.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "daemon/audit/checkpoint.hpp"
#include "daemon/audit/event.hpp"
#include "daemon/audit/journal_config.hpp"
#include "daemon/audit/journal_errors.hpp"
#include "daemon/base/outcome.hpp"
#include "daemon/base/time.hpp"

namespace coffer::audit {

/// Whose event it is: operators' actions may use the reserve when the disk is full, so that what they do to
/// help is recorded as well.
enum class Admission : std::uint8_t { request, operator_action };

/// An event that is durable.
struct Receipt {
    std::uint64_t sequence = 0;
};

/// Told what operators want to know. Called on the journal's threads; must not block or throw.
class JournalObserver {
public:
    virtual ~JournalObserver() = default;
    /// Requests are refused from now on, or taken again. `reason` is one line; empty when available.
    virtual void availability_changed(bool available, std::string reason) = 0;
    /// The file system's free space fell below low_water_bytes, or is above it again.
    virtual void low_water_changed(bool low, std::uint64_t free_bytes) = 0;
    /// Something went wrong and was got around, or a torn tail was cut: one line.
    virtual void incident(std::string what) = 0;
    /// A batch became durable.
    virtual void batch_written(std::size_t records, std::size_t bytes, std::chrono::nanoseconds took) = 0;
    /// A checkpoint for everything up to `sequence` is in the journal and in the head file.
    virtual void checkpoint_written(std::uint64_t sequence, std::string json) = 0;
    /// A checkpoint could not be signed or kept; the journal goes on and tries again.
    virtual void checkpoint_failed(std::string reason) = 0;
};

struct JournalStatus {
    bool available = false;
    std::string reason;  ///< why not available; empty when available
    bool low_water = false;
    std::uint64_t free_bytes = 0;
    std::uint64_t sequence = 0;         ///< of the last durable record
    std::uint64_t signed_sequence = 0;  ///< up to which a checkpoint of this run covers it
    std::uint32_t signing_generation =
        0;  ///< of the audit key whose turn it is; 0 before the first checkpoint
    std::uint64_t segment = 0;
    std::size_t queued = 0;
    std::uint64_t refused = 0;  ///< requests refused since the journal was opened
};

/// Thread-safe after open().
class Journal {
public:
    /// Takes over the directory and starts the threads. `signer` may be null: nothing is signed then, and
    /// verification says so. `observer` may be null. `clock` must outlive the journal. Throws JournalLocked,
    /// JournalDamaged, Error: the daemon must not start without its journal.
    [[nodiscard]] static std::unique_ptr<Journal> open(JournalConfig config,
                                                       std::shared_ptr<CheckpointSigner> signer,
                                                       std::shared_ptr<JournalObserver> observer,
                                                       const Clock& clock);
    ~Journal();
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    /// Calls `done` when the event is durable, on the journal's thread, or with an error: AuditUnavailable
    /// (nothing may be answered), Overloaded (too many wait), RecordTooLarge, Unavailable after close().
    /// Refusals may come at once, on the caller's thread. Never throws for these; never blocks.
    void append(const Event& event, Admission admission, Completion<Receipt> done);
    /// The same for an event that is a line of JSON already: from the outbox of changes.
    void append_json(std::string json, Admission admission, Completion<Receipt> done);

    /// Why a request's event would be refused now; nothing when it would be taken. Cheap.
    [[nodiscard]] std::optional<std::string> refusal() const;

    /// Throws AuditUnavailable while a request's event would be refused, and counts it as refused. To be
    /// called before an operation is begun, so that none is carried out that cannot be recorded. Cheap.
    void require_room();

    [[nodiscard]] JournalStatus status() const;
    [[nodiscard]] const std::filesystem::path& directory() const noexcept;
    /// Made when the journal was begun; in every segment's header and every checkpoint.
    [[nodiscard]] Uuid id() const noexcept;

    /// Waits until a record after `sequence` is durable or `until` has passed; the last durable sequence
    /// number. Readers must not go beyond it.
    [[nodiscard]] std::uint64_t wait_beyond(std::uint64_t sequence, Deadline until) const;

    /// Removes the oldest segments, as whole files, that lie before segment `keep_from` and whose events are
    /// all older than `older_than`; never the current one. The removal is recorded first. Answers how many.
    /// Blocks. Throws AuditUnavailable, Error.
    std::size_t remove_segments(std::uint64_t keep_from, Timestamp older_than);

    /// Signs a checkpoint for all that is durable, writes it, and waits for that. Throws when it fails.
    void checkpoint_now();

    /// Takes in nothing more, writes what is queued, a JournalClosed event and a closing checkpoint. Blocks.
    void close();

private:
    class Impl;
    explicit Journal(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace coffer::audit
