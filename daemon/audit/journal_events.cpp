#include "daemon/audit/journal_events.hpp"

#include <boost/json.hpp>
#include <utility>

namespace coffer::audit {

namespace {

namespace json = boost::json;

constexpr std::string_view kSource = "audit.coffer";

std::string_view name_of(JournalEventKind kind) noexcept {
    switch (kind) {
        case JournalEventKind::opened:
            return "JournalOpened";
        case JournalEventKind::closed:
            return "JournalClosed";
        case JournalEventKind::tail_cut:
            return "JournalTailCut";
        case JournalEventKind::resumed:
            return "JournalResumed";
        case JournalEventKind::segment_lost:
            return "JournalSegmentLost";
        case JournalEventKind::segments_removed:
            break;
    }
    return "JournalSegmentsRemoved";
}

/// The name and details of an event of the journal's own; nothing for others. Cheap for others: they are
/// most.
struct OwnEvent {
    std::string name;
    json::object details;
};

std::optional<OwnEvent> parse_own(std::string_view text) {
    if (text.find("\"eventSource\":\"audit.coffer\"") == std::string_view::npos) return std::nullopt;
    boost::system::error_code error;
    const auto value = json::parse(json::string_view(text.data(), text.size()), error);
    if (error || !value.is_object()) return std::nullopt;
    const auto* source = value.get_object().if_contains("eventSource");
    const auto* name = value.get_object().if_contains("eventName");
    const auto* additional = value.get_object().if_contains("additionalEventData");
    if (source == nullptr || !source->is_string() || source->get_string() != json::string_view(kSource) ||
        name == nullptr || !name->is_string() || additional == nullptr || !additional->is_object()) {
        return std::nullopt;
    }
    OwnEvent out{std::string(name->get_string()), {}};
    if (const auto* details = additional->get_object().if_contains("details");
        details != nullptr && details->is_object()) {
        out.details = details->get_object();
    }
    return out;
}

}  // namespace

Event journal_event(JournalEventKind kind, std::string node, Timestamp time, json::object details) {
    Event event;
    event.user_identity.type = IdentityType::aws_service;
    event.user_identity.invoked_by = "cofferd";
    event.time = time;
    event.source = kSource;
    event.name = name_of(kind);
    event.source_address = "localhost";
    event.user_agent = "cofferd";
    event.additional.node = std::move(node);
    event.additional.details = std::move(details);
    event.read_only = kind == JournalEventKind::opened || kind == JournalEventKind::closed;
    event.type = EventType::service_event;
    return event;
}

std::optional<std::uint64_t> parse_segments_removed(std::string_view text) {
    if (text.find(name_of(JournalEventKind::segments_removed)) == std::string_view::npos) return std::nullopt;
    const auto event = parse_own(text);
    if (!event || event->name != name_of(JournalEventKind::segments_removed)) return std::nullopt;
    const auto* through = event->details.if_contains("throughSegment");
    if (through == nullptr || !through->is_int64() || through->get_int64() < 0) return std::nullopt;
    return static_cast<std::uint64_t>(through->get_int64());
}

std::optional<std::string> describe_journal_event(std::string_view text) {
    const auto event = parse_own(text);
    if (!event || event->name == name_of(JournalEventKind::opened) ||
        event->name == name_of(JournalEventKind::closed)) {
        return std::nullopt;
    }
    return event->name + " " + json::serialize(event->details).substr(0, 300);
}

std::string clean_printable(std::string_view text) {
    std::string out(text);
    for (auto& c : out) {
        if (c < ' ' || c > '~') c = '?';
    }
    return out;
}

}  // namespace coffer::audit
