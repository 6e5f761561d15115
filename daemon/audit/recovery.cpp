#include "daemon/audit/recovery.hpp"

#include <fcntl.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "daemon/audit/checkpoint.hpp"
#include "daemon/audit/journal_directory.hpp"
#include "daemon/audit/line_reader.hpp"

namespace coffer::audit {

namespace {

constexpr std::size_t kBeginningBytesMax = 2048;
/// A torn tail is at most one batch; what is longer is not looked through for digests in memory.
constexpr std::size_t kChunkBytes = 64 * 1024;

[[noreturn]] void damaged(std::uint64_t segment, std::uint64_t offset, const std::string& why) {
    throw JournalDamaged(
        segment_name(segment) + " is damaged at byte " + std::to_string(offset) + ": " + why +
        ". This is not what a crash leaves behind. Keep the directory as evidence, look at it "
        "with `coffer-audit verify`, and move it away to begin a new journal");
}

/// What one pass over a segment finds.
struct SegmentScan {
    std::optional<SegmentHeader> header;
    ChainState first;  ///< after the header
    ChainState state;
    std::uint64_t bytes = 0;
    std::uint64_t size = 0;
    bool closed = false;
    std::optional<LastCheckpoint> last_checkpoint;
    std::optional<Digest> chain_at_head;  ///< chain value at the sequence number asked for
};

LastCheckpoint last_checkpoint(std::string_view json, const std::optional<Checkpoint>& checkpoint) {
    LastCheckpoint last{sha256(json), {}};
    if (checkpoint) last.next_signer = checkpoint->next_signer();
    return last;
}

void take_record(SegmentScan& scan, const RecordView& record, std::uint64_t head_sequence) {
    scan.state = {record.sequence, record.chain};
    if (record.sequence == head_sequence) scan.chain_at_head = record.chain;
    scan.closed = false;
    if (record.kind != RecordKind::checkpoint) return;
    const auto checkpoint = parse_checkpoint(record.json);
    scan.last_checkpoint = last_checkpoint(record.json, checkpoint);
    scan.closed = checkpoint && checkpoint->closing;
}

/// Whether `record` can be a segment's first, and where the chain stands before it.
bool begins_segment(SegmentScan& scan, const RecordView& record, std::uint64_t number) {
    if (record.kind != RecordKind::header || record.sequence == 0) return false;
    auto header = parse_segment_header(record.json);
    if (!header || header->segment != number) return false;
    scan.state = {record.sequence - 1, header->previous};
    if (!follows(scan.state, record)) return false;
    scan.header = std::move(header);
    return true;
}

SegmentScan scan_segment(const std::filesystem::path& directory, std::uint64_t number,
                         std::uint64_t head_sequence) {
    const auto file = directory / segment_name(number);
    SegmentScan scan;
    {
        const auto fd = open_file(file, O_RDONLY);
        scan.size = file_size(fd.get(), file.string());
    }
    LineReader lines(file, 0, kRecordBytesMax);
    while (const auto line = lines.next()) {
        const auto record = line->too_long ? std::nullopt : parse_record(line->text);
        if (!record) break;
        if (!scan.header) {
            if (!begins_segment(scan, *record, number)) break;
        } else if (!follows(scan.state, *record) || record->kind == RecordKind::header) {
            break;
        }
        take_record(scan, *record, head_sequence);
        if (scan.bytes == 0) scan.first = scan.state;
        scan.bytes = lines.offset();
    }
    return scan;
}

/// Throws JournalDamaged when something in the rest of the segment was begun after `state` was long durable.
void require_torn(const std::filesystem::path& directory, std::uint64_t number, const SegmentScan& scan) {
    LineReader lines(directory / segment_name(number), scan.bytes, kRecordBytesMax);
    while (const auto line = lines.next()) {
        if (line->too_long) return;
        const auto record = parse_record(line->text);
        if (record && record->first_of_batch && record->sequence > scan.state.sequence + 1) {
            damaged(number, scan.bytes,
                    "record " + std::to_string(scan.state.sequence + 1) + " is not whole, and record " +
                        std::to_string(record->sequence) + " was begun after it had been made durable");
        }
    }
}

TornTail describe_tail(const std::filesystem::path& directory, std::uint64_t number,
                       const SegmentScan& scan) {
    TornTail torn{number, scan.bytes, scan.size - scan.bytes, {}, {}};
    const auto name = segment_name(number);
    const auto fd = open_file(directory / name, O_RDONLY);
    std::string all;
    std::string chunk(kChunkBytes, '\0');
    // One batch: bounded by batch_bytes_max and one record.
    while (const auto got = read_at(fd.get(), chunk.data(), chunk.size(), torn.offset + all.size(), name)) {
        all.append(chunk, 0, got);
        if (all.size() >= 2 * kRecordBytesMax + 8 * kRecordJsonBytesMax) break;
    }
    torn.sha256 = sha256(all);
    torn.beginning = all.substr(0, kBeginningBytesMax);
    return torn;
}

std::optional<LastCheckpoint> find_last_checkpoint(const std::filesystem::path& directory,
                                                   const std::vector<std::uint64_t>& segments) {
    for (auto number = segments.rbegin(); number != segments.rend(); ++number) {
        std::optional<LastCheckpoint> found;
        LineReader lines(directory / segment_name(*number), 0, kRecordBytesMax);
        while (const auto line = lines.next()) {
            if (line->too_long) break;
            const auto record = parse_record(line->text);
            if (record && record->kind == RecordKind::checkpoint) {
                found = last_checkpoint(record->json, parse_checkpoint(record->json));
            }
        }
        if (found) return found;
    }
    return std::nullopt;
}

std::optional<Checkpoint> read_head(const std::filesystem::path& directory) {
    const auto text = read_small_file(directory / kHeadName, kHeadBytesMax);
    if (!text) return std::nullopt;
    auto head = text->ends_with('\n') ? parse_checkpoint(std::string_view(*text).substr(0, text->size() - 1))
                                      : std::nullopt;
    // It is replaced as a whole, so no crash leaves a part of it.
    if (!head) {
        throw JournalDamaged(
            "the file head in " + directory.string() +
            " is not a checkpoint: it was changed. Keep the directory as evidence, look at it "
            "with `coffer-audit verify`, and move it away to begin a new journal");
    }
    return head;
}

void require_head(const SegmentScan& scan, const std::optional<Checkpoint>& head, std::uint64_t number) {
    if (!head) return;
    if (head->journal != scan.header->journal) {
        damaged(number, 0, "the head file is of another journal");
    }
    if (head->state.sequence > scan.state.sequence) {
        damaged(number, scan.bytes,
                "it ends with record " + std::to_string(scan.state.sequence) +
                    ", but the head file has a checkpoint for record " +
                    std::to_string(head->state.sequence));
    }
    if (head->state.sequence >= scan.first.sequence && scan.chain_at_head != head->state.chain) {
        damaged(number, 0,
                "record " + std::to_string(head->state.sequence) +
                    " is not what the head file's checkpoint signed");
    }
}

}  // namespace

std::optional<JournalEnd> find_journal_end(const std::filesystem::path& directory) {
    auto segments = list_directory(directory).segments;
    const auto head = read_head(directory);
    if (segments.empty()) {
        if (head) damaged(1, 0, "all segments are gone, but there is a head file");
        return std::nullopt;
    }
    const auto head_sequence = head ? head->state.sequence : 0;
    JournalEnd end;
    auto scan = scan_segment(directory, segments.back(), head_sequence);
    if (!scan.header) {
        require_torn(directory, segments.back(), scan);
        end.unborn_segment = segments.back();
        segments.pop_back();
        if (segments.empty()) {
            if (head) damaged(*end.unborn_segment, 0, "the only segment has no header");
            return end;
        }
        scan = scan_segment(directory, segments.back(), head_sequence);
        if (!scan.header) damaged(segments.back(), 0, "it does not begin with its header");
    }
    const auto number = segments.back();
    if (scan.bytes < scan.size) {
        require_torn(directory, number, scan);
        end.torn = describe_tail(directory, number, scan);
    }
    require_head(scan, head, number);
    end.header = *scan.header;
    end.state = scan.state;
    end.bytes = scan.bytes;
    end.closed = scan.closed && !end.torn && !end.unborn_segment;
    end.last_checkpoint =
        scan.last_checkpoint ? scan.last_checkpoint : find_last_checkpoint(directory, segments);
    return end;
}

}  // namespace coffer::audit
