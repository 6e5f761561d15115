#pragma once
// Between C++ values and SQL: binding without surprises (a NUL would cut text short, text would reinterpret
// binary), and the SQL expressions for times. Internal to storage/.

#include <fmt/format.h>

#include <boost/json.hpp>
#include <optional>
#include <pqxx/binarystring>
#include <pqxx/field>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/bytes.hpp"
#include "daemon/base/errors.hpp"
#include "daemon/base/time.hpp"
#include "daemon/base/uuid.hpp"

namespace coffer::storage {

/// SQL for a time column as milliseconds since 1970.
[[nodiscard]] inline std::string sql_millis(const std::string& column) {
    return fmt::format("(date_part('epoch', {}) * 1000)::bigint", column);
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

/// A bytea column of a result.
[[nodiscard]] inline Bytes bytes_of(const pqxx::field& field) {
    const pqxx::binarystring raw(field);
    return {raw.begin(), raw.end()};
}

[[nodiscard]] inline std::optional<std::string> optional_text(const pqxx::field& field) {
    if (field.is_null()) return std::nullopt;
    return std::string(field.c_str());
}

[[nodiscard]] inline Timestamp time_of(const pqxx::field& millis) {
    return Timestamp::from_millis(millis.as<std::int64_t>());
}

[[nodiscard]] inline std::optional<Timestamp> optional_time(const pqxx::field& millis) {
    if (millis.is_null()) return std::nullopt;
    return time_of(millis);
}

}  // namespace coffer::storage
