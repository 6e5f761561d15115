#pragma once
// Columns of text, as wide as they need to be.

#include <string>
#include <vector>

namespace coffer::hsm_config {

/// Lays `rows` out in columns, two blanks between them; the last column is not padded. Every line is indented
/// by `indent` blanks and ends with a line end.
[[nodiscard]] std::string columns(const std::vector<std::vector<std::string>>& rows, std::size_t indent = 0);

}  // namespace coffer::hsm_config
