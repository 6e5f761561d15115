#include "daemon/audit/syslog_message.hpp"

#include <charconv>
#include <cstdint>

#include "daemon/audit/utc_time.hpp"

namespace coffer::audit {

namespace {

constexpr int kFacilityLogAudit = 13;
constexpr int kWarning = 4;
constexpr int kInformational = 6;
constexpr std::uint64_t kSequenceIdMax = 2'147'483'647;
constexpr std::string_view kBom = "\xEF\xBB\xBF";
constexpr std::string_view kNil = "-";

/// Printable ASCII without spaces, cut; NILVALUE when there is nothing left.
std::string field(std::string_view text, std::size_t size_max) {
    std::string out;
    for (const char c : text.substr(0, size_max)) out += c > ' ' && c <= '~' ? c : '_';
    return out.empty() ? std::string(kNil) : out;
}

/// The milliseconds after the first "timeMs": outside a text, where quotes would be escaped.
std::string timestamp_of(std::string_view json) {
    constexpr std::string_view kMember = "\"timeMs\":";
    const auto at = json.find(kMember);
    if (at == std::string_view::npos) return std::string(kNil);
    const auto digits = json.substr(at + kMember.size());
    std::int64_t ms = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), ms);
    if (error != std::errc{}) return std::string(kNil);
    return utc_millis(Timestamp::from_millis(ms));
}

}  // namespace

std::string syslog_message(const ShippedRecord& record, const SyslogIdentity& identity) {
    const bool failed = record.json.find("\"errorCode\":\"") != std::string::npos;
    const int priority = kFacilityLogAudit * 8 + (failed ? kWarning : kInformational);
    const auto id = (record.sequence - 1) % kSequenceIdMax + 1;
    return "<" + std::to_string(priority) + ">1 " + timestamp_of(record.json) + " " +
           field(identity.host_name, 255) + " " + field(identity.app_name, 48) + " " +
           field(identity.process_id, 128) + " " +
           (record.kind == RecordKind::checkpoint ? "CHECKPOINT" : "EVENT") + " [meta sequenceId=\"" +
           std::to_string(id) + "\"] " + std::string(kBom) + record.json;
}

std::string syslog_frame(std::string_view message) {
    return std::to_string(message.size()) + " " + std::string(message);
}

}  // namespace coffer::audit
