#include "daemon/handler_credentials.hpp"

#include "daemon/iam/names.hpp"
#include "daemon/rotation/function.hpp"
#include "daemon/sts/service_sessions.hpp"

namespace coffer::daemon {

namespace {

constexpr const char* kService = "lambda.amazonaws.com";

sts::ServiceSession session_of(const std::string& role, const std::string& name) {
    return {.role = role, .service = kService, .session_name = name};
}

}  // namespace

rotation::StepCredentials HandlerCredentials::issue(const std::string& role, const std::string& session,
                                                    Deadline deadline) {
    const auto directory = keeper_.directory();
    try {
        auto made =
            sts::begin_service_session(*directory, tokens_, session_of(role, session), parts_.clock.now());
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
