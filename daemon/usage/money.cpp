#include "daemon/usage/money.hpp"

#include <fmt/format.h>

namespace coffer::usage {

namespace {

constexpr std::int64_t kMicrosPerUnit = 1'000'000;

}  // namespace

Micros cost_of(std::int64_t quantity, std::int64_t unit, Micros price) {
    // Whole units apart from the rest, whose product with a price fits.
    const auto whole = quantity / unit * price.value();
    const auto rest = quantity % unit * price.value();
    return Micros(whole + (rest + unit / 2) / unit);
}

std::string decimal_text(Micros amount) {
    auto text = fmt::format("{}.{:06}", amount.value() / kMicrosPerUnit, amount.value() % kMicrosPerUnit);
    const auto least = text.size() - 4;
    while (text.size() > least && text.back() == '0') text.pop_back();
    return text;
}

}  // namespace coffer::usage
