#include "tests/hsm-shim/rules.hpp"

#include <algorithm>

#include "tests/hsm-shim/functions.hpp"
#include "tests/hsm-shim/names.hpp"

namespace coffer::shim {
namespace {

using Words = std::vector<std::string_view>;

/// The words of a line, without its comment.
Words split(std::string_view line) {
    line = line.substr(0, line.find('#'));
    constexpr std::string_view kBlank = " \t\r";
    Words words;
    while (true) {
        const auto begin = line.find_first_not_of(kBlank);
        if (begin == std::string_view::npos) return words;
        line.remove_prefix(begin);
        const auto end = std::min(line.find_first_of(kBlank), line.size());
        words.push_back(line.substr(0, end));
        line.remove_prefix(end);
    }
}

[[noreturn]] void refuse(std::string_view what, std::string_view word) {
    throw RulesError(std::string(what) + " '" + std::string(word) + "'");
}

std::string_view word_at(const Words& words, std::size_t index) {
    if (index >= words.size())
        throw RulesError("a word is missing after '" + std::string(words.back()) + "'");
    return words[index];
}

void end_at(const Words& words, std::size_t index) {
    if (index < words.size()) refuse("unexpected", words[index]);
}

Pattern pattern_of(std::string_view word) {
    const auto pattern = Pattern::parse(word);
    if (!pattern) refuse("not a PKCS#11 function or *:", word);
    return *pattern;
}

CK_ULONG positive(std::string_view word) {
    const auto value = number(word);
    if (!value || *value == 0) refuse("not a number above 0:", word);
    return *value;
}

std::chrono::microseconds duration_of(std::string_view word) {
    const auto digits = std::min(word.find_first_not_of("0123456789"), word.size());
    const auto value = number(word.substr(0, digits));
    const auto unit = word.substr(digits);
    // An hour is more than any test waits, and keeps the arithmetic away from overflow.
    if (!value || *value > 3'600'000'000UL) refuse("not a duration (like 500us, 5ms, 2s):", word);
    const auto count = static_cast<std::int64_t>(*value);
    if (unit == "us") return std::chrono::microseconds(count);
    if (unit == "ms") return std::chrono::milliseconds(count);
    if (unit == "s") return std::chrono::seconds(count);
    refuse("not a duration (like 500us, 5ms, 2s):", word);
}

CK_RV code_of(std::string_view word) {
    const auto code = return_code(word);
    if (!code) refuse("not a return code:", word);
    return *code;
}

IvMode iv_mode_of(std::string_view word) {
    if (word == "caller") return IvMode::caller;
    if (word == "written-back") return IvMode::written_back;
    if (word == "appended") return IvMode::appended;
    refuse("not an IV mode (caller, written-back, appended):", word);
}

CK_MECHANISM_TYPE mechanism_of(std::string_view word) {
    const auto type = mechanism(word);
    if (!type) refuse("not a mechanism:", word);
    return *type;
}

}  // namespace

std::optional<Pattern> Pattern::parse(std::string_view text) {
    Pattern pattern;
    if (text == "*") return pattern;
    const auto function = function_index(text);
    if (function == kFunctionCount) return std::nullopt;
    pattern.function_ = function;
    return pattern;
}

bool Pattern::matches(std::size_t function) const noexcept {
    if (function_) return *function_ == function;
    return kFunctionInfo[function].scope != Scope::library;
}

std::optional<CK_RV> FailRule::strike(std::size_t function) noexcept {
    if (!pattern_.matches(function)) return std::nullopt;
    const auto call = calls_.fetch_add(1) + 1;
    const bool strikes = when_ == When::always || (when_ == When::first && call <= n_) ||
                         (when_ == When::every && call % n_ == 0);
    return strikes ? std::optional(code_) : std::nullopt;
}

std::chrono::microseconds Rules::latency(std::size_t function) const noexcept {
    std::chrono::microseconds general{0};
    for (const auto& rule : latencies_) {
        if (!rule.pattern.matches(function)) continue;
        if (rule.pattern.names_one()) return rule.delay;
        general = rule.delay;
    }
    return general;
}

bool Rules::hangs(std::size_t function) const noexcept {
    return std::ranges::any_of(hangs_, [&](const Pattern& pattern) { return pattern.matches(function); });
}

std::optional<CK_RV> Rules::failure(std::size_t function) noexcept {
    for (auto& rule : fails_) {
        if (const auto code = rule.strike(function)) return code;
    }
    return std::nullopt;
}

std::optional<CK_MECHANISM_TYPE> Rules::real_mechanism(CK_MECHANISM_TYPE shown) const {
    if (hides(shown) || shown_as_.contains(shown)) return std::nullopt;
    const auto renumbered = std::ranges::find(shown_as_, shown, [](const auto& pair) { return pair.second; });
    return renumbered != shown_as_.end() ? renumbered->first : shown;
}

std::optional<CK_MECHANISM_TYPE> Rules::shown_mechanism(CK_MECHANISM_TYPE real) const {
    if (hides(real)) return std::nullopt;
    const auto renumbered = shown_as_.find(real);
    return renumbered != shown_as_.end() ? renumbered->second : real;
}

std::shared_ptr<Rules> Rules::parse(std::string_view text) {
    auto rules = std::make_shared<Rules>();
    for (std::size_t line_number = 1; !text.empty(); ++line_number) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto words = split(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (words.empty()) continue;
        try {
            rules->add_line(words);
        } catch (const RulesError& error) {
            throw RulesError("line " + std::to_string(line_number) + ": " + error.what());
        }
    }
    return rules;
}

void Rules::add_line(const Words& words) {
    const auto verb = words.front();
    if (verb == "fail") return add_fail(words);
    if (verb == "power-cycle") return add_power_cycle(words);
    if (verb == "unwrap-wants-value-len") {
        unwrap_wants_value_len = true;
        return end_at(words, 1);
    }
    const auto argument = word_at(words, 1);
    if (verb == "latency") {
        latencies_.push_back({pattern_of(argument), duration_of(word_at(words, 2))});
        return end_at(words, 3);
    }
    if (verb == "renumber-mechanism") {
        shown_as_[mechanism_of(argument)] = mechanism_of(word_at(words, 2));
        return end_at(words, 3);
    }
    if (verb == "hang") {
        hangs_.push_back(pattern_of(argument));
    } else if (verb == "forget-login") {
        forget_login = positive(argument);
    } else if (verb == "max-sessions") {
        max_sessions = positive(argument);
    } else if (verb == "max-call-bytes") {
        max_call_bytes = positive(argument);
    } else if (verb == "max-hmac-bytes") {
        max_hmac_bytes = positive(argument);
    } else if (verb == "iv") {
        iv_mode = iv_mode_of(argument);
    } else if (verb == "hide-mechanism") {
        hidden_.insert(mechanism_of(argument));
    } else {
        refuse("unknown rule", verb);
    }
    end_at(words, 2);
}

void Rules::add_fail(const Words& words) {
    const auto pattern = pattern_of(word_at(words, 1));
    const auto code = code_of(word_at(words, 2));
    auto when = FailRule::When::always;
    std::uint64_t n = 1;
    std::size_t used = 3;
    if (words.size() > used) {
        const auto word = words[used++];
        if (word == "once") {
            when = FailRule::When::first;
        } else if (word == "times" || word == "every") {
            when = word == "times" ? FailRule::When::first : FailRule::When::every;
            n = positive(word_at(words, used++));
        } else {
            refuse("neither once, times N nor every N:", word);
        }
    }
    end_at(words, used);
    fails_.emplace_back(pattern, code, when, n);
}

void Rules::add_power_cycle(const Words& words) {
    PowerCycle cycle;
    cycle.number = positive(word_at(words, 1));
    std::size_t used = 2;
    if (words.size() > used && words[used] == "down") {
        cycle.down = duration_of(word_at(words, used + 1));
        used += 2;
    } else if (words.size() > used && words[used] == "until-initialize") {
        cycle.until_initialize = true;
        used += 1;
    }
    if (used > 2 && words.size() > used) cycle.code = code_of(words[used++]);
    end_at(words, used);
    power_cycle = cycle;
}

}  // namespace coffer::shim
