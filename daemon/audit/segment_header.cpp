#include "daemon/audit/segment_header.hpp"

#include <boost/json.hpp>

namespace coffer::audit {

namespace {

namespace json = boost::json;

constexpr std::string_view kFormat = "coffer-journal/1";

std::optional<std::uint64_t> number(const json::object& object, json::string_view name) {
    const auto* value = object.if_contains(name);
    const auto* signed_value = value != nullptr ? value->if_int64() : nullptr;
    if (signed_value == nullptr || *signed_value < 0) return std::nullopt;
    return static_cast<std::uint64_t>(*signed_value);
}

std::string text(const json::object& object, json::string_view name) {
    const auto* value = object.if_contains(name);
    const auto* string = value != nullptr ? value->if_string() : nullptr;
    return string == nullptr ? std::string() : std::string(string->data(), string->size());
}

json::value to_value(const std::optional<AbandonedEnd>& abandoned) {
    if (!abandoned) return nullptr;
    return json::object{{"segment", static_cast<std::int64_t>(abandoned->segment)},
                        {"bytes", static_cast<std::int64_t>(abandoned->bytes)}};
}

std::optional<AbandonedEnd> abandoned_member(const json::object& object) {
    const auto* value = object.if_contains("abandoned");
    if (value == nullptr || !value->is_object()) return std::nullopt;
    const auto segment = number(value->get_object(), "segment");
    const auto bytes = number(value->get_object(), "bytes");
    if (!segment || !bytes) return std::nullopt;
    return AbandonedEnd{*segment, *bytes};
}

}  // namespace

std::string to_json(const SegmentHeader& header) {
    return json::serialize(json::object{{"format", json::string_view(kFormat)},
                                        {"journal", header.journal.text()},
                                        {"node", json::string_view(header.node)},
                                        {"segment", static_cast<std::int64_t>(header.segment)},
                                        {"previous", to_text(header.previous)},
                                        {"abandoned", to_value(header.abandoned)},
                                        {"timeMs", header.time.millis()}});
}

std::optional<SegmentHeader> parse_segment_header(std::string_view input) {
    boost::system::error_code error;
    const auto value = json::parse(json::string_view(input.data(), input.size()), error);
    if (error || !value.is_object()) return std::nullopt;
    const auto& object = value.get_object();
    const auto journal = Uuid::parse(text(object, "journal"));
    const auto segment = number(object, "segment");
    const auto previous = digest_from_text(text(object, "previous"));
    const auto time = number(object, "timeMs");
    if (!journal || !segment || !previous || !time) return std::nullopt;
    SegmentHeader header;
    header.journal = *journal;
    header.node = text(object, "node");
    header.segment = *segment;
    header.previous = *previous;
    header.abandoned = abandoned_member(object);
    header.time = Timestamp::from_millis(static_cast<std::int64_t>(*time));
    if (to_json(header) != input) return std::nullopt;
    return header;
}

}  // namespace coffer::audit
