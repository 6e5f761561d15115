#include "daemon/audit_lookup/event_rows.hpp"

#include <boost/json/parse.hpp>

#include "daemon/audit/event.hpp"
#include "daemon/audit/event_filter.hpp"
#include "daemon/audit/utf8.hpp"

namespace coffer::audit_lookup {

namespace {

namespace json = boost::json;

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Text that PostgreSQL stores and indexes.
std::string indexable(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '\0') {
            out += kReplacement;
        } else {
            out += c;
        }
    }
    return audit::clean_utf8(out, storage::kAuditTextBytesMax);
}

std::optional<json::object> parse_object(const std::string& text) {
    boost::system::error_code error;
    auto value = json::parse(text, error);
    if (error || !value.is_object()) return std::nullopt;
    return std::move(value.get_object());
}

}  // namespace

std::optional<storage::AuditEventRow> row_of(const audit::ShippedRecord& record) {
    const auto event = parse_object(record.json);
    if (!event) return std::nullopt;
    const auto summary = audit::summarize(*event);
    if (!summary) return std::nullopt;
    const auto id = Uuid::parse(summary->event_id);
    const auto time = summary->when();
    if (!id || !time) return std::nullopt;
    storage::AuditEventRow row;
    row.sequence = record.sequence;
    row.event_id = *id;
    row.time = *time;
    row.source = indexable(summary->source);
    row.name = indexable(summary->name);
    row.principal = indexable(summary->principal);
    row.user_name = indexable(summary->user_name);
    row.principal_id = indexable(summary->principal_id);
    row.error_code = indexable(summary->error_code);
    row.read_only = summary->read_only;
    for (const auto& secret : audit::secrets_of(*event)) {
        if (row.secrets.size() == kSecretsMax) break;
        row.secrets.push_back({indexable(secret.secret), indexable(secret.name)});
    }
    row.event = record.json;
    return row;
}

}  // namespace coffer::audit_lookup
