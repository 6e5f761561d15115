#include "daemon/audit/journal_reader.hpp"

#include <algorithm>
#include <utility>

#include "daemon/audit/journal_directory.hpp"
#include "daemon/audit/segment_header.hpp"

namespace coffer::audit {

namespace {

bool file_exists(const std::filesystem::path& file) {
    std::error_code error;
    return std::filesystem::exists(file, error);
}

JournalRecord to_record(const LineReader::Line& line, std::uint64_t segment) {
    const auto view = line.too_long ? std::nullopt : parse_record(line.text);
    if (!view) {
        throw MalformedRecord(segment_name(segment) + ": the line at byte " + std::to_string(line.offset) +
                              " is not a record");
    }
    return {view->kind, view->sequence, view->chain, std::string(view->json), segment, line.offset};
}

}  // namespace

std::uint64_t trusted_bytes(const std::filesystem::path& directory, std::uint64_t number) {
    const auto next = directory / segment_name(number + 1);
    if (!file_exists(next)) return UINT64_MAX;
    LineReader lines(next, 0, kRecordBytesMax);
    const auto line = lines.next();
    const auto record = line && !line->too_long ? parse_record(line->text) : std::nullopt;
    const auto header = record ? parse_segment_header(record->json) : std::nullopt;
    if (!header || !header->abandoned || header->abandoned->segment != number) return UINT64_MAX;
    return header->abandoned->bytes;
}

bool fits_journal(const std::filesystem::path& directory, const JournalPosition& position) {
    if (position == JournalPosition{}) return true;
    const auto file = directory / segment_name(position.segment);
    if (!file_exists(file)) {
        const auto segments = list_directory(directory).segments;
        return !segments.empty() && segments.back() > position.segment;
    }
    LineReader lines(file, 0, kRecordBytesMax, trusted_bytes(directory, position.segment));
    ChainState before;
    bool first = true;
    while (first || lines.offset() < position.offset) {
        const auto line = lines.next();
        // Nothing stands in the segment yet, and it was begun after the record that was handed over last.
        if (!line && first && position.offset == 0) return true;
        const auto record = line && !line->too_long ? parse_record(line->text) : std::nullopt;
        if (!record) return false;
        if (first && position.offset == 0) {
            const auto header = parse_segment_header(record->json);
            return header && record->sequence == position.sequence + 1 && header->previous == position.chain;
        }
        before = {record->sequence, record->chain};
        first = false;
    }
    return lines.offset() == position.offset && before == ChainState{position.sequence, position.chain};
}

JournalReader::JournalReader(std::filesystem::path directory, JournalPosition from)
    : directory_(std::move(directory)), position_(from) {}

bool JournalReader::open_segment() {
    if (lines_) return true;
    if (position_.segment == 0 || !file_exists(directory_ / segment_name(position_.segment))) {
        const auto segments = list_directory(directory_).segments;
        const auto found = std::lower_bound(segments.begin(), segments.end(), position_.segment);
        if (found == segments.end()) return false;
        position_.segment = *found;
        position_.offset = 0;
    }
    lines_.emplace(directory_ / segment_name(position_.segment), position_.offset, kRecordBytesMax,
                   trusted_bytes(directory_, position_.segment));
    return true;
}

/// From the end of a segment to the next one that is there. Segments that are missing in between are passed
/// over.
bool JournalReader::move_on() {
    const auto segments = list_directory(directory_).segments;
    const auto found = std::upper_bound(segments.begin(), segments.end(), position_.segment);
    if (found == segments.end()) return false;
    if (*found == position_.segment + 1 && !successor_seen_) return true;  // look at this one again first
    position_.segment = *found;
    position_.offset = 0;
    lines_.reset();
    successor_seen_ = false;
    return true;
}

/// Only when there is a successor is it known which part of a segment is to be trusted, and that it grows no
/// more. So the segment is looked at again once its successor has appeared.
void JournalReader::notice_successor() {
    if (successor_seen_ || !file_exists(directory_ / segment_name(position_.segment + 1))) return;
    successor_seen_ = true;
    lines_.reset();
}

std::optional<JournalRecord> JournalReader::next(std::uint64_t sequence_max) {
    while (true) {
        if (!open_segment()) return std::nullopt;
        notice_successor();
        if (!open_segment()) return std::nullopt;
        const auto line = lines_->next();
        if (!line) {
            if (!move_on()) return std::nullopt;
            continue;
        }
        auto record = to_record(*line, position_.segment);
        if (record.sequence > sequence_max) {
            // Not kept: it may turn out to belong to an end that was abandoned.
            lines_.reset();
            return std::nullopt;
        }
        position_.offset = lines_->offset();
        position_.sequence = record.sequence;
        position_.chain = record.chain;
        return record;
    }
}

}  // namespace coffer::audit
