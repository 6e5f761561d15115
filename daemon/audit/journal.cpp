#include "daemon/audit/journal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <future>
#include <utility>

#include "daemon/audit/checkpointer.hpp"
#include "daemon/audit/journal_directory.hpp"
#include "daemon/audit/journal_queue.hpp"
#include "daemon/audit/journal_store.hpp"
#include "daemon/audit/journal_writer.hpp"
#include "daemon/audit/line_reader.hpp"

namespace coffer::audit {

namespace {

class NullObserver final : public JournalObserver {
public:
    void availability_changed(bool, std::string) override {}
    void low_water_changed(bool, std::uint64_t) override {}
    void incident(std::string) override {}
    void batch_written(std::size_t, std::size_t, std::chrono::nanoseconds) override {}
    void checkpoint_written(std::uint64_t, std::string) override {}
    void checkpoint_failed(std::string) override {}
};

/// When the segment was begun, or nothing when its header cannot be read.
std::optional<Timestamp> segment_begun(const std::filesystem::path& directory, std::uint64_t number) {
    LineReader lines(directory / segment_name(number), 0, kRecordBytesMax);
    const auto line = lines.next();
    const auto record = line && !line->too_long ? parse_record(line->text) : std::nullopt;
    const auto header = record ? parse_segment_header(record->json) : std::nullopt;
    if (!header) return std::nullopt;
    return header->time;
}

/// Files are named by themselves in the store's errors; whoever starts a daemon wants to know where they are.
JournalStore open_store(const JournalConfig& config, const Clock& clock) {
    try {
        return {config, clock};
    } catch (const FileError& error) {
        throw Error("the audit directory " + config.directory.string() + ": " + error.what());
    }
}

}  // namespace

class Journal::Impl {
public:
    Impl(JournalConfig config, std::shared_ptr<CheckpointSigner> signer,
         std::shared_ptr<JournalObserver> observer, const Clock& clock)
        : config_(std::move(config)),
          clock_(clock),
          observer_(observer ? std::move(observer) : std::make_shared<NullObserver>()),
          queue_(config_.queue_records_max, config_.queue_bytes_max) {
        auto store = open_store(config_, clock_);
        const auto last_checkpoint = store.last_checkpoint();
        for (auto& incident : store.take_incidents()) observer_->incident(std::move(incident));
        writer_.emplace(config_, clock_, std::move(store), queue_, *observer_);
        checkpointer_ = std::make_shared<Checkpointer>(config_, clock_, std::move(signer), *writer_, queue_,
                                                       *observer_, last_checkpoint);
    }

    ~Impl() { close(); }

    void append(std::string json, Admission admission, Completion<Receipt> done) {
        if (json.size() > config_.record_bytes_max || json.find('\n') != std::string::npos) {
            return done(std::make_exception_ptr(
                RecordTooLarge("an audit event has " + std::to_string(json.size()) + " bytes; at most " +
                               std::to_string(config_.record_bytes_max) + " in one line are allowed")));
        }
        if (admission == Admission::request) {
            if (const auto reason = writer_->refusal()) {
                writer_->count_refused();
                return done(std::make_exception_ptr(
                    AuditUnavailable("the audit journal takes no events: " + *reason)));
            }
        }
        PendingRecord record{RecordKind::event, admission, std::move(json), std::move(done)};
        const auto refusal = queue_.push(record);
        if (!refusal) return;
        if (*refusal == QueueRefusal::closed) {
            return record.done(std::make_exception_ptr(Unavailable("the audit journal is closed")));
        }
        record.done(std::make_exception_ptr(Overloaded("too many requests wait for the audit journal")));
    }

    [[nodiscard]] std::optional<std::string> refusal() const { return writer_->refusal(); }

    void require_room() {
        const auto reason = writer_->refusal();
        if (!reason) return;
        writer_->count_refused();
        throw AuditUnavailable(*reason);
    }

    [[nodiscard]] JournalStatus status() const {
        auto status = writer_->status();
        status.signed_sequence = checkpointer_->signed_sequence();
        status.signing_generation = checkpointer_->signing_generation();
        status.queued = queue_.size();
        return status;
    }

    [[nodiscard]] const std::filesystem::path& directory() const noexcept { return config_.directory; }

    [[nodiscard]] Uuid id() const noexcept { return writer_->journal(); }

    [[nodiscard]] std::uint64_t wait_beyond(std::uint64_t sequence, Deadline until) const {
        return writer_->wait_beyond(sequence, until);
    }

    std::size_t remove_segments(std::uint64_t keep_from, Timestamp older_than) {
        const std::lock_guard lock(removal_mutex_);
        const auto segments = list_directory(config_.directory).segments;
        const auto limit = std::min(keep_from, writer_->status().segment);
        std::vector<std::uint64_t> old;
        for (std::size_t i = 0; i + 1 < segments.size() && segments[i] < limit; ++i) {
            // All events of a segment are older than its successor.
            const auto next_begun = segment_begun(config_.directory, segments[i + 1]);
            if (!next_begun || *next_begun >= older_than) break;
            old.push_back(segments[i]);
        }
        if (old.empty()) return 0;
        append_own(JournalEventKind::segments_removed,
                   {{"fromSegment", static_cast<std::int64_t>(old.front())},
                    {"throughSegment", static_cast<std::int64_t>(old.back())},
                    {"olderThanMs", older_than.millis()}});
        const auto folder = open_file(config_.directory, O_RDONLY | O_DIRECTORY);
        for (const auto number : old) {
            const auto name = segment_name(number);
            if (::unlinkat(folder.get(), name.c_str(), 0) != 0) throw FileError("unlink", name, errno);
        }
        sync_all(folder.get(), config_.directory.string());
        return old.size();
    }

    void checkpoint_now() { checkpointer_->write_now(false); }

    void close() {
        const std::lock_guard lock(close_mutex_);
        if (std::exchange(closed_, true)) return;
        queue_.close();
        checkpointer_->stop();
        try {
            append_own(JournalEventKind::closed, {});
            checkpointer_->write_now(true);
        } catch (const std::exception& error) {
            observer_->checkpoint_failed(std::string("the journal was closed without a checkpoint: ") +
                                         error.what());
        }
        writer_->stop();
    }

private:
    /// Waits until an event of the journal's own is durable; throws when it is refused.
    void append_own(JournalEventKind kind, boost::json::object details) {
        auto json = to_json(journal_event(kind, config_.node, clock_.now(), std::move(details)));
        (void)wait_for<Receipt>([&](Completion<Receipt> done) {
            queue_.push_internal(
                {RecordKind::event, Admission::operator_action, std::move(json), std::move(done)});
        });
    }

    const JournalConfig config_;
    const Clock& clock_;
    const std::shared_ptr<JournalObserver> observer_;
    JournalQueue queue_;
    std::optional<JournalWriter> writer_;
    std::shared_ptr<Checkpointer> checkpointer_;
    std::mutex removal_mutex_;
    std::mutex close_mutex_;
    bool closed_ = false;
};

Journal::Journal(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Journal::~Journal() = default;

std::unique_ptr<Journal> Journal::open(JournalConfig config, std::shared_ptr<CheckpointSigner> signer,
                                       std::shared_ptr<JournalObserver> observer, const Clock& clock) {
    return std::unique_ptr<Journal>(new Journal(
        std::make_unique<Impl>(std::move(config), std::move(signer), std::move(observer), clock)));
}

void Journal::append(const Event& event, Admission admission, Completion<Receipt> done) {
    impl_->append(to_json(event), admission, std::move(done));
}

void Journal::append_json(std::string json, Admission admission, Completion<Receipt> done) {
    impl_->append(std::move(json), admission, std::move(done));
}

std::optional<std::string> Journal::refusal() const {
    return impl_->refusal();
}
void Journal::require_room() {
    impl_->require_room();
}
JournalStatus Journal::status() const {
    return impl_->status();
}
const std::filesystem::path& Journal::directory() const noexcept {
    return impl_->directory();
}

Uuid Journal::id() const noexcept {
    return impl_->id();
}

std::uint64_t Journal::wait_beyond(std::uint64_t sequence, Deadline until) const {
    return impl_->wait_beyond(sequence, until);
}

std::size_t Journal::remove_segments(std::uint64_t keep_from, Timestamp older_than) {
    return impl_->remove_segments(keep_from, older_than);
}

void Journal::checkpoint_now() {
    impl_->checkpoint_now();
}
void Journal::close() {
    impl_->close();
}

}  // namespace coffer::audit
