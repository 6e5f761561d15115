#include "daemon/handler_credentials.hpp"

#include <algorithm>
#include <chrono>

#include "daemon/iam/names.hpp"
#include "daemon/rotation/function.hpp"
#include "daemon/sts/service_sessions.hpp"

namespace coffer::daemon {

namespace {

constexpr const char* kService = "lambda.amazonaws.com";

constexpr std::chrono::seconds kShortestSession{60};
constexpr std::chrono::seconds kLongestSession{900};
/// For clocks that differ, and a last request on its way.
constexpr std::chrono::seconds kAfterStep{30};

sts::ServiceSession session_of(const std::string& role, const std::string& name,
                               std::chrono::seconds duration = kLongestSession) {
    return {.role = role, .service = kService, .session_name = name, .duration = duration};
}

/// What a program that was not killed in time could still use is to be good no longer than needed.
std::chrono::seconds session_length(Deadline deadline) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(deadline - std::chrono::steady_clock::now());
    return std::clamp(left + kAfterStep, kShortestSession, kLongestSession);
}

}  // namespace

rotation::StepCredentials HandlerCredentials::issue(const std::string& role, const std::string& session,
                                                    Deadline deadline) {
    const auto directory = keeper_.directory();
    try {
        auto made = sts::begin_service_session(
            *directory, tokens_, session_of(role, session, session_length(deadline)), parts_.clock.now());
        const auto* record = directory->records().find<iam::Role>(role);
        const auto arn = iam::arn_of(directory->account(), *record);
        // Known to the journal before anybody can use them.
        rotation::RotationWrites(parts_).run([](storage::WriteTransaction&) {},
                                             {"AssumeRole",
                                              kService,
                                              {arn},
                                              {{"roleArn", arn},
                                               {"roleSessionName", made.session->name},
                                               {"accessKeyId", made.session->access_key_id}}},
                                             deadline);
        return {made.session->access_key_id, std::move(made.secret_access_key),
                crypto::SecretBytes::copy_of(made.token)};
    } catch (const sts::RoleRefused& refused) {
        throw rotation::StepFailed(rotation::StepFailed::Kind::hopeless, refused.what());
    }
}

std::string HandlerCredentials::refusal_of(const std::string& role, const std::string& session) try {
    sts::require_role_for(*keeper_.directory(), session_of(role, session), parts_.clock.now());
    return "";
} catch (const sts::RoleRefused& refused) {
    return refused.what();
}

}  // namespace coffer::daemon
