#pragma once
// What a probe found, for people and for programs.

#include <string>

#include "hsm-config/coffer_hsm/probe.hpp"

namespace coffer::hsm_config {

[[nodiscard]] std::string report_table(const Findings& findings);
/// One line of JSON; docs/coffer-hsm.md has the members.
[[nodiscard]] std::string report_json(const Findings& findings);

}  // namespace coffer::hsm_config
