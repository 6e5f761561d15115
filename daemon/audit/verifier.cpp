#include "daemon/audit/verifier.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <map>
#include <unordered_map>
#include <utility>

#include "daemon/audit/journal_directory.hpp"
#include "daemon/audit/journal_events.hpp"
#include "daemon/audit/journal_reader.hpp"
#include "daemon/audit/line_reader.hpp"
#include "daemon/audit/record.hpp"
#include "daemon/audit/segment_header.hpp"
#include "daemon/audit/signer_chain.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::audit {

namespace {

/// Stops the walk along the chain: nothing after the first break can be believed.
struct ChainBroken {};

std::string_view member_in(std::string_view json, std::string_view pattern, std::size_t length) {
    const auto at = json.rfind(pattern);
    if (at == std::string_view::npos || json.size() < at + pattern.size() + length) return {};
    return json.substr(at + pattern.size(), length);
}

std::string range_text(std::uint64_t first, std::uint64_t last) {
    if (first == last) return "record " + std::to_string(first) + " is";
    return "records " + std::to_string(first) + " to " + std::to_string(last) + " are";
}

class Verifier {
public:
    Verifier(const std::filesystem::path& directory, const CheckpointKeys& keys, const VerifyOptions& options)
        : directory_(directory), options_(options), signers_(keys) {}

    VerifyReport run() {
        // In this order: a journal that is being written may grow meanwhile, and a checkpoint is in the
        // journal before it is in the head file.
        head_ = read_head();
        listing_ = list_journal(directory_);
        report_.live = is_locked();
        if (!listing_.segments.empty()) {
            const auto name = segment_name(listing_.segments.back());
            last_segment_bytes_ = file_size(open_file(directory_ / name, O_RDONLY).get(), name);
        }
        collect_checkpoints();
        try {
            walk();
            check_start();
            check_heads();
            note_unsigned();
        } catch (const ChainBroken&) {
            report_.notes.push_back(
                "the chain was followed up to its first break; what comes after was not "
                "judged");
        }
        check_other_files();
        return std::move(report_);
    }

private:
    // ---- the files beside the segments

    [[nodiscard]] bool is_locked() const {
        if (!listing_.has_lock) return false;
        try {
            const auto lock = open_file(directory_ / kLockName, O_RDONLY);
            return ::flock(lock.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        } catch (const FileError&) {
            return false;
        }
    }

    void check_other_files() {
        for (const auto& name : listing_.others) {
            if (report_.live && name == kHeadTemporaryName) continue;  // just becoming the head file
            add_file_finding(name, 0, "this file is no part of a journal, and nothing covers its content");
        }
        if (listing_.has_lock) check_zeros(std::string(kLockName), 0);
        if (listing_.has_reserve) check_zeros(std::string(kReserveName), UINT64_MAX);
    }

    /// The file must have zeros only, and at most `size_max` of them.
    void check_zeros(const std::string& name, std::uint64_t size_max) {
        const auto file = open_file(directory_ / name, O_RDONLY);
        std::string buffer(64 * 1024, '\0');
        std::uint64_t offset = 0;
        while (const auto got = read_at(file.get(), buffer.data(), buffer.size(), offset, name)) {
            if (size_max == 0) return add_file_finding(name, 0, "this file must be empty and is not");
            const auto bad = std::string_view(buffer.data(), got).find_first_not_of('\0');
            if (bad != std::string_view::npos) {
                return add_file_finding(name, offset + bad, "this file must hold zeros only and does not");
            }
            offset += got;
        }
    }

    void add_file_finding(const std::string& name, std::uint64_t offset, const std::string& message) {
        Finding finding;
        finding.kind = FindingKind::file;
        finding.file = name;
        finding.offset = offset;
        finding.message = message;
        report_.findings.push_back(std::move(finding));
    }

    /// An over-long file is no checkpoint either.
    [[nodiscard]] std::optional<std::string> read_head() const {
        std::error_code error;
        const auto file = directory_ / kHeadName;
        const auto bytes = std::filesystem::file_size(file, error);
        if (!error && bytes > kHeadBytesMax) return std::string();
        return read_small_file(file, kHeadBytesMax);
    }

    /// Where the look at the segment ends: what was added since the beginning is not judged.
    [[nodiscard]] std::uint64_t size_limit(std::uint64_t number) const {
        return number == listing_.segments.back() ? last_segment_bytes_ : UINT64_MAX;
    }

    // ---- first pass: which chain values will have to be compared

    void collect_checkpoints() {
        for (const auto number : listing_.segments) {
            LineReader lines(directory_ / segment_name(number), 0, kRecordBytesMax, size_limit(number));
            while (const auto line = lines.next()) {
                if (line->too_long) break;
                if (line->text.empty() || (line->text[0] != 'C' && line->text[0] != 'c')) continue;
                const auto record = parse_record(line->text);
                const auto checkpoint = record ? parse_checkpoint(record->json) : std::nullopt;
                if (checkpoint) signed_chains_.emplace(checkpoint->state.sequence, std::nullopt);
            }
        }
    }

    // ---- second pass: the chain

    void walk() {
        std::uint64_t expected = listing_.segments.empty() ? 0 : listing_.segments.front();
        for (const auto number : listing_.segments) {
            if (number != expected) report_missing_segments(expected, number);
            walk_segment(number);
            expected = number + 1;
        }
    }

    void walk_segment(std::uint64_t number) {
        file_ = segment_name(number);
        segment_ = number;
        ++report_.segments;
        const auto end = trusted_bytes(directory_, number);
        LineReader lines(directory_ / file_, 0, kRecordBytesMax, std::min(end, size_limit(number)));
        bool first = true;
        while (const auto line = lines.next()) {
            check_line(*line, first);
            first = false;
        }
        if (const auto rest = lines.rest()) return unfinished(*rest);
        if (first)
            broken(FindingKind::cut_off, state_.sequence + 1, {}, 0, "the segment has no record at all");
        if (end != UINT64_MAX) note_abandoned(end);
    }

    void unfinished(const LineReader::Line& rest) {
        const bool last = segment_ == listing_.segments.back();
        if (last && report_.live) {
            report_.notes.push_back("the last record is just being written");
            return;
        }
        broken(last ? FindingKind::incomplete : FindingKind::changed, state_.sequence + 1, rest.text,
               rest.offset,
               last
                   ? "the last record is not whole: the machine stopped while it was written, or its end was "
                     "cut off or changed"
                   : "the segment does not end with a line feed");
    }

    void note_abandoned(std::uint64_t end) {
        const auto file = open_file(directory_ / file_, O_RDONLY);
        const auto size = file_size(file.get(), file_);
        if (size <= end) return;
        report_.notes.push_back(
            file_ + ": the " + std::to_string(size - end) + " bytes from byte " + std::to_string(end) +
            " on are what a failed disk left behind; no answer depended on them and nothing "
            "covers them");
    }

    void check_line(const LineReader::Line& line, bool first_in_segment) {
        const auto record = line.too_long ? std::nullopt : parse_record(line.text);
        if (!record) {
            broken(FindingKind::changed, state_.sequence + 1, line.text, line.offset, "this is not a record");
        }
        if (first_in_segment) begin_segment(*record, line.offset);
        if (!follows(state_, *record)) explain_break(*record, line.offset);
        if (!first_in_segment && record->kind == RecordKind::header) {
            broken(FindingKind::changed, record->sequence, {}, line.offset,
                   "a segment's header stands in its middle");
        }
        state_ = {record->sequence, record->chain};
        if (const auto wanted = signed_chains_.find(record->sequence); wanted != signed_chains_.end()) {
            wanted->second = record->chain;
        }
        ++report_.records;
        report_.last_sequence = record->sequence;
        if (record->kind == RecordKind::event) take_event(*record);
        if (record->kind == RecordKind::checkpoint) check_checkpoint_record(*record, line.offset);
    }

    void begin_segment(const RecordView& record, std::uint64_t offset) {
        const auto header =
            record.kind == RecordKind::header ? parse_segment_header(record.json) : std::nullopt;
        if (!header) {
            broken(FindingKind::changed, state_.sequence + 1, record.json, offset,
                   "the segment does not begin with its header");
        }
        if (report_.records == 0) {
            report_.journal = header->journal.text();
            report_.node = header->node;
            // The oldest segment there is says itself what it continues; signatures cover that.
            state_ = {record.sequence > 0 ? record.sequence - 1 : 0, header->previous};
            report_.first_sequence = record.sequence;
            if (header->segment == 1 && (state_.sequence != 0 || state_.chain != Digest{})) {
                broken(FindingKind::changed, record.sequence, {}, offset,
                       "the first segment does not begin the chain");
            }
        }
        if (header->segment != segment_) {
            broken(FindingKind::reordered, record.sequence, {}, offset,
                   "this is segment " + std::to_string(header->segment) + " under the name of segment " +
                       std::to_string(segment_));
        }
        if (header->journal.text() != report_.journal) {
            broken(FindingKind::changed, record.sequence, {}, offset,
                   "this segment belongs to another journal: " + header->journal.text());
        }
        if (follows(state_, record) && header->previous != state_.chain) {
            broken(FindingKind::changed, record.sequence, {}, offset,
                   "the header says that it continues another chain");
        }
    }

    /// Says why `record` does not follow, and stops.
    [[noreturn]] void explain_break(const RecordView& record, std::uint64_t offset) {
        const auto expected = state_.sequence + 1;
        if (record.sequence == expected) {
            broken(FindingKind::changed, expected, record.json, offset,
                   "the record is not what was written: its chain value does not fit its content");
        }
        if (record.chain == chain_after(state_.chain, record, expected)) {
            broken(FindingKind::changed, expected, record.json, offset,
                   "the record's sequence number was changed");
        }
        if (record.sequence > expected) {
            if (const auto elsewhere = find_record(expected)) {
                broken(FindingKind::reordered, expected, elsewhere->second, elsewhere->first.second,
                       "record " + std::to_string(record.sequence) + " stands in the place of record " +
                           std::to_string(expected) + ", which stands in " + elsewhere->first.first);
            }
            broken(FindingKind::removed, expected, {}, offset,
                   range_text(expected, record.sequence - 1) + " missing before record " +
                       std::to_string(record.sequence) + describe(record.json));
        }
        broken(FindingKind::reordered, record.sequence, record.json, offset,
               "record " + std::to_string(record.sequence) + " stands where record " +
                   std::to_string(expected) + " belongs");
    }

    /// The place and JSON of the record that says it has number `sequence`, in any segment.
    [[nodiscard]] std::optional<std::pair<std::pair<std::string, std::uint64_t>, std::string>> find_record(
        std::uint64_t sequence) const {
        for (const auto number : listing_.segments) {
            LineReader lines(directory_ / segment_name(number), 0, kRecordBytesMax);
            while (const auto line = lines.next()) {
                if (line->too_long) break;
                const auto record = parse_record(line->text);
                if (record && record->sequence == sequence) {
                    return {{{segment_name(number), line->offset}, std::string(record->json)}};
                }
            }
        }
        return std::nullopt;
    }

    void take_event(const RecordView& record) {
        ++report_.events;
        last_event_id_ = event_id_in(record.json);
        report_.last_event_time = event_time_in(record.json);
        if (report_.first_event_time.empty()) report_.first_event_time = report_.last_event_time;
        if (const auto removal = parse_segments_removed(record.json)) removed_through_ = *removal;
        if (const auto note = describe_journal_event(record.json)) {
            report_.notes.push_back("record " + std::to_string(record.sequence) + ": " + *note);
        }
    }

    void report_missing_segments(std::uint64_t expected, std::uint64_t number) {
        file_ = segment_name(expected);
        broken(FindingKind::removed, state_.sequence + 1, {}, 0,
               number - expected == 1 ? "the segment is missing"
                                      : "the segments " + std::to_string(expected) + " to " +
                                            std::to_string(number - 1) + " are missing");
    }

    // ---- signatures

    void check_checkpoint_record(const RecordView& record, std::uint64_t offset) {
        const auto checkpoint = parse_checkpoint(record.json);
        if (!checkpoint) {
            broken(FindingKind::changed, record.sequence, {}, offset, "the checkpoint cannot be read");
        }
        const auto problem = problem_of(*checkpoint, record.sequence);
        if (!problem.empty()) broken(FindingKind::signature, record.sequence, {}, offset, problem);
        const auto digest = sha256(record.json);
        if (last_checkpoint_ && checkpoint->previous != *last_checkpoint_) {
            broken(FindingKind::signature, record.sequence, {}, offset,
                   "the checkpoint does not continue the one before it");
        }
        last_checkpoint_ = digest;
        checkpoint_digests_.emplace(digest, checkpoint->state.sequence);
        take_keys(*checkpoint, record.sequence, offset);
        last_was_closing_ = checkpoint->closing;
        last_checkpoint_record_ = record.sequence;
        ++report_.checkpoints;
        report_.last_signed_sequence = checkpoint->state.sequence;
    }

    /// Whose turn it is after `checkpoint`, which is good.
    void take_keys(const Checkpoint& checkpoint, std::uint64_t sequence, std::uint64_t offset) {
        try {
            for (auto& note : signers_.take(checkpoint, sequence)) report_.notes.push_back(std::move(note));
        } catch (const Error& error) {
            broken(FindingKind::signature, sequence, {}, offset,
                   std::string("the public key that the checkpoint introduces is none: ") + error.what());
        }
        report_.signing_key = to_text(signers_.next_signer()->id);
        report_.signing_generation = signers_.next_signer()->generation;
    }

    /// What is wrong with a checkpoint that stands at `sequence`; empty when nothing is.
    [[nodiscard]] std::string problem_of(const Checkpoint& checkpoint, std::uint64_t sequence) const {
        const auto until = std::to_string(checkpoint.state.sequence);
        if (auto problem = signers_.problem_of(checkpoint); !problem.empty()) return problem;
        if (checkpoint.journal.text() != report_.journal) return "the checkpoint is of another journal";
        if (checkpoint.state.sequence >= sequence)
            return "the checkpoint signs for records that come after it";
        // Below the oldest record that is there: nothing to compare with.
        if (checkpoint.state.sequence < report_.first_sequence) return {};
        const auto known = signed_chains_.find(checkpoint.state.sequence);
        if (known == signed_chains_.end() || known->second != checkpoint.state.chain) {
            return "the records up to " + until +
                   " are not those that were signed: at least one after record " +
                   std::to_string(report_.last_signed_sequence) +
                   " was changed, removed or added, and the chain made anew";
        }
        return {};
    }

    void check_heads() {
        if (head_) {
            check_head(*head_, std::string(kHeadName));
        } else if (report_.checkpoints > 0) {
            Finding finding;
            finding.kind = FindingKind::file;
            finding.file = kHeadName;
            finding.message =
                "the file is missing: without it, or a checkpoint that was kept elsewhere, a tail "
                "that was cut off cannot be noticed";
            report_.findings.push_back(std::move(finding));
        }
        for (std::size_t i = 0; i < options_.heads.size(); ++i) {
            check_head(options_.heads[i], "given checkpoint " + std::to_string(i + 1));
        }
        if (report_.checkpoints == 0) {
            Finding finding;
            finding.kind = FindingKind::not_signed;
            finding.sequence = report_.first_sequence;
            finding.message = "no checkpoint was signed: whoever can write the files can have made all of it";
            report_.findings.push_back(std::move(finding));
        }
    }

    void check_head(const std::string& content, const std::string& name) {
        const auto text = content.ends_with('\n') ? std::string_view(content).substr(0, content.size() - 1)
                                                  : std::string_view();
        const auto checkpoint = parse_checkpoint(text);
        const auto problem = checkpoint ? signers_.problem_of_kept(*checkpoint)
                                        : "this is not a checkpoint: it was changed or cut";
        if (!problem.empty()) return add_file_finding(name, 0, problem);
        if (checkpoint_digests_.contains(sha256(text))) return;
        if (checkpoint->state.sequence < report_.first_sequence) {
            report_.notes.push_back(name + " is of segments that were removed");
            return;
        }
        report_cut(*checkpoint, name);
    }

    void report_cut(const Checkpoint& checkpoint, const std::string& name) {
        Finding finding;
        finding.kind = FindingKind::cut_off;
        finding.sequence = report_.last_sequence + 1;
        finding.file = file_;
        finding.offset = last_segment_bytes_;
        finding.event_id_before = last_event_id_;
        finding.message = checkpoint.journal.text() != report_.journal
                              ? name + " is of another journal, " + checkpoint.journal.text()
                          : checkpoint.state.sequence > report_.last_sequence
                              ? range_text(report_.last_sequence + 1, checkpoint.state.sequence) +
                                    " gone from the end, and whatever came after: " + name +
                                    " has a checkpoint for " + std::to_string(checkpoint.state.sequence)
                              : "the end is gone from record " + std::to_string(report_.last_sequence + 1) +
                                    " on: " + name + " has a checkpoint that was written after it";
        report_.findings.push_back(std::move(finding));
    }

    /// Segments at the beginning may be gone, but not without a record that says so.
    void check_start() {
        if (listing_.segments.empty()) return;
        const auto first = listing_.segments.front();
        if (first == 1) return;
        if (removed_through_ + 1 >= first) {
            report_.notes.push_back(
                "the segments before " + std::to_string(first) +
                " were removed as the retention time says; the chain is checked from record " +
                std::to_string(report_.first_sequence) + " on");
            return;
        }
        Finding finding;
        finding.kind = FindingKind::removed;
        finding.sequence = removed_through_ == 0 ? 1 : 0;
        finding.file = segment_name(removed_through_ + 1);
        finding.message = "the segments " + std::to_string(removed_through_ + 1) + " to " +
                          std::to_string(first - 1) + " are missing, and no record tells of their removal";
        report_.findings.push_back(std::move(finding));
    }

    void note_unsigned() {
        const auto covered =
            std::max(report_.last_signed_sequence, last_was_closing_ ? last_checkpoint_record_ : 0);
        if (report_.checkpoints == 0 || covered >= report_.last_sequence) return;
        report_.notes.push_back(
            "the last " + std::to_string(report_.last_sequence - report_.last_signed_sequence) +
            " records are chained but not yet signed for: that some were cut off after record " +
            std::to_string(report_.last_sequence) + " cannot be excluded");
    }

    // ---- findings

    [[nodiscard]] static std::string describe(std::string_view json) {
        const auto id = event_id_in(json);
        return id.empty() ? std::string() : " (event " + id + ")";
    }

    [[noreturn]] void broken(FindingKind kind, std::uint64_t sequence, std::string_view json,
                             std::uint64_t offset, std::string message) {
        Finding finding;
        finding.kind = kind;
        finding.sequence = sequence;
        finding.event_id = event_id_in(json);
        finding.event_time = event_time_in(json);
        finding.file = file_;
        finding.offset = offset;
        finding.event_id_before = last_event_id_;
        finding.message = std::move(message);
        report_.findings.push_back(std::move(finding));
        throw ChainBroken{};
    }

    const std::filesystem::path& directory_;
    const VerifyOptions& options_;
    std::optional<std::string> head_;
    DirectoryListing listing_;
    std::uint64_t last_segment_bytes_ = UINT64_MAX;
    VerifyReport report_;

    // Where the walk is.
    std::string file_;
    std::uint64_t segment_ = 0;
    ChainState state_;
    std::string last_event_id_;
    std::uint64_t removed_through_ = 0;

    /// Chain values of the records that checkpoints sign for, filled in by the walk.
    std::unordered_map<std::uint64_t, std::optional<Digest>> signed_chains_;
    std::map<Digest, std::uint64_t> checkpoint_digests_;
    SignerChain signers_;
    std::optional<Digest> last_checkpoint_;
    std::uint64_t last_checkpoint_record_ = 0;
    bool last_was_closing_ = false;
};

}  // namespace

std::string_view to_text(FindingKind kind) noexcept {
    switch (kind) {
        case FindingKind::changed:
            return "changed";
        case FindingKind::removed:
            return "removed";
        case FindingKind::reordered:
            return "reordered";
        case FindingKind::cut_off:
            return "cut off";
        case FindingKind::incomplete:
            return "incomplete";
        case FindingKind::signature:
            return "signature";
        case FindingKind::not_signed:
            return "not signed";
        case FindingKind::file:
            break;
    }
    return "file";
}

VerifyReport verify_journal(const std::filesystem::path& directory, const CheckpointKeys& keys,
                            const VerifyOptions& options) {
    return Verifier(directory, keys, options).run();
}

std::string event_id_in(std::string_view json) {
    const auto text = member_in(json, "\"eventID\":\"", 36);
    return Uuid::parse(text) ? std::string(text) : std::string();
}

std::string event_time_in(std::string_view json) {
    return clean_printable(member_in(json, "\"eventTime\":\"", 20));
}

}  // namespace coffer::audit
