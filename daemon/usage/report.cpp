#include "daemon/usage/report.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "daemon/secrets/errors.hpp"

namespace coffer::usage {

namespace {

constexpr std::int64_t kRequestsOfPrice = 10'000;

int number(std::string_view digits) {
    int value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

Timestamp first_day(std::chrono::year_month month) {
    const std::chrono::sys_days day{month / 1};
    return Timestamp::from_millis(
        std::chrono::duration_cast<std::chrono::milliseconds>(day.time_since_epoch()).count());
}

/// What `lines` lack of `sum`. The sums were made one after another, so the lines may be ahead.
storage::UsageSum rest_of(storage::UsageSum sum, const std::vector<storage::UsageSum>& lines) {
    for (const auto& line : lines) {
        sum.requests -= line.requests;
        sum.errors -= line.errors;
        sum.rotations -= line.rotations;
        sum.secret_days -= line.secret_days;
        sum.scheduled_days -= line.scheduled_days;
    }
    for (auto* value : {&sum.requests, &sum.errors, &sum.rotations, &sum.secret_days, &sum.scheduled_days}) {
        *value = std::max<std::int64_t>(*value, 0);
    }
    return sum;
}

bool is_nothing(const storage::UsageSum& sum) {
    return sum.requests == 0 && sum.errors == 0 && sum.rotations == 0 && sum.secret_days == 0 &&
           sum.scheduled_days == 0;
}

void put_line(const storage::UsageSum& sum, const Month& month, const std::optional<Prices>& prices,
              v1::UsageLine& line) {
    line.set_requests(sum.requests);
    line.set_errors(sum.errors);
    line.set_rotations(sum.rotations);
    line.set_secret_days(sum.secret_days);
    line.set_scheduled_secret_days(sum.scheduled_days);
    if (!prices) return;
    const auto requests = cost_of(sum.requests, kRequestsOfPrice, prices->per_10000_requests);
    const auto secrets = cost_of(sum.secret_days, month.length, prices->per_secret_month);
    line.set_request_cost(decimal_text(requests));
    line.set_secret_cost(decimal_text(secrets));
    line.set_cost(decimal_text(Micros(requests.value() + secrets.value())));
}

}  // namespace

Month month_of(const std::string& text) {
    const std::chrono::year_month month{
        std::chrono::year{number(std::string_view(text).substr(0, 4))},
        std::chrono::month{static_cast<unsigned>(number(std::string_view(text).substr(5)))}};
    if (text.size() != 7 || !month.ok() || month.year() < std::chrono::year{1970}) {
        throw secrets::ServiceError(v1::VALIDATION, "Month must be a month since 1970, such as 2026-11.");
    }
    const auto next = month + std::chrono::months{1};
    const auto length = std::chrono::sys_days{next / 1} - std::chrono::sys_days{month / 1};
    return {{first_day(month), first_day(next)}, length.count()};
}

v1::GetUsageResponse report(const Month& month, Sums sums, const std::optional<Prices>& prices) {
    v1::GetUsageResponse response;
    response.set_days(month.length);
    response.set_counted_days(sums.total.counted_days);
    if (prices) response.set_currency(prices->currency);
    auto others = rest_of(sums.divided, sums.lines);
    if (!is_nothing(others)) {
        others.key = sums.rest;
        sums.lines.push_back(std::move(others));
    }
    for (const auto& sum : sums.lines) {
        auto& line = *response.add_lines();
        line.set_key(sum.key);
        put_line(sum, month, prices, line);
    }
    put_line(sums.total.sum, month, prices, *response.mutable_total());
    return response;
}

}  // namespace coffer::usage
