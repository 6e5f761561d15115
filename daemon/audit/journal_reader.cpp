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

bool JournalReader::move_on() {
    const auto segments = list_directory(directory_).segments;
    const auto found = std::upper_bound(segments.begin(), segments.end(), position_.segment);
    if (found == segments.end()) return false;
    position_.segment = *found;
    position_.offset = 0;
    lines_.reset();
    return open_segment();
}

std::optional<JournalRecord> JournalReader::next(std::uint64_t sequence_max) {
    // Twice at the end of a segment: what was written before its successor appeared may have come after the
    // first look.
    bool successor_seen = false;
    while (!held_) {
        if (!open_segment()) return std::nullopt;
        if (const auto line = lines_->next()) {
            held_ = to_record(*line, position_.segment);
            held_end_ = lines_->offset();
            break;
        }
        if (!file_exists(directory_ / segment_name(position_.segment + 1))) {
            // A directory that lost a segment in the middle is still read to its end.
            const auto segments = list_directory(directory_).segments;
            if (segments.empty() || segments.back() <= position_.segment) return std::nullopt;
        }
        if (!successor_seen) {
            successor_seen = true;
            const auto at = lines_->offset();
            lines_.emplace(directory_ / segment_name(position_.segment), at, kRecordBytesMax,
                           trusted_bytes(directory_, position_.segment));
            continue;
        }
        if (!move_on()) return std::nullopt;
        successor_seen = false;
    }
    if (held_->sequence > sequence_max) return std::nullopt;
    position_.offset = held_end_;
    position_.sequence = held_->sequence;
    return std::exchange(held_, std::nullopt);
}

}  // namespace coffer::audit
