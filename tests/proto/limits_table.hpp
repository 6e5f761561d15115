#pragma once
// The section "Limits of every operation" of docs/protocol.md, made from the schema.

#include <string>
#include <string_view>

namespace coffer::proto {

inline constexpr std::string_view kLimitsBegin = "<!-- limits: begin -->\n";
inline constexpr std::string_view kLimitsEnd = "<!-- limits: end -->\n";

/// Markdown: a table for each request, in the order of the schema, then one for each message inside them.
[[nodiscard]] std::string limits_tables();

/// `document` with what lies between the two marks replaced by limits_tables(). Throws
/// std::invalid_argument when a mark is missing.
[[nodiscard]] std::string with_limits(std::string_view document);

}  // namespace coffer::proto
