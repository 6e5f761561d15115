// coffer usage and coffer unused: what was used, what it costs, and what nobody reads.

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/coffer/columns.hpp"
#include "client/coffer/command.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/iam.hpp"
#include "client/coffer/json_output.hpp"
#include "client/coffer/secret_text.hpp"

namespace coffer::cli {

namespace {

using Rows = std::vector<std::vector<std::string>>;

enum class Form : std::uint8_t { table, csv, json };

/// The form that --format names, or, where it does not stand, --output. Nothing: --output is to show it.
std::optional<Form> form_of(const Context& context, const std::string& format) {
    const auto& output = context.options().output;
    if (format.empty()) return output.empty() ? std::optional(Form::table) : std::nullopt;
    if (!output.empty()) throw UsageError("--format and --output exclude each other");
    return format == "csv" ? Form::csv : format == "json" ? Form::json : Form::table;
}

/// RFC 4180, section 2: fields with commas, quotes or line ends in quotes, quotes doubled, CRLF.
std::string csv_line(const std::vector<std::string>& fields) {
    std::string line;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (i > 0) line += ',';
        if (fields[i].find_first_of(",\"\r\n") == std::string::npos) {
            line += fields[i];
            continue;
        }
        line += '"';
        for (const char c : fields[i]) line += c == '"' ? std::string("\"\"") : std::string(1, c);
        line += '"';
    }
    return line + "\r\n";
}

void show_rows(const Rows& rows, Form form) {
    if (form == Form::csv) {
        for (const auto& row : rows) print(csv_line(row));
        return;
    }
    Columns columns(rows.front());
    for (std::size_t i = 1; i < rows.size(); ++i) columns.add(rows[i]);
    print(columns.text());
}

/// Shows `message` where a form of JSON was asked for. False when it is to be shown in rows.
bool shown_whole(const Context& context, std::optional<Form> form, std::string_view title,
                 const google::protobuf::Message& message) {
    if (!form) {
        context.show(title, message);
    } else if (*form == Form::json) {
        print(view(pretty_json(to_json(message))));
    }
    return !form || *form == Form::json;
}

void add_format(CLI::App& verb, std::string& format) {
    verb.add_option("--format", format, "how to show it (table)")
        ->check(CLI::IsMember({"table", "csv", "json"}));
}

std::chrono::year_month_day utc_day(double epoch_seconds) {
    const std::chrono::sys_seconds time{std::chrono::seconds(static_cast<std::int64_t>(epoch_seconds))};
    return std::chrono::floor<std::chrono::days>(time);
}

std::string utc_date(double epoch_seconds) {
    const auto day = utc_day(epoch_seconds);
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                       static_cast<unsigned>(day.day()));
}

std::string this_month() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return utc_date(std::chrono::duration<double>(now).count()).substr(0, 7);
}

// ---- usage ------------------------------------------------------------------------------------------------

struct UsageOptions {
    std::string month;
    std::string by;
    std::string format;
};

std::vector<std::string> usage_row(const std::string& key, const v1::UsageLine& line, bool priced) {
    std::vector<std::string> row{key, std::to_string(line.requests()), std::to_string(line.errors()),
                                 std::to_string(line.secret_days()),
                                 std::to_string(line.scheduled_secret_days())};
    if (priced) row.insert(row.end(), {line.request_cost(), line.secret_cost(), line.cost()});
    row.push_back(std::to_string(line.rotations()));
    return row;
}

void run_usage(Context& context, const UsageOptions& options) {
    const auto form = form_of(context, options.format);
    v1::Request request;
    auto& asked = *request.mutable_get_usage();
    asked.set_month(options.month.empty() ? this_month() : options.month);
    if (!options.by.empty()) asked.set_by(options.by);
    const auto response = context.call(std::move(request));
    const auto& usage = response.get_usage();
    if (shown_whole(context, form, "GetUsage", usage)) return;
    const bool priced = usage.has_currency();
    Rows rows{{options.by.empty() ? usage.month() : options.by, "requests", "errors", "secret-days",
               "scheduled-secret-days"}};
    if (priced) {
        for (const char* head : {"requests", "secrets", "cost"}) {
            rows.front().push_back(fmt::format("{}-{}", head, usage.currency()));
        }
    }
    rows.front().emplace_back("rotations");
    for (const auto& line : usage.lines()) rows.push_back(usage_row(line.key(), line, priced));
    rows.push_back(usage_row("(total)", usage.total(), priced));
    show_rows(rows, *form);
    if (usage.counted_days() < usage.days()) {
        say(fmt::format("secrets were counted on {} of the month's {} days\n", usage.counted_days(),
                        usage.days()));
    }
}

// ---- unused -----------------------------------------------------------------------------------------------

struct UnusedOptions {
    int days = 90;
    std::string format;
};

void run_unused(Context& context, const UnusedOptions& options) {
    constexpr std::int64_t kPage = 1000;
    const auto form = form_of(context, options.format);
    v1::Request request;
    request.mutable_list_unused_secrets()->set_days(options.days);
    request.mutable_list_unused_secrets()->set_max_items(kPage);
    const auto response = call_all(context, std::move(request));
    const auto& unused = response.list_unused_secrets();
    if (shown_whole(context, form, "ListUnusedSecrets", unused)) return;
    if (unused.secrets().empty() && *form == Form::table) {
        return say(fmt::format("every secret was read or created in the last {} days\n", options.days));
    }
    Rows rows{{"name", "created", "last-read", "by"}};
    for (const auto& secret : unused.secrets()) {
        rows.push_back({secret.name(), utc_date(secret.created_date()),
                        secret.has_last_accessed_date() ? utc_date(secret.last_accessed_date()) : "never",
                        secret.last_principal()});
    }
    show_rows(rows, *form);
}

}  // namespace

void add_usage(CLI::App& app, Commands& commands) {
    auto options = std::make_shared<UsageOptions>();
    auto* verb = add_verb(app, "usage", "Show what was used in a month, and what it costs",
                          {"coffer usage", "coffer usage --month 2026-11 --by principal",
                           "coffer usage --by tag:team --format csv"});
    verb->add_option("--month", options->month, "a month of UTC, such as 2026-11 (this one)");
    verb->add_option("--by", options->by, "a line for each principal, operation or tag:KEY");
    add_format(*verb, options->format);
    commands.push_back({verb, [options](Context& context) { run_usage(context, *options); }, true});
}

void add_unused(CLI::App& app, Commands& commands) {
    auto options = std::make_shared<UnusedOptions>();
    auto* verb = add_verb(app, "unused", "List secrets that nobody reads",
                          {"coffer unused", "coffer unused --days 365 --format csv"});
    constexpr int kMostDays = 36'500;
    verb->add_option("--days", options->days, "not read, and not created, for so many days (90)")
        ->check(CLI::Range(1, kMostDays));
    add_format(*verb, options->format);
    commands.push_back({verb, [options](Context& context) { run_unused(context, *options); }, true});
}

}  // namespace coffer::cli
