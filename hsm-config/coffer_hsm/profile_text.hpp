#pragma once
// A profile as TOML, as crypto::load_profile reads it.

#include <string>

#include "crypto/profile.hpp"

namespace coffer::hsm_config {

[[nodiscard]] std::string_view to_text(crypto::IvMode mode) noexcept;

/// `heading`: comment lines without the "#", each ending with a line end; may be empty.
[[nodiscard]] std::string profile_as_toml(const crypto::Profile& profile, const std::string& heading);

}  // namespace coffer::hsm_config
