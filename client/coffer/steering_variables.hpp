#pragma once
// Environment variables by which programs are steered: what they run, load, read or connect to.

#include <span>
#include <string_view>

namespace coffer::cli {

/// Whether a variable of this name, compared byte for byte as the platform does, makes a common program run
/// or load something, read its configuration elsewhere, or talk to another peer. The list is wide and can
/// never be whole: who needs certainty chooses the names of variables himself.
[[nodiscard]] bool steers_programs(std::string_view name);

/// The same for a name whose beginning the caller chose: of its ends those alone count by which programs take
/// arguments.
[[nodiscard]] bool steers_programs_prefixed(std::string_view name);

// What the two go by, sorted; docs/coffer.md shows all of it.

[[nodiscard]] std::span<const std::string_view> steering_names();
[[nodiscard]] std::span<const std::string_view> steering_beginnings();
[[nodiscard]] std::span<const std::string_view> steering_ends();
/// Credentials and the like that only begin as those do.
[[nodiscard]] std::span<const std::string_view> harmless_names();

}  // namespace coffer::cli
