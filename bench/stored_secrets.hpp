#pragma once
// The secrets that coffer-load stores and every load reads.

#include <cstdint>
#include <string>

namespace coffer::bench {

/// Secrets that hot reads go round: fewer than the daemon keeps keys of.
inline constexpr std::int64_t kHotSecrets = 500;

/// "bench/000000042"
[[nodiscard]] inline std::string name_of(std::int64_t number) {
    std::string digits = std::to_string(number);
    return "bench/" + std::string(digits.size() < 9 ? 9 - digits.size() : 0, '0') + digits;
}

}  // namespace coffer::bench
