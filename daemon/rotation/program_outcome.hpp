#pragma once
// What a program's end means for the step that it was run for.

#include <string>
#include <string_view>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/redaction.hpp"
#include "daemon/rotation/runner_client.hpp"

namespace coffer::rotation {

/// Exit codes, those of sysexits.h where it has one. Any other is a failure that may mend itself.
enum ProgramExit : int {
    kProgramDone = 0,
    kProgramKnowsNoSuchStep = 64,  ///< EX_USAGE
    kProgramValueRefused = 65,     ///< EX_DATAERR
    kProgramTryAgain = 75,         ///< EX_TEMPFAIL
    kProgramHopeless = 78,         ///< EX_CONFIG
};

/// The step of `coffer rotation check`, besides those of a rotation.
inline constexpr std::string_view kCheckStep = "check";

/// `name` is the program's, `step` what it was to do.
struct ProgramStep {
    std::string name;
    std::string step;
};

/// What it means that a step cannot be begun as things are configured. Before there is a new value somebody
/// has to look (hopeless). Later the target may have taken it, and a rotation that was laid aside would leave
/// AWSCURRENT without a login: it is tried again.
[[nodiscard]] StepFailed::Kind kind_of_refusal(std::string_view step) noexcept;

/// Returns when the program did what it was to do. Otherwise throws StepFailed: of the kind that the exit
/// code stands for, with the end of what the program said, redacted. What the runner refuses is of
/// kind_of_refusal().
void require_done(const ProgramRun& run, const ProgramStep& what, const Redactor& redactor);

/// What the program said last, redacted, as one line; empty when it said nothing.
[[nodiscard]] std::string last_words_of(const ProgramRun& run, const Redactor& redactor);

}  // namespace coffer::rotation
