#pragma once
// Which events somebody wants to see: by secret, principal, action, outcome and time.

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/time.hpp"

namespace coffer::audit {

/// A secret that an event is about.
struct EventSecret {
    std::string secret;  ///< its ARN, else what the request called it
    std::string name;    ///< of an ARN: without the rest and without the six random characters
};

/// What `show` and `search` know of an event. Texts are as in the event, not yet fit for a terminal.
struct EventSummary {
    std::string time;  ///< eventTime
    std::optional<std::int64_t> time_ms;
    std::string name;
    std::string principal;  ///< the ARN, else the user name, else the principal id, else who invoked it
    std::string secret;     ///< the first resource's ARN, else what the request named
    std::string error_code;
    std::string source_address;
    std::string event_id;
    std::string source;  ///< eventSource
    std::string user_name;
    std::string principal_id;
    bool read_only = false;

    /// When it happened; nothing when the event has no time.
    [[nodiscard]] std::optional<Timestamp> when() const;
};

/// Nothing when `event` has not the shape of one.
[[nodiscard]] std::optional<EventSummary> summarize(const boost::json::object& event);

/// The secrets that `event` is about: those it was resolved to, then what else the request named.
[[nodiscard]] std::vector<EventSecret> secrets_of(const boost::json::object& event);

/// Members that are empty match everything. `*` stands for any characters in the three patterns.
struct EventFilter {
    std::string
        secret;  ///< ARN, name, or what the request named; an ARN's six random characters may be left out
    std::string principal;           ///< ARN, user name or principal id
    std::string action;              ///< e.g. GetSecretValue; of any case
    std::string outcome;             ///< what event_outcome() knows
    std::optional<Timestamp> since;  ///< inclusive
    std::optional<Timestamp> until;  ///< exclusive

    [[nodiscard]] bool matches(const boost::json::object& event) const;
};

/// Whether `text` matches `pattern`, in which `*` stands for any characters. Takes time in proportion to the
/// product of the two lengths at most.
[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view text) noexcept;

/// `text` for a terminal: control characters, also those of Unicode (C1, direction marks, line separators),
/// and what is not UTF-8 become '?'.
[[nodiscard]] std::string terminal_text(std::string_view text);

}  // namespace coffer::audit
