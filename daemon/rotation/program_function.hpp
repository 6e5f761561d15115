#pragma once
// A rotation function that is a program of somebody's own: coffer-runner starts it for each step, with the
// event and the values as JSON on its standard input. What it reads, prints and means by its exit code:
// docs/rotation.md, "Programs".

#include <string>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/password.hpp"
#include "daemon/rotation/program_outcome.hpp"
#include "daemon/rotation/runner_client.hpp"

namespace coffer::rotation {

struct ProgramSettings {
    /// Its name in the runner's configuration.
    std::string program;
    /// Coffer makes the new value, a password, and the program is not asked for one.
    bool makes_password = false;
    /// With makes_password: the field of a JSON object that becomes a new one; empty: the whole value does.
    std::string field;
    PasswordPolicy password;
};

class ProgramFunction final : public Function {
public:
    ProgramFunction(ProgramSettings settings, RunnerClient runner)
        : settings_(std::move(settings)), runner_(std::move(runner)) {}

    [[nodiscard]] std::string_view kind() const noexcept override { return "exec"; }
    void run(Step step, const StepContext& context, SecretValues& values) override;
    [[nodiscard]] std::vector<Check> check(const StepContext& context, SecretValues& values) override;

private:
    [[nodiscard]] crypto::SecretBytes make(const StepContext& context, SecretValues& values);
    /// `redactor` gets to know the values that the program is told.
    [[nodiscard]] ProgramRun start(std::string_view step, const StepContext& context, SecretValues& values,
                                   Redactor& redactor) const;

    const ProgramSettings settings_;
    const RunnerClient runner_;
};

}  // namespace coffer::rotation
