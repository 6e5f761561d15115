#pragma once
// Between C++ values and SQL: binding without surprises (a NUL would cut text short, text would reinterpret
// binary), and the SQL expressions for times. Internal to storage/.

#include <fmt/format.h>

#include <boost/json.hpp>
#include <optional>
#include <pqxx/binarystring>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/bytes.hpp"
#include "daemon/base/errors.hpp"
#include "daemon/base/time.hpp"
#include "daemon/base/uuid.hpp"
#include "storage/row_values.hpp"

namespace coffer::storage {

/// SQL for the end of year 9999, which is also what certificates without an end have (RFC 5280, 4.1.2.5).
inline constexpr const char* kLastTime = "timestamptz '9999-12-31 23:59:59.999+00'";

/// SQL for a time column that a seal covers as milliseconds since 1970, for time_of(). An infinite time has
/// none, and a cast of it would end the whole statement: it is kNoMillis.
[[nodiscard]] inline std::string sql_millis(const std::string& column) {
    return fmt::format(
        "(CASE WHEN isfinite({0}) THEN (date_part('epoch', {0}) * 1000)::bigint WHEN {0} IS NOT NULL THEN "
        "{1} "
        "END)",
        column, kNoMillis);
}

/// The same of a column that no seal covers, and that says nothing which is believed: a time outside of the
/// years that dates are written in (RFC 3339, RFC 5280) is the nearest one inside.
[[nodiscard]] inline std::string sql_unsealed_millis(const std::string& column) {
    return fmt::format(
        "(CASE WHEN {0} IS NOT NULL THEN (date_part('epoch', least(greatest({0}, timestamptz 'epoch'), {1})) "
        "* "
        "1000)::bigint END)",
        column, kLastTime);
}

/// Behind all days that PostgreSQL has (the last is in the year 5,874,897): stands for 'infinity', which only
/// somebody's hand writes.
inline constexpr std::int64_t kForeverDays = std::numeric_limits<std::int32_t>::max();

/// SQL for a day of last access as days since 1970; NULL for '-infinity', which means never.
[[nodiscard]] inline std::string sql_days(const std::string& column) {
    return fmt::format(
        "(CASE WHEN isfinite({0}) THEN {0} - date '1970-01-01' WHEN {0} = 'infinity' THEN {1} END)", column,
        kForeverDays);
}

/// SQL for the day that the int parameter `days` means; NULL: never.
[[nodiscard]] inline std::string sql_day(const std::string& days) {
    return fmt::format(
        "(CASE WHEN {0}::int IS NULL THEN date '-infinity' WHEN {0}::int = {1} THEN date 'infinity' "
        "ELSE date '1970-01-01' + {0}::int END)",
        days, kForeverDays);
}

/// SQL for the seconds since the time in a column; of an infinite one that are 0, or more than any that
/// Coffer has run for.
[[nodiscard]] inline std::string sql_seconds_since(const std::string& column) {
    return fmt::format(
        "(CASE WHEN isfinite({0}) THEN date_part('epoch', now() - {0})::bigint WHEN {0} > now() THEN 0 "
        "WHEN {0} IS NOT NULL THEN {1}::bigint END)",
        column, std::int64_t{1'000'000'000});
}

/// SQL for the time that the bigint parameter or column `millis` means.
[[nodiscard]] inline std::string sql_time(const std::string& millis) {
    return fmt::format("(timestamptz 'epoch' + {}::bigint * interval '1 millisecond')", millis);
}

[[nodiscard]] inline bool has_nul(std::string_view text) {
    return text.find('\0') != std::string_view::npos;
}

/// Text that is to be stored. libpq takes parameters up to the first NUL, and PostgreSQL has no NUL in text.
[[nodiscard]] inline const std::string& storable(const char* field, const std::string& text) {
    if (has_nul(text)) {
        throw Error(std::string(field) + ": contains a NUL character, which cannot be stored");
    }
    return text;
}

/// An optional text as a parameter: null for NULL. Points into `text`.
[[nodiscard]] inline const char* nullable(const std::optional<std::string>& text) noexcept {
    return text ? text->c_str() : nullptr;
}

/// An optional time as a parameter of sql_time().
[[nodiscard]] inline std::optional<std::string> millis_text(const std::optional<Timestamp>& time) {
    if (!time) return std::nullopt;
    return std::to_string(time->millis());
}

/// Texts as a parameter that json_array_elements_text() takes apart. None may have a NUL.
[[nodiscard]] inline std::string json_list(const std::vector<std::string>& texts) {
    boost::json::array entries;
    for (const auto& text : texts) entries.emplace_back(text);
    return boost::json::serialize(entries);
}

/// Texts as a parameter of type text[]. None may have a NUL.
[[nodiscard]] inline std::string text_array(const std::vector<std::string>& texts) {
    std::string array = "{";
    for (const auto& text : texts) {
        if (array.size() > 1) array += ',';
        array += '"';
        for (const char c : text) {
            if (c == '"' || c == '\\') array += '\\';
            array += c;
        }
        array += '"';
    }
    return array + '}';
}

/// Bytes as a binary parameter; empty stays empty and is not NULL.
[[nodiscard]] inline pqxx::binarystring binary(ByteView bytes) {
    return {bytes.data(), bytes.size()};
}

}  // namespace coffer::storage
