#pragma once
// A rotation function in the shape of AWS Lambda's: a Python file with HANDLER(event, context), which makes
// its own requests at Coffer's AWS endpoint with temporary credentials of a role. coffer-runner runs it. What
// it did is looked at afterwards: docs/rotation.md, "AWS Lambda handlers".

#include <memory>
#include <string>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/program_outcome.hpp"
#include "daemon/rotation/role_credentials.hpp"
#include "daemon/rotation/runner_client.hpp"

namespace coffer::rotation {

struct LambdaSettings {
    /// The function's own name and ARN, as its context has them.
    std::string name;
    std::string arn;
    /// Its name in the runner's configuration.
    std::string program;
    /// Name of the role that it acts as.
    std::string role;
    std::string region;
    /// "https://HOST:PORT": an AWS listener of Coffer's.
    std::string endpoint;
    /// CA certificates of that listener, on the runner's side; empty: the system's.
    std::string ca_file;
};

class LambdaFunction final : public Function {
public:
    LambdaFunction(LambdaSettings settings, RunnerClient runner, std::shared_ptr<RoleCredentials> credentials)
        : settings_(std::move(settings)), runner_(std::move(runner)), credentials_(std::move(credentials)) {}

    [[nodiscard]] std::string_view kind() const noexcept override { return "lambda"; }
    void run(Step step, const StepContext& context, SecretValues& values) override;
    [[nodiscard]] std::vector<Check> check(const StepContext& context, SecretValues& values) override;

private:
    [[nodiscard]] crypto::SecretBytes input(std::string_view step, const StepContext& context,
                                            const StepCredentials& credentials) const;
    /// Throws StepFailed when there are no credentials: before there is a new value hopeless, later retry.
    [[nodiscard]] StepCredentials issue(std::string_view step, const StepContext& context) const;
    /// Throws StepFailed (hopeless) when the new version is AWSCURRENT before the target was told of it.
    void refuse_moved_label(SecretValues& values) const;
    /// Throws StepFailed when the handler did not leave behind what the step is for.
    void verify(Step step, SecretValues& values) const;

    const LambdaSettings settings_;
    const RunnerClient runner_;
    const std::shared_ptr<RoleCredentials> credentials_;
};

}  // namespace coffer::rotation
