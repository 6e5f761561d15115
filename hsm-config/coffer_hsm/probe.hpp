#pragma once
// What `coffer-hsm check` finds out about a token, step by step.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "crypto/profile.hpp"
#include "crypto/slot.hpp"
#include "hsm-config/coffer_hsm/commands.hpp"

namespace coffer::hsm_config {

enum class StepResult : std::uint8_t {
    ok,
    note,    ///< usable, but an operator should know
    failed,  ///< the daemon could not use the token
};

/// What one step came to.
struct Verdict {
    StepResult result = StepResult::ok;
    std::string detail;
    std::string advice;  ///< what to change; empty for ok
};

struct Step {
    std::string name;
    Verdict verdict;
};

/// How often a second a call, or the calls that belong together, can be done.
struct Rate {
    std::string what;
    std::size_t threads = 1;
    double per_second = 0;
};

struct Findings {
    std::vector<Step> steps;
    std::optional<crypto::TokenInfo> token;
    std::vector<std::string> mechanisms;  ///< what is used, e.g. "payloads: CKM_AES_GCM"
    std::vector<Rate> rates;
    /// What the daemon should be told about the token; meaningful when usable().
    crypto::Profile profile;

    [[nodiscard]] bool usable() const;
};

/// Runs all steps up to the first that makes the rest pointless. Leaves nothing in the token. One login try.
/// Throws only for what is wrong before the first step (the profile, the URI, the PIN's source).
[[nodiscard]] Findings run_probe(const CheckOptions& options);

}  // namespace coffer::hsm_config
