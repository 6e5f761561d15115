#pragma once
// From sums to the answer of GetUsage: months, the rest that has no line of its own, and costs. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/v1/usage.pb.h"
#include "daemon/usage/money.hpp"
#include "storage/usage_repository.hpp"

namespace coffer::usage {

/// What things cost.
struct Prices {
    std::string currency;
    Micros per_10000_requests;
    Micros per_secret_month;
};

/// A month of UTC.
struct Month {
    storage::DayRange days;
    std::int64_t length = 0;  ///< days
};

/// The month that "2026-11" names. Throws ServiceError (VALIDATION) for what is none, or before 1970.
[[nodiscard]] Month month_of(const std::string& text);

/// The key of the line that adds up what has no line of its own.
inline constexpr std::string_view kOthers = "(others)";
/// The key of the secrets that do not have the tag.
inline constexpr std::string_view kUntagged = "(untagged)";

/// What a report is made from.
struct Sums {
    storage::UsageTotal total;
    std::vector<storage::UsageSum> lines;
    /// What the lines are parts of. It is not all of the total: not every request is for a secret, and
    /// secrets have no operation.
    storage::UsageSum divided;
    /// The key of what the lines lack of `divided`.
    std::string_view rest = kOthers;
};

/// The answer, without Month. What the lines lack becomes the last line, if it is anything.
[[nodiscard]] v1::GetUsageResponse report(const Month& month, Sums sums, const std::optional<Prices>& prices);

}  // namespace coffer::usage
