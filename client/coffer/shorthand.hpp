#pragma once
// The AWS CLI's shorthand for structures: "Key=name,Values=a,b". (AWS CLI user guide, "Using shorthand
// syntax".)

#include <boost/json/value.hpp>
#include <string_view>

namespace coffer::cli {

/// A structure: KEY=VALUE pairs divided by commas. A value is text, several texts divided by commas (then it
/// is a list), [a,b] (a list), {K=V,...} (a structure), or text in single or double quotes; "\," is a comma
/// in unquoted text. Every scalar is a string in the result. `option` is named in errors. Throws UsageError
/// that shows where.
[[nodiscard]] boost::json::value parse_shorthand(std::string_view text, std::string_view option);

}  // namespace coffer::cli
