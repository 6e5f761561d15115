#pragma once
// What stands in a row of a result, read without believing it: whoever owns the database can have put
// anything there, and no CHECK constraint is in his way. What cannot be read is an integrity failure of that
// row, and never an accident of the statement that it is part of. Internal to storage/.

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <pqxx/binarystring>
#include <pqxx/field>
#include <string>
#include <string_view>

#include "daemon/base/bytes.hpp"
#include "daemon/base/errors.hpp"
#include "daemon/base/time.hpp"
#include "daemon/base/uuid.hpp"
#include "storage/transaction.hpp"

namespace coffer::storage {

/// What sql_millis() says for an infinite time, so that it is not taken for NULL.
inline constexpr std::int64_t kNoMillis = std::numeric_limits<std::int64_t>::max();

/// A column has a value that this service never writes there. Without the row: see in_row().
class UnreadableColumn : public IntegrityError {
public:
    using IntegrityError::IntegrityError;
};

/// The whole number in `field`. Throws UnreadableColumn for NULL and for what a Number cannot hold.
template <class Number>
[[nodiscard]] Number number_of(const pqxx::field& field) {
    const std::string_view text(field.c_str(), field.size());
    Number number{};
    const auto [stop, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (field.is_null() || failed != std::errc() || stop != text.data() + text.size()) {
        throw UnreadableColumn(fmt::format("column {} has a number that Coffer never writes", field.name()));
    }
    return number;
}

/// The generation of a key, which begin at 1. Throws UnreadableColumn.
[[nodiscard]] inline std::uint32_t generation_of(const pqxx::field& field) {
    const auto generation = number_of<std::int64_t>(field);
    if (generation < 1 || generation > std::numeric_limits<std::int32_t>::max()) {
        throw UnreadableColumn(
            fmt::format("column {} has {}, which is no generation of a key", field.name(), generation));
    }
    return static_cast<std::uint32_t>(generation);
}

/// Throws UnreadableColumn.
[[nodiscard]] inline bool flag_of(const pqxx::field& field) {
    if (field.is_null()) throw UnreadableColumn(fmt::format("column {} has no value", field.name()));
    return field.c_str()[0] == 't';
}

/// Throws UnreadableColumn.
[[nodiscard]] inline Uuid uuid_of(const pqxx::field& field) {
    const auto id = Uuid::parse(field.c_str());
    if (!id) throw UnreadableColumn(fmt::format("column {} has no UUID", field.name()));
    return *id;
}

/// The time in a column that sql_millis() made. Throws UnreadableColumn.
[[nodiscard]] inline Timestamp time_of(const pqxx::field& millis) {
    const auto value = number_of<std::int64_t>(millis);
    if (value == kNoMillis) throw UnreadableColumn("a time is infinite");
    return Timestamp::from_millis(value);
}

/// Nothing for NULL. Throws UnreadableColumn.
[[nodiscard]] inline std::optional<Timestamp> optional_time(const pqxx::field& millis) {
    if (millis.is_null()) return std::nullopt;
    return time_of(millis);
}

[[nodiscard]] inline std::optional<std::string> optional_text(const pqxx::field& field) {
    if (field.is_null()) return std::nullopt;
    return std::string(field.c_str());
}

/// A bytea column of a result.
[[nodiscard]] inline Bytes bytes_of(const pqxx::field& field) {
    const pqxx::binarystring raw(field);
    return {raw.begin(), raw.end()};
}

/// For the words of a failure: a table, and the primary key of one of its rows.
struct RowName {
    const char* table;
    std::initializer_list<const char*> key;

    [[nodiscard]] std::string text() const {
        std::string joined;
        for (const char* part : key) {
            if (!joined.empty()) joined += '/';
            joined += part;
        }
        return fmt::format("table {}, row {}", table, joined);
    }
};

/// What `read` makes of a row. Throws IntegrityError that names the row where a column cannot be read.
template <class Read>
auto in_row(const RowName& row, Read read) {
    try {
        return read();
    } catch (const UnreadableColumn& unreadable) {
        throw IntegrityError(fmt::format("{}: {}; it was altered by hand", row.text(), unreadable.what()));
    }
}

/// The same for one of many rows that a statement found: where it cannot be read that is reported, and the
/// others go on without it. `read` returns nothing.
template <class Read>
void in_row_or_without_it(ReadTransaction& tx, const RowName& row, Read read) {
    try {
        in_row(row, read);
    } catch (const IntegrityError& broken) {
        tx.report_integrity_failure(broken.what());
    }
}

/// The generation in a row that nothing seals and that only says how far some work is or who does it; 0,
/// which no key has, where it cannot be read, which is reported.
[[nodiscard]] inline std::uint32_t generation_or_none(ReadTransaction& tx, const RowName& row,
                                                      const pqxx::field& field) {
    std::uint32_t generation = 0;
    in_row_or_without_it(tx, row, [&] { generation = generation_of(field); });
    return generation;
}

}  // namespace coffer::storage
