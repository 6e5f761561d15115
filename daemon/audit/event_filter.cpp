#include "daemon/audit/event_filter.hpp"

#include <algorithm>
#include <boost/json/array.hpp>

#include "daemon/audit/event.hpp"
#include "daemon/audit/utc_time.hpp"
#include "daemon/audit/utf8.hpp"
#include "daemon/base/event_outcome.hpp"

namespace coffer::audit {

namespace {

namespace json = boost::json;

const json::object* object_in(const json::object& parent, json::string_view name) {
    const auto* value = parent.if_contains(name);
    return value != nullptr ? value->if_object() : nullptr;
}

std::string text_in(const json::object* object, json::string_view name) {
    const auto* value = object != nullptr ? object->if_contains(name) : nullptr;
    const auto* text = value != nullptr ? value->if_string() : nullptr;
    return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

std::vector<std::string> resource_arns(const json::object& event) {
    std::vector<std::string> out;
    const auto* value = event.if_contains("resources");
    const auto* list = value != nullptr ? value->if_array() : nullptr;
    if (list == nullptr) return out;
    for (const auto& resource : *list) out.push_back(text_in(resource.if_object(), "ARN"));
    return out;
}

/// What the request calls the secrets that it is about.
std::vector<std::string> requested_secrets(const json::object& event) {
    std::vector<std::string> out;
    const auto* parameters = object_in(event, "requestParameters");
    for (const auto* name : {"secretId", "name"}) {
        auto text = text_in(parameters, name);
        if (!text.empty()) out.push_back(std::move(text));
    }
    const auto* value = parameters != nullptr ? parameters->if_contains("secretIdList") : nullptr;
    const auto* list = value != nullptr ? value->if_array() : nullptr;
    if (list == nullptr) return out;
    for (const auto& element : *list) {
        if (const auto* text = element.if_string()) out.emplace_back(text->data(), text->size());
    }
    return out;
}

/// The name in arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-XXXXXX, with and without the suffix.
std::vector<std::string> names_in_arn(const std::string& arn) {
    constexpr std::string_view kMark = ":secret:";
    constexpr std::size_t kSuffix = 7;
    const auto at = arn.find(kMark);
    if (at == std::string::npos) return {};
    auto name = arn.substr(at + kMark.size());
    std::vector<std::string> out{name};
    if (name.size() > kSuffix && name[name.size() - kSuffix] == '-') {
        out.push_back(name.substr(0, name.size() - kSuffix));
        out.push_back(arn.substr(0, arn.size() - kSuffix));
    }
    return out;
}

bool any_matches(const std::string& pattern, const std::vector<std::string>& texts) {
    return std::any_of(texts.begin(), texts.end(),
                       [&](const auto& text) { return glob_matches(pattern, text); });
}

bool secret_matches(const std::string& pattern, const json::object& event) {
    if (pattern.empty()) return true;
    for (const auto& arn : resource_arns(event)) {
        if (glob_matches(pattern, arn) || any_matches(pattern, names_in_arn(arn))) return true;
    }
    return any_matches(pattern, requested_secrets(event));
}

bool principal_matches(const std::string& pattern, const json::object& event) {
    if (pattern.empty()) return true;
    const auto* identity = object_in(event, "userIdentity");
    return any_matches(pattern, {text_in(identity, "arn"), text_in(identity, "userName"),
                                 text_in(identity, "principalId"), text_in(identity, "invokedBy")});
}

std::string lower(std::string text) {
    for (auto& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

bool outcome_matches(const std::string& wanted, const std::string& error_code) {
    if (wanted.empty()) return true;
    const auto outcome = event_outcome(wanted);
    if (outcome == "success") return error_code.empty();
    if (outcome == "failure") return !error_code.empty();
    if (outcome == "denied") return error_code.starts_with("AccessDenied");
    return outcome == error_code;
}

/// Characters that change how a terminal shows others: U+0080 to U+009F, U+200B to U+200F, U+2028 to U+202E,
/// U+2066 to U+2069, U+FEFF; as UTF-8.
std::size_t invisible_length(std::string_view text) noexcept {
    const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    if (at(0) == 0xC2 && at(1) >= 0x80 && at(1) <= 0x9F) return 2;
    if (at(0) == 0xE2 && at(1) == 0x80 &&
        ((at(2) >= 0x8B && at(2) <= 0x8F) || (at(2) >= 0xA8 && at(2) <= 0xAE))) {
        return 3;
    }
    if (at(0) == 0xE2 && at(1) == 0x81 && at(2) >= 0xA6 && at(2) <= 0xA9) return 3;
    if (at(0) == 0xEF && at(1) == 0xBB && at(2) == 0xBF) return 3;
    return 0;
}

}  // namespace

std::optional<EventSummary> summarize(const json::object& event) {
    EventSummary out;
    out.name = text_in(&event, "eventName");
    out.event_id = text_in(&event, "eventID");
    if (out.name.empty() || out.event_id.empty()) return std::nullopt;
    out.time = text_in(&event, "eventTime");
    if (const auto* additional = object_in(event, "additionalEventData")) {
        const auto* time = additional->if_contains("timeMs");
        if (time != nullptr && time->is_int64()) out.time_ms = time->get_int64();
    }
    const auto* identity = object_in(event, "userIdentity");
    for (const auto* name : {"arn", "userName", "principalId", "invokedBy"}) {
        if (out.principal.empty()) out.principal = text_in(identity, name);
    }
    const auto arns = resource_arns(event);
    const auto requested = requested_secrets(event);
    if (!arns.empty()) {
        out.secret = arns.front();
    } else if (!requested.empty()) {
        out.secret = requested.front();
    }
    out.error_code = text_in(&event, "errorCode");
    out.source_address = text_in(&event, "sourceIPAddress");
    out.source = text_in(&event, "eventSource");
    out.user_name = text_in(identity, "userName");
    out.principal_id = text_in(identity, "principalId");
    const auto* read_only = event.if_contains("readOnly");
    out.read_only = read_only != nullptr && read_only->is_bool() && read_only->get_bool();
    return out;
}

std::optional<Timestamp> EventSummary::when() const {
    if (time_ms) return Timestamp::from_millis(*time_ms);
    return parse_utc(time);
}

std::vector<EventSecret> secrets_of(const json::object& event) {
    std::vector<EventSecret> out;
    std::vector<std::string> known;
    const auto add = [&](const std::string& secret) {
        const auto names = names_in_arn(secret);
        out.push_back({secret, names.empty() ? secret : names[names.size() > 1 ? 1 : 0]});
        known.push_back(secret);
        known.insert(known.end(), names.begin(), names.end());
    };
    for (const auto& arn : resource_arns(event)) add(arn);
    for (const auto& requested : requested_secrets(event)) {
        if (std::find(known.begin(), known.end(), requested) == known.end()) add(requested);
    }
    return out;
}

bool EventFilter::matches(const json::object& event) const {
    const auto summary = summarize(event);
    if (!summary) return false;
    if (!action.empty() && !glob_matches(lower(action), lower(summary->name))) return false;
    if (!outcome_matches(outcome, summary->error_code)) return false;
    if (since || until) {
        const auto time = summary->when();
        if (!time || (since && *time < *since) || (until && *time >= *until)) return false;
    }
    return principal_matches(principal, event) && secret_matches(secret, event);
}

bool glob_matches(std::string_view pattern, std::string_view text) noexcept {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;
    std::size_t resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && pattern[p] == text[t]) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

std::string terminal_text(std::string_view text) {
    const auto clean = clean_utf8(text, 3 * text.size());
    std::string out;
    for (std::size_t i = 0; i < clean.size();) {
        const auto skip = invisible_length(std::string_view(clean).substr(i));
        if (skip > 0) {
            out += '?';
            i += skip;
            continue;
        }
        const char c = clean[i++];
        out += (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) ? '?' : c;
    }
    return out;
}

}  // namespace coffer::audit
