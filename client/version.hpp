#pragma once
// The version of libcoffer, as it tells the daemon and as `coffer --version` shows.

#include <string_view>

namespace coffer::client {

/// E.g. "0.1.0".
[[nodiscard]] std::string_view version() noexcept;

}  // namespace coffer::client
