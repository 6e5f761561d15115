#pragma once
// What the control file says, parsed. README.md has the language.

#include <p11-kit/pkcs11.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace coffer::shim {

/// A line that cannot be understood. `what()` names the line and what is wrong with it.
class RulesError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// One function, or all functions of slots and sessions (`*`).
class Pattern {
public:
    [[nodiscard]] static std::optional<Pattern> parse(std::string_view text);
    [[nodiscard]] bool matches(std::size_t function) const noexcept;
    [[nodiscard]] bool names_one() const noexcept { return function_.has_value(); }

private:
    std::optional<std::size_t> function_;
};

/// `fail PATTERN CODE [once | times N | every N]`. Counts the calls that match it, from any thread.
class FailRule {
public:
    enum class When : std::uint8_t { always, first, every };
    FailRule(Pattern pattern, CK_RV code, When when, std::uint64_t n)
        : pattern_(pattern), code_(code), when_(when), n_(n) {}

    /// The code to answer this call with, when the rule means this call.
    [[nodiscard]] std::optional<CK_RV> strike(std::size_t function) noexcept;

private:
    Pattern pattern_;
    CK_RV code_;
    When when_;
    std::uint64_t n_;
    std::atomic<std::uint64_t> calls_{0};
};

struct LatencyRule {
    Pattern pattern;
    std::chrono::microseconds delay;
};

/// `power-cycle N [down DURATION | until-initialize] [CODE]`.
struct PowerCycle {
    std::uint64_t number = 0;
    std::chrono::microseconds down{0};
    bool until_initialize = false;
    CK_RV code = CKR_DEVICE_REMOVED;  ///< the answer to everything while down
};

enum class IvMode : std::uint8_t { caller, written_back, appended };

/// Immutable but for the counters of its fail rules.
class Rules {
public:
    /// Throws RulesError.
    [[nodiscard]] static std::shared_ptr<Rules> parse(std::string_view text);

    /// The delay of a call: that of a rule that names the function, else that of `*`, else none.
    [[nodiscard]] std::chrono::microseconds latency(std::size_t function) const noexcept;
    [[nodiscard]] bool hangs(std::size_t function) const noexcept;
    /// The first fail rule that strikes this call. Every call is to be asked about once.
    [[nodiscard]] std::optional<CK_RV> failure(std::size_t function) noexcept;
    [[nodiscard]] bool hides(CK_MECHANISM_TYPE type) const { return hidden_.contains(type); }
    /// The real module's number of the mechanism that callers know as `shown`; nothing when it is hidden, or
    /// has another number here.
    [[nodiscard]] std::optional<CK_MECHANISM_TYPE> real_mechanism(CK_MECHANISM_TYPE shown) const;
    /// What callers know the real module's mechanism as; nothing when it is hidden.
    [[nodiscard]] std::optional<CK_MECHANISM_TYPE> shown_mechanism(CK_MECHANISM_TYPE real) const;

    std::optional<PowerCycle> power_cycle;
    std::uint64_t forget_login = 0;           ///< 0: never
    std::optional<std::size_t> max_sessions;  ///< sessions open at once
    std::optional<CK_ULONG> max_call_bytes;   ///< plaintext of one C_Encrypt or C_Decrypt
    std::optional<CK_ULONG> max_hmac_bytes;   ///< message of one C_Sign by an HMAC
    IvMode iv_mode = IvMode::caller;
    bool unwrap_wants_value_len = false;

private:
    void add_line(const std::vector<std::string_view>& words);
    void add_fail(const std::vector<std::string_view>& words);
    void add_power_cycle(const std::vector<std::string_view>& words);

    std::deque<FailRule> fails_;
    std::vector<LatencyRule> latencies_;
    std::vector<Pattern> hangs_;
    std::set<CK_MECHANISM_TYPE> hidden_;
    std::map<CK_MECHANISM_TYPE, CK_MECHANISM_TYPE> shown_as_;  ///< by the real number
};

}  // namespace coffer::shim
