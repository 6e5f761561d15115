#pragma once
// The picture of how cost grows with the number of secrets.

#include <string>
#include <vector>

#include "figures.hpp"

namespace coffer::bench {

/// An SVG document: time for one operation (microseconds of wall time at the highest number in flight) over
/// secrets stored, both on logarithmic scales, a line for each name and token. Rows without `secrets` are
/// left out. Flat lines mean that cost does not grow.
[[nodiscard]] std::string growth_plot(const std::vector<Row>& rows);

}  // namespace coffer::bench
