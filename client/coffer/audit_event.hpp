#pragma once
// An audit event as `coffer audit` shows it.

#include <string>
#include <vector>

#include "coffer/v1/audit.pb.h"

namespace coffer::cli {

/// Heads of audit_row(): time (UTC), action, outcome, principal, secret, event id.
[[nodiscard]] const std::vector<std::string>& audit_heads();
/// Texts are other people's, not yet fit for a terminal.
[[nodiscard]] std::vector<std::string> audit_row(const v1::AuditEvent& event);

/// A line with columns of fixed width: for what comes one after another. Fit for a terminal.
[[nodiscard]] std::string audit_line(const std::vector<std::string>& row);

/// Every member on a line, as coffer-audit show has it. Fit for a terminal.
[[nodiscard]] std::string audit_members(const v1::AuditEvent& event);

}  // namespace coffer::cli
