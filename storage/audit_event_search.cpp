// AuditEventRepository::find: a statement made for the conditions that are asked for, since one plan for all
// of them would use no index.

#include <fmt/format.h>

#include <algorithm>
#include <pqxx/prepared_statement>
#include <pqxx/result>
#include <pqxx/transaction_base>
#include <tuple>

#include "storage/audit_event_repository.hpp"
#include "storage/sql_values.hpp"

namespace coffer::storage {

namespace {

constexpr std::string_view kNewestFirst = " ORDER BY a.event_time DESC, a.journal DESC, a.sequence DESC";
/// The six random characters behind a secret's name.
constexpr std::string_view kSuffixPattern = "-______";

bool is_pattern(std::string_view text) {
    return text.find('*') != std::string_view::npos;
}

/// For LIKE: `*` is any characters, everything else itself.
std::string like(std::string_view pattern) {
    std::string out;
    for (const char c : pattern) {
        if (c == '\\' || c == '%' || c == '_') out += '\\';
        out += c == '*' ? '%' : c;
    }
    return out;
}

/// Conditions and their parameters, in step.
class Conditions {
public:
    /// "$3", for a text.
    std::string text(std::string value) {
        parameters_.push_back(storable("search", value));
        return fmt::format("${}::text", parameters_.size());
    }
    std::string time(Timestamp value) {
        parameters_.push_back(std::to_string(value.millis()));
        return sql_time(fmt::format("${}", parameters_.size()));
    }
    std::string uuid(const Uuid& value) {
        parameters_.push_back(value.text());
        return fmt::format("${}::uuid", parameters_.size());
    }
    void add(const std::string& condition) { where_ += " AND " + condition; }
    /// Any of `columns` matches.
    void add_match(std::initializer_list<std::string_view> columns, const std::string& pattern) {
        if (pattern.empty()) return;
        const auto wanted = text(is_pattern(pattern) ? like(pattern) : pattern);
        std::string any;
        for (const auto column : columns) {
            any += fmt::format("{}{} {} {}", any.empty() ? "" : " OR ", column,
                               is_pattern(pattern) ? "LIKE" : "=", wanted);
        }
        add("(" + any + ")");
    }

    [[nodiscard]] const std::string& where() const noexcept { return where_; }
    [[nodiscard]] pqxx::result run(ReadTransaction& tx, const std::string& sql) const {
        return tx.sql().exec_params(sql, pqxx::prepare::make_dynamic_params(parameters_));
    }

private:
    std::string where_ = "true";
    std::vector<std::string> parameters_;
};

void add_range(Conditions& where, const AuditEventQuery& query) {
    if (query.since) where.add("a.event_time >= " + where.time(*query.since));
    if (query.until) where.add("a.event_time < " + where.time(*query.until));
    if (!query.after) return;
    // The first condition is for leaving partitions out, which rows compared as a whole are not good for.
    const auto time = where.time(query.after->time);
    where.add("a.event_time <= " + time);
    where.add(fmt::format("(a.event_time, a.journal, a.sequence) < ({}, {}, {})", time,
                          where.uuid(query.after->journal), query.after->sequence));
}

/// Whether an index has the secret's events, in order.
bool is_indexed(const std::string& secret) {
    return !secret.empty() && !is_pattern(secret) && !secret.starts_with("arn:");
}

/// Unique ids of users and roles are in no index.
bool is_principal_id(std::string_view text) {
    return text.starts_with("AIDA") || text.starts_with("AROA");
}

/// Which rows can be wanted: conditions that an index answers in order, or none.
struct Branch {
    /// "principal" or "user_name" where the principal is found by an index; empty: by looking at each event.
    std::string_view column;
};

/// How `query` is answered. Somebody is named by ARN or, in one word, by user name or by what else stands for
/// the caller; a statement for both would use neither index.
std::vector<Branch> branches_of(const AuditEventQuery& query) {
    const auto& who = query.principal;
    if (who.empty() || query.event_id || !query.secret.empty() || is_pattern(who) || is_principal_id(who)) {
        return {{}};
    }
    if (who.starts_with("arn:")) return {{"principal"}};
    return {{"user_name"}, {"principal"}};
}

void add_branch(Conditions& where, const Branch& branch, const AuditEventQuery& query) {
    if (branch.column.empty()) return;
    where.add(fmt::format("a.{} = {}", branch.column, where.text(query.principal)));
}

/// Whether events must be looked at that may not be wanted.
bool looks_further(const AuditEventQuery& query, const Branch& branch) {
    if (query.event_id) return false;
    return query.read_only || !query.name.empty() || !query.source.empty() ||
           (!query.principal.empty() && branch.column.empty()) || !query.user_name.empty() ||
           !query.outcome.empty() || (!query.secret.empty() && !is_indexed(query.secret));
}

void add_secret(Conditions& where, const std::string& secret) {
    if (secret.empty()) {
        where.add("a.part = 0");
        return;
    }
    if (is_indexed(secret)) {
        where.add("a.secret_name = " + where.text(secret));
        return;
    }
    const auto whole = where.text(like(secret));
    const auto without_suffix = where.text(like(secret) + std::string(kSuffixPattern));
    where.add(fmt::format("(a.secret LIKE {} OR a.secret LIKE {} OR a.secret_name LIKE {})", whole,
                          without_suffix, whole));
}

void add_outcome(Conditions& where, const std::string& outcome) {
    if (outcome.empty()) return;
    if (outcome == "success") {
        where.add("a.error_code IS NULL");
    } else if (outcome == "failure") {
        where.add("a.error_code IS NOT NULL");
    } else if (outcome == "denied") {
        where.add("a.error_code LIKE 'AccessDenied%'");
    } else {
        where.add("a.error_code = " + where.text(outcome));
    }
}

void add_filters(Conditions& where, const AuditEventQuery& query, const Branch& branch) {
    if (query.event_id) where.add("a.event_id = " + where.uuid(*query.event_id) + " AND a.part = 0");
    if (query.read_only) where.add(*query.read_only ? "a.read_only" : "NOT a.read_only");
    if (!query.name.empty()) {
        where.add("lower(a.event_name) LIKE lower(" + where.text(like(query.name)) + ")");
    }
    where.add_match({"a.event_source"}, query.source);
    if (branch.column.empty()) {
        where.add_match({"a.principal", "a.user_name", "a.principal_id"}, query.principal);
    }
    add_branch(where, branch, query);
    where.add_match({"a.user_name"}, query.user_name);
    add_secret(where, query.secret);
    add_outcome(where, query.outcome);
}

AuditPosition position_in(const pqxx::row& row) {
    return {time_of(row[0]), uuid_of(row[1]), number_of<std::int64_t>(row[2])};
}

const std::string& position_columns() {
    static const std::string kColumns = sql_millis("a.event_time") + ", a.journal::text, a.sequence";
    return kColumns;
}

/// The last of the events that may be looked at for this page; nothing when all the rest may.
std::optional<AuditPosition> last_looked_at(ReadTransaction& tx, const AuditEventQuery& query,
                                            const Branch& branch) {
    if (!looks_further(query, branch)) return std::nullopt;
    Conditions where;
    add_range(where, query);
    add_branch(where, branch, query);
    if (is_indexed(query.secret)) {
        add_secret(where, query.secret);
    } else if (query.secret.empty()) {
        where.add("a.part = 0");
    }
    const auto rows = where.run(
        tx, fmt::format("SELECT {} FROM audit_events a WHERE {}{} OFFSET {} LIMIT 1", position_columns(),
                        where.where(), kNewestFirst, std::max<std::size_t>(query.look_at_most, 1) - 1));
    if (rows.empty()) return std::nullopt;
    return position_in(rows[0]);
}

/// An event that has several secrets may be found by several of them.
void add_event(const pqxx::row& row, std::vector<FoundAuditEvent>& events) {
    auto position = position_in(row);
    if (!events.empty() && events.back().position == position) return;
    events.push_back({position, row[3].c_str(), row[4].c_str()});
}

AuditEventPage find_in(ReadTransaction& tx, const AuditEventQuery& query, const Branch& branch) {
    const auto last = last_looked_at(tx, query, branch);
    Conditions where;
    add_range(where, query);
    add_filters(where, query, branch);
    if (last) {
        const auto time = where.time(last->time);
        where.add("a.event_time >= " + time);
        where.add(fmt::format("(a.event_time, a.journal, a.sequence) >= ({}, {}, {})", time,
                              where.uuid(last->journal), last->sequence));
    }
    // The text is in part 0, which is another row when a further secret was found.
    const auto text =
        "CASE a.part WHEN 0 THEN a.event ELSE (SELECT whole.event FROM audit_events whole "
        "WHERE whole.event_time = a.event_time AND whole.journal = a.journal "
        "AND whole.sequence = a.sequence AND whole.part = 0) END";
    const auto rows =
        where.run(tx, fmt::format("SELECT {}, a.node, {} FROM audit_events a WHERE {}{} LIMIT {}",
                                  position_columns(), text, where.where(), kNewestFirst, query.most));
    AuditEventPage page;
    for (const auto& row : rows) add_event(row, page.events);
    if (rows.size() == query.most) {
        page.next = position_in(rows[static_cast<pqxx::result::size_type>(rows.size() - 1)]);
    } else {
        page.next = last;
    }
    return page;
}

/// Whether `a` comes before `b` in an answer.
bool is_newer(const AuditPosition& a, const AuditPosition& b) {
    return std::make_tuple(a.time.millis(), a.journal, a.sequence) >
           std::make_tuple(b.time.millis(), b.journal, b.sequence);
}

/// Adds what another branch found. Beyond the place where the first of both ends, the other one may have
/// more.
void merge(AuditEventPage& page, AuditEventPage other) {
    if (!page.next || (other.next && is_newer(*other.next, *page.next))) page.next = other.next;
    for (auto& event : other.events) page.events.push_back(std::move(event));
    std::sort(page.events.begin(), page.events.end(),
              [](const auto& a, const auto& b) { return is_newer(a.position, b.position); });
    // An event may be found by both names of its caller.
    const auto twice = std::unique(page.events.begin(), page.events.end(),
                                   [](const auto& a, const auto& b) { return a.position == b.position; });
    page.events.erase(twice, page.events.end());
    if (page.next) {
        std::erase_if(page.events, [&](const auto& event) { return is_newer(*page.next, event.position); });
    }
}

}  // namespace

AuditEventPage AuditEventRepository::find(ReadTransaction& tx, const AuditEventQuery& query) {
    std::optional<AuditEventPage> page;
    for (const auto& branch : branches_of(query)) {
        auto found = find_in(tx, query, branch);
        if (page) {
            merge(*page, std::move(found));
        } else {
            page = std::move(found);
        }
    }
    if (page->events.size() > query.most) {
        page->events.resize(query.most);
        page->next = page->events.back().position;
    }
    return std::move(*page);
}

}  // namespace coffer::storage
