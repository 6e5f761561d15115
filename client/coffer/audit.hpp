#pragma once
// The parts of `coffer audit`.

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "client/coffer/command.hpp"
#include "coffer/v1/audit.pb.h"

namespace coffer::cli {

/// Events that one answer of LookupEvents has at most.
inline constexpr std::int64_t kAuditPageMax = 50;

/// Which events: the words of `coffer-audit search`. In patterns `*` stands for any characters.
struct AuditFilter {
    std::string secret;
    std::string principal;
    std::string action;
    std::string outcome;
};

/// Adds --secret, --principal, --action, --outcome.
void add_audit_filter(CLI::App& verb, AuditFilter& filter);

[[nodiscard]] v1::LookupEventsRequest lookup_of(const AuditFilter& filter);

/// Calls `take` for each event of all pages, the newest first, until it says no.
void look_up(Context& context, v1::LookupEventsRequest request,
             const std::function<bool(const v1::AuditEvent&)>& take);

/// Whether events are to be shown as the lines of JSON that they are.
[[nodiscard]] bool as_json_lines(const Context& context);

/// `coffer audit tail`.
void add_audit_tail(CLI::App& audit, Commands& commands);

}  // namespace coffer::cli
