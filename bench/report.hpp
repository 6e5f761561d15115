#pragma once
// The rows of one run put together: ratios, a table for people, JSON for machines.

#include <optional>
#include <string>
#include <vector>

#include "figures.hpp"

namespace coffer::bench {

struct Ratio {
    std::string to;  ///< name of the row that it is to
    double value = 0;
};

/// The ratio of a figure of the appliance to the bare part of it at as many in flight, on the same token;
/// nothing where there is no such part or it was not measured.
[[nodiscard]] std::optional<Ratio> ratio_of(const Row& row, const std::vector<Row>& rows);

/// The list that docs/benchmarks.md describes.
[[nodiscard]] std::string json_of(const std::vector<Row>& rows);

/// To standard output.
void print_table(const std::vector<Row>& rows);

}  // namespace coffer::bench
