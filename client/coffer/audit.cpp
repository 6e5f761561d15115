#include "client/coffer/audit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "client/coffer/audit_event.hpp"
#include "client/coffer/columns.hpp"
#include "client/coffer/completion_tree.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/timestamp.hpp"
#include "daemon/base/event_outcome.hpp"

namespace coffer::cli {

namespace {

constexpr std::int64_t kLimitMax = 1'000'000;
/// Rows of a table are kept until their widths are known.
constexpr std::int64_t kTableMax = 10'000;

struct SearchOptions {
    AuditFilter filter;
    std::string since;
    std::string until;
    std::int64_t limit = 100;
};

double now_seconds() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
}

double time_option(const std::string& text, const char* option) {
    if (const auto time = parse_time(text, now_seconds())) return *time;
    throw UsageError(std::string(option) +
                     " takes a time like 2026-11-25, 2026-11-25T12:00:00Z, 90m, 24h or 7d (times are UTC)");
}

v1::LookupEventsRequest search_request(const SearchOptions& options) {
    auto request = lookup_of(options.filter);
    if (!options.since.empty()) request.set_start_time(time_option(options.since, "--since"));
    if (!options.until.empty()) {
        constexpr double kMillisecond = 0.001;  // --until is exclusive, EndTime is not
        request.set_end_time(time_option(options.until, "--until") - kMillisecond);
    }
    request.set_max_results(std::min(options.limit, kAuditPageMax));
    return request;
}

void run_search(Context& context, const SearchOptions& options) {
    const bool lines = as_json_lines(context);
    if (!lines && options.limit > kTableMax) {
        throw UsageError(fmt::format("a table has at most {} events; use --output json for more", kTableMax));
    }
    Columns columns(audit_heads());
    std::int64_t found = 0;
    look_up(context, search_request(options), [&](const v1::AuditEvent& event) {
        if (lines) {
            print(event.cloud_trail_event() + "\n");
        } else {
            columns.add(audit_row(event));
        }
        return ++found < options.limit;
    });
    if (found > 0 && !lines) print(columns.text());
    if (found == 0) throw Failure("no event matches");
    if (found == options.limit) say(fmt::format("the newest {}; --limit shows more\n", found));
}

void add_search(CLI::App& audit, Commands& commands) {
    auto options = std::make_shared<SearchOptions>();
    auto* verb = add_verb(
        audit, "search", "List events, the newest first",
        {"coffer audit search --secret 'prod/*' --outcome denied --since 24h",
         "coffer audit search --principal alice --action 'Put*' --since 2026-11-01 --until 2026-12-01",
         "coffer audit search --secret app/db --output json | jq -r .userIdentity.arn"});
    add_audit_filter(*verb, options->filter);
    verb->add_option("--since", options->since, "a day, a time (UTC), or 90m, 24h, 7d before now");
    verb->add_option("--until", options->until, "the same; exclusive");
    verb->add_option("--limit", options->limit, "end after so many (100)")
        ->check(CLI::Range(std::int64_t{1}, kLimitMax));
    commands.push_back({verb, [options](Context& context) { run_search(context, *options); }, true});
}

void run_show(Context& context, const std::string& event_id) {
    v1::LookupEventsRequest request;
    auto& attribute = *request.add_lookup_attributes();
    attribute.set_attribute_key("EventId");
    attribute.set_attribute_value(event_id);
    std::optional<v1::AuditEvent> found;
    look_up(context, request, [&](const v1::AuditEvent& event) {
        found = event;
        return false;
    });
    if (!found) {
        throw Failure(
            "there is no such event in the database. Events come there a moment after they happened and stay "
            "for "
            "audit.database_keep_for; the journals have them longer (coffer-audit show)");
    }
    print(as_json_lines(context) ? found->cloud_trail_event() + "\n" : audit_members(*found));
}

void add_show(CLI::App& audit, Commands& commands) {
    auto event_id = std::make_shared<std::string>();
    auto* verb = add_verb(audit, "show", "Show one event whole",
                          {"coffer audit show 7116c6a1-5c3f-4b57-9d0e-2f1d6f0c9a11",
                           "coffer audit show 7116c6a1-5c3f-4b57-9d0e-2f1d6f0c9a11 --output json | jq"});
    verb->add_option("event-id", *event_id, "the event's UUID (EVENT ID in the lists)")->required();
    commands.push_back({verb, [event_id](Context& context) { run_show(context, *event_id); }, true});
}

}  // namespace

void add_audit_filter(CLI::App& verb, AuditFilter& filter) {
    verb.add_option("--secret", filter.secret, "name or ARN; * stands for any characters")
        ->type_name(kTypeSecret);
    verb.add_option("--principal", filter.principal, "ARN, user name or id; * as above");
    verb.add_option("--action", filter.action, "operation, in upper or lower case; * as above");
    verb.add_option("--outcome", filter.outcome, "success, failure, denied, or an error code; of any case")
        ->check([](const std::string& text) {
            return text.empty() || event_outcome(text) ? "" : unknown_outcome(text);
        })
        ->type_name("OUTCOME");
}

v1::LookupEventsRequest lookup_of(const AuditFilter& filter) {
    v1::LookupEventsRequest request;
    const auto add = [&](const char* key, const std::string& value) {
        if (value.empty()) return;
        auto& attribute = *request.add_lookup_attributes();
        attribute.set_attribute_key(key);
        attribute.set_attribute_value(value);
    };
    add("ResourceName", filter.secret);
    add("Principal", filter.principal);
    add("EventName", filter.action);
    add("Outcome", filter.outcome);
    return request;
}

void look_up(Context& context, v1::LookupEventsRequest request,
             const std::function<bool(const v1::AuditEvent&)>& take) {
    while (true) {
        v1::Request one;
        *one.mutable_lookup_events() = request;
        const auto response = context.call(std::move(one));
        const auto& page = response.lookup_events();
        if (page.has_notice() && !request.has_next_token()) say(page.notice() + "\n");
        for (const auto& event : page.events()) {
            if (!take(event)) return;
        }
        if (!page.has_next_token()) return;
        request.set_next_token(page.next_token());
    }
}

bool as_json_lines(const Context& context) {
    const auto& output = context.options().output;
    if (output == "text") throw UsageError("coffer audit has --output table and json");
    return output == "json";
}

void add_audit(CLI::App& app, Commands& commands) {
    auto* audit = app.add_subcommand("audit", "What was done, by whom, on all nodes");
    audit->fallthrough();
    audit->group("Groups of verbs");
    audit->require_subcommand(1);
    audit->footer(
        "Examples:\n"
        "  coffer audit search --secret app/db --since 24h\n"
        "  coffer audit search --outcome denied\n"
        "  coffer audit tail\n"
        "\nThis searches copies of the nodes' journals in the database. What proves what was done is a "
        "journal:\n"
        "coffer-audit verify. Options of every verb are in: coffer --help. The manual is docs/coffer.md.");
    add_search(*audit, commands);
    add_audit_tail(*audit, commands);
    add_show(*audit, commands);
}

}  // namespace coffer::cli
