#include "daemon/audit/journal_store.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <utility>

#include "daemon/audit/journal_directory.hpp"
#include "daemon/audit/segment_header.hpp"

namespace coffer::audit {

namespace {

namespace json = boost::json;

/// Notes that wait for a disk that takes nothing: the first say what happened.
constexpr std::size_t kOwnEventsMax = 64;
constexpr std::size_t kIncidentsMax = 64;

std::int64_t as_json(std::uint64_t number) {
    return static_cast<std::int64_t>(number);
}

/// The directory or the segment is not where it was.
class PlaceLost : public Error {
public:
    PlaceLost(const std::string& what, bool directory_too) : Error(what), directory_too_(directory_too) {}
    [[nodiscard]] bool directory_too() const noexcept { return directory_too_; }

private:
    bool directory_too_;
};

Fd lock_directory(int directory, const std::filesystem::path& path) {
    const std::string name(kLockName);
    Fd lock = open_file_at(directory, name, O_RDWR | O_CREAT, kFileMode);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) throw FileError("lock", name, errno);
        throw JournalLocked("another process writes the audit journal in " + path.string() +
                            "; only one may. Is a second cofferd running with the same configuration?");
    }
    return lock;
}

void require_private(const struct stat& status, const std::filesystem::path& path) {
    if ((status.st_mode & S_IFMT) != S_IFDIR) throw Error(path.string() + " is not a directory");
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        throw Error("others than its owner can write to the audit directory " + path.string() +
                    ": chmod go-w it");
    }
    if (status.st_uid != ::geteuid()) {
        throw Error("the audit directory " + path.string() +
                    " does not belong to the user that cofferd runs as");
    }
}

std::string hex_of(std::string_view text) {
    return to_hex(as_bytes(text));
}

}  // namespace

JournalStore::JournalStore(const JournalConfig& config, const Clock& clock)
    : config_(config), clock_(clock), reserve_(config.reserve_bytes) {
    require_valid(config_);
    open_directory();
    const auto end = find_journal_end(config_.directory);
    json::object details{{"previousEnd", !end ? "none" : end->closed ? "closed" : "not closed"}};
    if (end) {
        take_up(*end);
    } else {
        journal_ = Uuid::random();
    }
    (void)::unlinkat(directory_.get(), std::string(kHeadTemporaryName).c_str(), 0);
    reserve_.open_in(directory_.get());
    note(JournalEventKind::opened, std::move(details));
    commit({});
}

void JournalStore::open_directory() {
    lock_.reset();
    directory_.reset();
    Fd directory = open_file(config_.directory, O_RDONLY | O_DIRECTORY);
    struct stat status {};
    if (::fstat(directory.get(), &status) != 0) throw FileError("stat", config_.directory.string(), errno);
    require_private(status, config_.directory);
    lock_ = lock_directory(directory.get(), config_.directory);
    directory_device_ = status.st_dev;
    directory_inode_ = status.st_ino;
    directory_ = std::move(directory);
}

/// Makes the disk agree with what was found to be the journal's end.
void JournalStore::take_up(const JournalEnd& end) {
    if (end.unborn_segment) {
        const auto name = segment_name(*end.unborn_segment);
        if (::unlinkat(directory_.get(), name.c_str(), 0) != 0) throw FileError("unlink", name, errno);
        incidents_.push_back(name + " had no header, as a crash leaves it; it was removed");
        if (end.header.segment == 0) {  // it was the only one
            journal_ = Uuid::random();
            return;
        }
    }
    const auto name = segment_name(end.header.segment);
    const auto file = open_file_at(directory_.get(), name, O_RDWR);
    if (end.torn) {
        truncate_file(file.get(), end.bytes, name);
        note(JournalEventKind::tail_cut, {{"segment", as_json(end.torn->segment)},
                                          {"offset", as_json(end.torn->offset)},
                                          {"bytes", as_json(end.torn->bytes)},
                                          {"sha256", to_text(end.torn->sha256)},
                                          {"beginningHex", hex_of(end.torn->beginning)}});
        incidents_.push_back(name + ": " + std::to_string(end.torn->bytes) +
                             " bytes of a record that was half "
                             "written were cut off at byte " +
                             std::to_string(end.torn->offset));
    }
    // Whole records may be there that nobody waited for; they count from now on.
    sync_all(file.get(), name);
    if (end.header.abandoned) {
        const auto old = segment_name(end.header.abandoned->segment);
        try {
            const auto old_file = open_file_at(directory_.get(), old, O_RDWR);
            if (file_size(old_file.get(), old) > end.header.abandoned->bytes) {
                truncate_file(old_file.get(), end.header.abandoned->bytes, old);
            }
        } catch (const FileError& error) {
            incidents_.push_back(std::string("the end of an abandoned segment stays: ") + error.what());
        }
    }
    journal_ = end.header.journal;
    next_segment_ = end.header.segment + 1;
    state_ = end.state;
    last_checkpoint_ = end.last_checkpoint;
}

void JournalStore::adopt_replaced_directory() {
    open_directory();
    try {
        const auto end = find_journal_end(config_.directory);
        if (end && end->header.segment != 0) {
            if (end->header.journal != journal_ || end->state != state_) {
                throw ForeignDirectory(
                    "the audit directory " + config_.directory.string() +
                    " was replaced by one that holds another journal or another state of this "
                    "one; put the right one back, or an empty one");
            }
            take_up(*end);
        }
        reserve_.open_in(directory_.get());
    } catch (...) {
        directory_.reset();
        lock_.reset();
        throw;
    }
}

void JournalStore::commit(std::span<const NewRecord> records) {
    constexpr int kAttempts = 2;
    for (int attempt = 1;; ++attempt) {
        Step step = Step::write;
        try {
            ensure_segment();
            write_batch(records, step);
            return;
        } catch (const FileError& error) {
            if (segment_) give_up_segment(step, error);
            if (error.no_space() || attempt == kAttempts) throw;
        } catch (const PlaceLost& lost) {
            lose_segment(lost.what(), lost.directory_too());
            if (attempt == kAttempts) throw FileError("place", config_.directory.string(), ENOENT);
        }
    }
}

void JournalStore::write_batch(std::span<const NewRecord> records, Step& step) {
    ChainState state = state_;
    std::string bytes;
    for (const auto& json_text : own_events_) {
        append_record(bytes, state, RecordKind::event, bytes.empty(), json_text);
    }
    for (const auto& record : records) {
        append_record(bytes, state, record.kind, bytes.empty(), record.json);
    }
    step = Step::write;
    write_at(segment_->fd.get(), bytes, segment_->durable_bytes, segment_->name);
    step = Step::sync;
    sync_data(segment_->fd.get(), segment_->name);
    step = Step::place;
    require_place();
    segment_->durable_bytes += bytes.size();
    state_ = state;
    own_events_.clear();
}

/// What is durable in a file that nobody can find is not.
void JournalStore::require_place() const {
    struct stat status {};
    if (::fstat(segment_->fd.get(), &status) != 0) throw FileError("stat", segment_->name, errno);
    const bool unlinked = status.st_nlink == 0;
    const bool found = ::stat(config_.directory.c_str(), &status) == 0;
    if (!found || status.st_dev != directory_device_ || status.st_ino != directory_inode_) {
        throw PlaceLost("the audit directory was deleted or replaced", true);
    }
    if (unlinked) throw PlaceLost("the segment's file was deleted", false);
}

void JournalStore::give_up_segment(Step step, const FileError& error) {
    if (step == Step::write) {
        try {
            truncate_file(segment_->fd.get(), segment_->durable_bytes, segment_->name);
            if (error.no_space()) return;  // the file is as it was; it goes on when there is room
            if (error.code() == EFBIG) {   // a limit on the size of files: the next one is shorter
                segment_.reset();
                return;
            }
        } catch (const FileError&) {  // then the end is not to be trusted either
        }
    }
    // After a failed fdatasync the kernel may have dropped the pages and say that all is well the next time.
    abandon_segment(error.what());
}

void JournalStore::abandon_segment(const std::string& why) {
    abandoned_ = AbandonedEnd{segment_->number, segment_->durable_bytes};
    try {
        truncate_file(segment_->fd.get(), segment_->durable_bytes, segment_->name);
    } catch (const FileError&) {  // tried again when the journal is opened the next time
    }
    note(JournalEventKind::segment_lost, {{"segment", as_json(segment_->number)},
                                          {"what", "end abandoned"},
                                          {"bytes", as_json(segment_->durable_bytes)},
                                          {"sequence", as_json(state_.sequence)},
                                          {"why", json::string(why)}});
    incidents_.push_back(segment_->name + " was abandoned: " + why);
    segment_.reset();
}

void JournalStore::lose_segment(const std::string& why, bool directory_too) {
    // Taken away, not deleted, perhaps: then it comes back as it was when the last reply left.
    try {
        truncate_file(segment_->fd.get(), segment_->durable_bytes, segment_->name);
        sync_data(segment_->fd.get(), segment_->name);
    } catch (const FileError&) {
    }
    note(JournalEventKind::segment_lost,
         {{"segment", as_json(segment_->number)},
          {"what", directory_too ? "directory deleted or replaced" : "deleted"},
          {"sequence", as_json(state_.sequence)}});
    incidents_.push_back(segment_->name + ": " + why);
    segment_.reset();
    if (directory_too) {
        directory_.reset();
        lock_.reset();
    }
}

bool JournalStore::rotation_due() const {
    return segment_->durable_bytes >= config_.segment_bytes_max ||
           clock_.now() - config_.segment_age_max >= segment_->begun;
}

void JournalStore::ensure_segment() {
    if (!directory_) adopt_replaced_directory();
    if (!segment_) return create_segment();
    if (!rotation_due() || clock_.now() < next_rotation_) return;
    auto before = std::exchange(segment_, std::nullopt);
    try {
        create_segment();
    } catch (const FileError& error) {
        // Better too long a segment than none.
        next_rotation_ = clock_.now() + config_.retry_interval;
        incidents_.push_back(std::string("no new segment could be begun: ") + error.what());
        segment_ = std::move(before);
    }
}

void JournalStore::create_segment() {
    const auto now = clock_.now();
    const SegmentHeader header{journal_, config_.node, next_segment_, state_.chain, abandoned_, now};
    ChainState state = state_;
    std::string line;
    append_record(line, state, RecordKind::header, true, to_json(header));
    Segment segment;
    segment.name = segment_name(next_segment_);
    segment.number = next_segment_;
    segment.begun = now;
    if (unborn_) {
        if (::unlinkat(directory_.get(), segment_name(*unborn_).c_str(), 0) != 0 && errno != ENOENT) {
            throw FileError("unlink", segment_name(*unborn_), errno);
        }
        unborn_.reset();
    }
    segment.fd = open_file_at(directory_.get(), segment.name, O_RDWR | O_CREAT | O_EXCL, kFileMode);
    try {
        write_at(segment.fd.get(), line, 0, segment.name);
        sync_data(segment.fd.get(), segment.name);
        sync_all(directory_.get(), config_.directory.string());
    } catch (const FileError&) {
        if (::unlinkat(directory_.get(), segment.name.c_str(), 0) != 0) unborn_ = next_segment_;
        throw;
    }
    segment.durable_bytes = line.size();
    segment_ = std::move(segment);
    state_ = state;
    ++next_segment_;
    abandoned_.reset();
}

void JournalStore::note(JournalEventKind kind, json::object details) {
    if (own_events_.size() >= kOwnEventsMax) return;
    own_events_.push_back(to_json(journal_event(kind, config_.node, clock_.now(), std::move(details))));
}

std::uint64_t JournalStore::free_bytes() const noexcept {
    struct statvfs status {};
    if (::statvfs(config_.directory.c_str(), &status) != 0) return 0;
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

std::vector<std::string> JournalStore::take_incidents() {
    auto out = std::exchange(incidents_, {});
    if (out.size() > kIncidentsMax) out.resize(kIncidentsMax);
    return out;
}

void write_head(const std::filesystem::path& directory, std::string_view json) {
    const auto folder = open_file(directory, O_RDONLY | O_DIRECTORY);
    const std::string temporary(kHeadTemporaryName);
    const std::string name(kHeadName);
    {
        const auto file = open_file_at(folder.get(), temporary, O_WRONLY | O_CREAT | O_TRUNC, kFileMode);
        write_at(file.get(), std::string(json) + "\n", 0, temporary);
        sync_data(file.get(), temporary);
    }
    if (::renameat(folder.get(), temporary.c_str(), folder.get(), name.c_str()) != 0) {
        throw FileError("rename", temporary, errno);
    }
    sync_all(folder.get(), directory.string());
}

}  // namespace coffer::audit
