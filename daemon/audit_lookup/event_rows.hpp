#pragma once
// From an event of the journal to its row in the table of events.

#include <optional>

#include "daemon/audit/sink.hpp"
#include "storage/audit_event_repository.hpp"

namespace coffer::audit_lookup {

/// Secrets of one event by which it can be found. More than a request can name.
inline constexpr std::size_t kSecretsMax = 100;

/// The row of an event; nothing when the record is not an event's JSON, or has no time. Texts are cut to what
/// the table indexes, and NUL, which PostgreSQL does not have, becomes U+FFFD.
[[nodiscard]] std::optional<storage::AuditEventRow> row_of(const audit::ShippedRecord& record);

}  // namespace coffer::audit_lookup
