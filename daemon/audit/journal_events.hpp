#pragma once
// The events that the journal writes of itself: opened, closed, a tail cut, refused requests, segments
// removed.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/audit/event.hpp"

namespace coffer::audit {

/// What the journal writes of itself.
enum class JournalEventKind : std::uint8_t {
    opened,            ///< "JournalOpened"
    closed,            ///< "JournalClosed"
    tail_cut,          ///< "JournalTailCut": a record that a crash left half written was taken away
    resumed,           ///< "JournalResumed": after a time in which requests were refused
    segment_lost,      ///< "JournalSegmentLost": a segment was deleted or its end abandoned
    segments_removed,  ///< "JournalSegmentsRemoved": old segments, by retention
};

/// An AwsServiceEvent of the source "audit.coffer" with `details`.
[[nodiscard]] Event journal_event(JournalEventKind kind, std::string node, Timestamp time,
                                  boost::json::object details);

/// The last segment that a "JournalSegmentsRemoved" event tells of; nothing for other records.
[[nodiscard]] std::optional<std::uint64_t> parse_segments_removed(std::string_view json);

/// One line for a reader, of those journal events that are out of the ordinary; nothing for others.
[[nodiscard]] std::optional<std::string> describe_journal_event(std::string_view json);

/// `text` with every byte that is not printable ASCII replaced by '?'.
[[nodiscard]] std::string clean_printable(std::string_view text);

}  // namespace coffer::audit
