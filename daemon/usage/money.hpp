#pragma once
// Money in whole millionths of a currency's unit: sums of it are exact, as those of floating-point numbers
// are not.

#include <cstdint>
#include <string>

#include "daemon/base/strong.hpp"

namespace coffer::usage {

struct MicrosTag {};
/// Millionths of the currency's unit, not negative.
using Micros = Strong<MicrosTag, std::int64_t>;

/// `price` for every `unit` of `quantity`, rounded half up to a millionth: 12,345 requests at 0.05 for 10,000
/// are 0.061725. Exact while quantity / unit * price is below 2^63; the limits of prices (1,000 units) keep
/// it there up to 9 * 10^9 units.
[[nodiscard]] Micros cost_of(std::int64_t quantity, std::int64_t unit, Micros price);

/// "0.061725", "12.40", "3.00": two decimals at least, no others that are zero at the end.
[[nodiscard]] std::string decimal_text(Micros amount);

}  // namespace coffer::usage
