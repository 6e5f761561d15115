// SecretRepository::list: pages by key, not by offset, so that what comes and goes between two pages moves
// nothing else.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <pqxx/result>
#include <pqxx/transaction_base>
#include <stdexcept>

#include "storage/secret_repository.hpp"
#include "storage/secret_rows.hpp"
#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

namespace {

namespace json = boost::json;

struct SortColumn {
    SortKey key;
    const char* word;
    const char* column;  ///< ties are broken by the id, which is in the same index
    bool by_name;
};
constexpr std::array<SortColumn, 4> kSortColumns{{
    {SortKey::created, "created", "s.created", false},
    {SortKey::last_accessed, "last_accessed", "la.day", false},
    {SortKey::last_changed, "last_changed", "s.last_changed", false},
    {SortKey::name, "name", "s.name", true},
}};

const SortColumn& column_of(SortKey key) {
    return *std::find_if(kSortColumns.begin(), kSortColumns.end(),
                         [&](const auto& c) { return c.key == key; });
}

std::string statement_name(SortKey key, bool descending, bool after) {
    return fmt::format("secret_list_{}_{}{}", column_of(key).word, descending ? "desc" : "asc",
                       after ? "_after" : "");
}

/// $1 limit, $2 include deleted, $3 name ranges (NULL: all), $4 and $5 their outer bounds, $6 and $7 the
/// cursor.
std::string statement_sql(const SortColumn& sort, bool descending, bool after) {
    const char* direction = descending ? "DESC" : "ASC";
    const char* beyond = descending ? "<" : ">";
    const std::string order = sort.by_name ? fmt::format("{} {}", sort.column, direction)
                                           : fmt::format("{} {}, s.id {}", sort.column, direction, direction);
    std::string cursor;
    if (after && sort.by_name) {
        cursor = fmt::format(" AND s.name {} $6", beyond);
    } else if (after) {
        const auto time = sort.key == SortKey::last_accessed ? sql_day("$6") : sql_time("$6");
        cursor = fmt::format(" AND ({}, s.id) {} ({}, $7::uuid)", sort.column, beyond, time);
    }
    const char* from = sort.key == SortKey::last_accessed
                           ? "last_access la JOIN secrets s ON s.id = la.secret_id"
                           : "secrets s";
    // The page is cut first and the versions are gathered for its rows alone.
    return fmt::format(
        "WITH page AS MATERIALIZED (SELECT s.*, {column} AS sort_value FROM {from} "
        "WHERE ($2::bool OR s.deleted IS NULL) "
        "AND s.name >= $4 AND ($5::text IS NULL OR s.name < $5) "
        "AND ($3::json IS NULL OR EXISTS (SELECT 1 FROM json_to_recordset($3::json) AS r(low text, high "
        "text) "
        "WHERE s.name >= r.low AND (r.high IS NULL OR s.name < r.high))){cursor} "
        "ORDER BY {order} LIMIT $1::bigint) SELECT {columns} FROM page s "
        "ORDER BY s.sort_value {direction}, s.id {direction}",
        fmt::arg("column", sort.column), fmt::arg("direction", direction), fmt::arg("order", order),
        fmt::arg("from", from), fmt::arg("cursor", cursor), fmt::arg("columns", secret_columns()));
}

/// The code point that the UTF-8 sequence `text` stands for.
std::uint32_t decode_code_point(const std::string& text) {
    const auto first = static_cast<unsigned char>(text.front());
    if (text.size() == 1) return first;
    std::uint32_t point = first & (0xFFU >> (text.size() + 1));
    for (std::size_t i = 1; i < text.size(); ++i) {
        point = (point << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
    }
    return point;
}

std::string encode_code_point(std::uint32_t point) {
    const auto continuation = [&](unsigned shift) {
        return static_cast<char>(0x80U | ((point >> shift) & 0x3FU));
    };
    if (point < 0x80) return {static_cast<char>(point)};
    if (point < 0x800) return {static_cast<char>(0xC0U | (point >> 6U)), continuation(0)};
    if (point < 0x10000) return {static_cast<char>(0xE0U | (point >> 12U)), continuation(6), continuation(0)};
    return {static_cast<char>(0xF0U | (point >> 18U)), continuation(12), continuation(6), continuation(0)};
}

/// The smallest text that is greater than every text with this prefix, by code points (which is the order of
/// UTF-8 bytes); nothing when there is none. `prefix` is UTF-8.
std::optional<std::string> end_of_prefix(std::string prefix) {
    constexpr std::uint32_t kLastCodePoint = 0x10FFFF;
    constexpr std::uint32_t kBeforeSurrogates = 0xD7FF;
    constexpr std::uint32_t kAfterSurrogates = 0xE000;
    while (!prefix.empty()) {
        std::size_t start = prefix.size() - 1;
        while (start > 0 && (static_cast<unsigned char>(prefix[start]) & 0xC0U) == 0x80U) --start;
        const auto last = decode_code_point(prefix.substr(start));
        prefix.resize(start);
        if (last >= kLastCodePoint) continue;
        return prefix + encode_code_point(last == kBeforeSurrogates ? kAfterSurrogates : last + 1);
    }
    return std::nullopt;
}

/// The names that a query may return, as ranges: prefixes are literal and need no pattern language.
struct NameRanges {
    std::optional<std::string> json;  ///< nothing: all names
    std::string low;
    std::optional<std::string> high;  ///< nothing: no bound
};

NameRanges ranges_of(const std::vector<std::string>& prefixes) {
    if (prefixes.empty()) return {};
    NameRanges ranges;
    ranges.low = *std::min_element(prefixes.begin(), prefixes.end());
    ranges.high = std::string();
    json::array entries;
    for (const auto& prefix : prefixes) {
        const auto end = end_of_prefix(storable("name prefix", prefix));
        entries.push_back(
            json::object{{"low", prefix}, {"high", end ? json::value(*end) : json::value(nullptr)}});
        if (!end) ranges.high.reset();
        if (ranges.high) ranges.high = std::max(*ranges.high, *end);
    }
    ranges.json = json::serialize(entries);
    return ranges;
}

/// The cursor's time as the statement takes it: days for last_accessed, milliseconds else.
std::optional<std::string> cursor_time(const ListQuery& query) {
    if (query.sort_by != SortKey::last_accessed) return millis_text(query.after->time);
    if (!query.after->time) return std::nullopt;
    return std::to_string(query.after->time->day().millis() / kMillisPerDay);
}

pqxx::result run(ReadTransaction& tx, const ListQuery& query) {
    const auto name = statement_name(query.sort_by, query.descending, query.after.has_value());
    const auto ranges = ranges_of(query.name_prefixes);
    const auto limit = query.limit + 1;
    if (!query.after) {
        return tx.sql().exec_prepared(name, limit, query.include_deleted, nullable(ranges.json), ranges.low,
                                      nullable(ranges.high));
    }
    if (query.sort_by == SortKey::name) {
        return tx.sql().exec_prepared(name, limit, query.include_deleted, nullable(ranges.json), ranges.low,
                                      nullable(ranges.high), storable("cursor", query.after->name));
    }
    const auto time = cursor_time(query);
    if (!time && query.sort_by != SortKey::last_accessed)
        throw std::logic_error("a list cursor without its time");
    return tx.sql().exec_prepared(name, limit, query.include_deleted, nullable(ranges.json), ranges.low,
                                  nullable(ranges.high), nullable(time), query.after->id.value().text());
}

}  // namespace

std::vector<Statement> listing_statements() {
    std::vector<Statement> statements;
    for (const auto& sort : kSortColumns) {
        for (const bool descending : {false, true}) {
            for (const bool after : {false, true}) {
                statements.push_back(
                    {statement_name(sort.key, descending, after), statement_sql(sort, descending, after)});
            }
        }
    }
    return statements;
}

namespace {

/// The secret in `row` if the query wants it; its seal is not checked yet.
std::optional<StoredSecret> wanted_secret(ReadTransaction& tx, const pqxx::row& row, const ListQuery& query) {
    try {
        auto secret = unchecked_secret(row);
        if (query.matches && !query.matches(secret)) return std::nullopt;
        return secret;
    } catch (const IntegrityError& broken) {
        tx.report_integrity_failure(broken.what());
        return std::nullopt;
    }
}

/// Those whose seals hold.
std::vector<StoredSecret> believed(ReadTransaction& tx, std::vector<StoredSecret> secrets) {
    std::vector<StoredSecret> good;
    good.reserve(secrets.size());
    for (auto& checked : check_seals(tx, std::move(secrets))) {
        if (checked.has_value()) good.push_back(checked.take());
    }
    return good;
}

}  // namespace

ListResult SecretRepository::list(ReadTransaction& tx, const ListQuery& query) {
    constexpr std::size_t kMostRows = 1000;
    if (query.limit < 1 || query.limit > kMostRows)
        throw std::logic_error("a listing's limit is 1 to 1000 rows");
    ListResult result;
    std::vector<StoredSecret> wanted;
    const auto rows = run(tx, query);
    for (const auto& row : rows) {
        // One row more than asked for was read, to know whether there are more.
        if (result.scanned == query.limit) {
            result.next =
                cursor_behind(rows[static_cast<pqxx::result::size_type>(query.limit - 1)], query.sort_by);
            break;
        }
        ++result.scanned;
        if (auto secret = wanted_secret(tx, row, query)) wanted.push_back(std::move(*secret));
    }
    result.secrets = believed(tx, std::move(wanted));
    return result;
}

}  // namespace coffer::storage
