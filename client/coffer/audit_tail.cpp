// coffer audit tail: events as they come.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "client/coffer/audit.hpp"
#include "client/coffer/audit_event.hpp"
#include "client/coffer/console.hpp"

namespace coffer::cli {

namespace {

/// Events of another node may come later than younger ones of this node; so far back is looked again.
constexpr double kOverlapSeconds = 10;
/// How far back the last few are looked for.
constexpr double kLookBackSeconds = 86'400;
/// Events that one look takes; more are said to be left out.
constexpr std::size_t kLookMax = 10'000;

struct TailOptions {
    AuditFilter filter;
    std::size_t lines = 10;
    double interval_seconds = 2;
};

class Tail {
public:
    Tail(Context& context, const TailOptions& options)
        : context_(context), options_(options), lines_(as_json_lines(context)) {}

    void run() {
        if (!lines_) print(audit_line(audit_heads()));
        mark_ = newest_time();
        show_last();
        while (true) {
            std::this_thread::sleep_for(std::chrono::duration<double>(options_.interval_seconds));
            look();
        }
    }

private:
    /// Every look is itself an event, and would be the only news on a quiet day.
    [[nodiscard]] bool wanted(const v1::AuditEvent& event) const {
        return event.event_name() != "LookupEvents" || !options_.filter.action.empty();
    }

    /// Of all events, whether wanted or not: how far the next look need not go back.
    [[nodiscard]] double newest_time() {
        v1::LookupEventsRequest asked;
        asked.set_max_results(1);
        double time = 0;
        look_up(context_, asked, [&](const v1::AuditEvent& event) {
            time = event.event_time();
            return false;
        });
        return time;
    }

    void show_last() {
        std::vector<v1::AuditEvent> events;
        std::size_t looked = 0;
        look_up(context_, request(mark_ - kLookBackSeconds), [&](const v1::AuditEvent& event) {
            const bool may_come_again = event.event_time() >= mark_ - kOverlapSeconds;
            if (may_come_again) seen_.emplace(event.event_id(), event.event_time());
            if (events.size() < options_.lines && wanted(event)) events.push_back(event);
            return (may_come_again || events.size() < options_.lines) && ++looked < kLookMax;
        });
        show(std::move(events));
    }

    void look() {
        const double newest = newest_time();
        std::vector<v1::AuditEvent> events;
        std::size_t looked = 0;
        look_up(context_, request(mark_ - kOverlapSeconds), [&](const v1::AuditEvent& event) {
            const bool is_new = seen_.emplace(event.event_id(), event.event_time()).second;
            if (is_new && wanted(event)) events.push_back(event);
            return ++looked < kLookMax;
        });
        if (looked == kLookMax) say("more events than can be followed; some were left out\n");
        mark_ = std::max(mark_, newest);
        std::erase_if(seen_, [&](const auto& entry) { return entry.second < mark_ - kOverlapSeconds; });
        show(std::move(events));
    }

    [[nodiscard]] v1::LookupEventsRequest request(double since) const {
        auto asked = lookup_of(options_.filter);
        asked.set_start_time(std::max(0.0, since));
        asked.set_max_results(kAuditPageMax);
        return asked;
    }

    /// Oldest first, as they happened.
    void show(std::vector<v1::AuditEvent> events) const {
        std::stable_sort(events.begin(), events.end(),
                         [](const auto& a, const auto& b) { return a.event_time() < b.event_time(); });
        for (const auto& event : events) {
            print(lines_ ? event.cloud_trail_event() + "\n" : audit_line(audit_row(event)));
        }
    }

    Context& context_;
    const TailOptions& options_;
    const bool lines_;
    double mark_ = 0;                     ///< epoch seconds: up to where was looked
    std::map<std::string, double> seen_;  ///< event ids and their times, as far back as is looked again
};

}  // namespace

void add_audit_tail(CLI::App& audit, Commands& commands) {
    auto options = std::make_shared<TailOptions>();
    auto* verb = add_verb(audit, "tail", "Show events as they come, until interrupted",
                          {"coffer audit tail", "coffer audit tail --outcome denied --output json"});
    add_audit_filter(*verb, options->filter);
    constexpr std::size_t kLinesMax = 1000;
    verb->add_option("--lines", options->lines, "events to show from before (10)")
        ->check(CLI::Range(std::size_t{0}, kLinesMax));
    constexpr double kIntervalMin = 0.5;
    constexpr double kIntervalMax = 3600;
    verb->add_option("--interval", options->interval_seconds, "seconds between looks (2)")
        ->check(CLI::Range(kIntervalMin, kIntervalMax));
    commands.push_back({verb, [options](Context& context) { Tail(context, *options).run(); }, true});
}

}  // namespace coffer::cli
