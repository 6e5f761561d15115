#include "daemon/server/audit_config.hpp"

#include <toml++/toml.h>

#include "daemon/server/units.hpp"

namespace coffer::server {

namespace {

using std::chrono::milliseconds;
using Need = TableReader::Need;

constexpr milliseconds kHundredYears{36'500 * kOneDay};

enum class SinkKind : std::uint8_t { syslog, https };

void read_sink(TableReader& reader, SinkKind kind, AuditSinkConfig& sink) {
    reader.read_text("host", sink.host, Need::required);
    sink.port = kind == SinkKind::syslog ? 6514 : 443;  // RFC 5425, 4.1; RFC 9110, 4.2.2
    reader.read_integer("port", sink.port, 1, 65535);
    if (kind == SinkKind::https && reader.read_text("path", sink.path, Need::required) &&
        !sink.path.starts_with('/')) {
        reader.complain("path", "must begin with '/', such as \"/v1/audit\"");
    }
    reader.read_path("ca", sink.ca, Need::required);
    const bool shows = reader.read_path("certificate", sink.certificate);
    if (reader.read_path("key", sink.key) != shows) {
        reader.complain("certificate", "'certificate' and 'key' go together: give both or neither");
    }
    reader.read_duration("connect_timeout", sink.connect_timeout, kTenMs, kOneHour);
    reader.read_duration("io_timeout", sink.io_timeout, kTenMs, kOneHour);
    reader.finish();
}

void find_sink(TableReader& audit, std::string_view key, SinkKind kind, std::optional<AuditSinkConfig>& sink,
               ConfigProblems& problems) {
    const toml::table* table = audit.find_table(key, Need::optional);
    if (table == nullptr) return;
    TableReader reader(*table, "[audit." + std::string(key) + "]", problems);
    read_sink(reader, kind, sink.emplace());
}

void read_journal_limits(TableReader& reader, AuditConfig& audit) {
    reader.read_duration("keep_for", audit.keep_for, kOneHour, kHundredYears);
    reader.read_size("segment_size", audit.segment_size, kMiB, 16 * kGiB);
    reader.read_integer("checkpoint_records", audit.checkpoint_records, 1, 1'000'000);
    reader.read_duration("checkpoint_interval", audit.checkpoint_interval, kTenMs, kOneHour);
    reader.read_size("reserve", audit.reserve, 0, kGiB);
    reader.read_size("low_water", audit.low_water, 0, 1024 * kGiB);
}

}  // namespace

void read_audit(TableReader& root, AuditConfig& audit, ConfigProblems& problems) {
    const toml::table* table = root.find_table("audit", Need::required);
    if (table == nullptr) return;
    TableReader reader(*table, "[audit]", problems);
    reader.read_flag("enabled", audit.enabled);
    const auto need = audit.enabled ? Need::required : Need::optional;
    reader.read_path("directory", audit.directory, need);
    reader.read_path("state_directory", audit.state_directory);
    reader.read_flag("database", audit.database);
    reader.read_duration("database_keep_for", audit.database_keep_for, kOneDay, kHundredYears);
    read_journal_limits(reader, audit);
    find_sink(reader, "syslog", SinkKind::syslog, audit.syslog, problems);
    find_sink(reader, "https", SinkKind::https, audit.https, problems);
    if (!audit.state_directory.empty()) return reader.finish();
    if (audit.syslog || audit.https) {
        reader.complain("state_directory", "is required with a sink: how far each has got is kept there");
    } else if (audit.enabled && audit.database) {
        reader.complain(
            "state_directory",
            "is required: how far events were copied into the database is kept there. Give a folder "
            "of the daemon's user that is not the journal's, or set database = false");
    }
    reader.finish();
}

}  // namespace coffer::server
