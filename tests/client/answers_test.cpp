// What the program says of answers: exit codes, hints, and the form that --output asks for.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "program_test.hpp"
#include "proto/names.hpp"

namespace coffer::client_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class AnswersTest : public ProgramTest {
protected:
    AnswersTest()
        : ProgramTest([this](Session& session, const v1::Request& request) {
              const std::string operation(proto::operation_name(request.operation_case()));
              if (const auto refusal = refusals.find(operation); refusal != refusals.end()) {
                  return session.respond(request, refusal->second.first, refusal->second.second, false);
              }
              v1::Response response = answers[operation];
              response.set_id(request.id());
              session.respond(std::move(response));
          }) {}

    /// By operation; set before anything runs.
    std::map<std::string, v1::Response> answers;
    std::map<std::string, std::pair<v1::ErrorCode, std::string>> refusals;
};

TEST_F(AnswersTest, DamagedSecretsAreExitCodeOne) {
    auto& found = *answers["ListDamagedSecrets"].mutable_list_damaged_secrets();
    found.set_checked(3);
    for (const char* line : {"damaged list", "damaged list --output json"}) {
        EXPECT_EQ(run_both(std::string("$COFFER ") + line).code, 0) << line;
    }
    const std::string row = "2f6c1e0a-8a54-4d0e-9b57-3c5d1f0e7a11";
    auto& one = *found.add_damaged_secrets();
    one.set_row_id(row);
    one.set_name("app/db");
    for (const std::string& line :
         std::vector<std::string>{"damaged list", "damaged list " + row, "damaged list --output json",
                                  "damaged list --output json " + row}) {
        const auto answer = run("$COFFER " + line + " 2>/dev/null");
        EXPECT_EQ(answer.code, 1) << line;
        EXPECT_THAT(answer.out, HasSubstr(row)) << line;
    }
    EXPECT_THAT(run_both("$COFFER damaged list").out, HasSubstr("1 of 3 secrets are damaged"));
    EXPECT_THAT(run("$COFFER damaged list --output json 2>/dev/null").out, StartsWith("{\n"));
}

TEST_F(AnswersTest, NoEventIsExitCodeOne) {
    answers["LookupEvents"].mutable_lookup_events();
    for (const char* line : {"audit search --secret x", "audit search --secret x --output json"}) {
        const auto none = run_both(std::string("$COFFER ") + line);
        EXPECT_EQ(none.code, 1) << line;
        EXPECT_THAT(none.out, HasSubstr("no event matches")) << line;
    }
    const auto unknown = run_both("$COFFER audit search --outcome error");
    EXPECT_EQ(unknown.code, 2);
    EXPECT_THAT(unknown.out, AllOf(HasSubstr("--outcome"), HasSubstr("success, failure, denied")));
    EXPECT_EQ(run_both("$COFFER audit tail --outcome error").code, 2);
    auto& event = *answers["LookupEvents"].mutable_lookup_events()->add_events();
    event.set_event_id("7116c6a1-5c3f-4b57-9d0e-2f1d6f0c9a11");
    for (const char* outcome : {"Denied", "resourcenotfoundexception", "SUCCESS"}) {
        EXPECT_EQ(run_both(std::string("$COFFER audit search --outcome ") + outcome).code, 0) << outcome;
    }
}

// Whoever is pointed to a list finds there what was wrong.
TEST_F(AnswersTest, HintsNameTheListThatHelps) {
    struct Case {
        std::string line;
        std::string operation;
        v1::ErrorCode code;
        std::string message;  ///< the daemon's words
        std::string hint;     ///< empty: there is none
    };
    const std::vector<Case> cases{
        {"rotate-secret --secret-id a --rotation-lambda-arn arn:x", "RotateSecret", v1::ACCESS_DENIED,
         "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy "
         "grants access "
         "to the principal secretsmanager.amazonaws.com.",
         "coffer rotation functions"},
        {"certificate crl x", "GetCertificateRevocationList", v1::RESOURCE_NOT_FOUND,
         "This node has no certificate authority of that name, or it has made no revocation list yet.",
         "coffer certificate authorities"},
        {"certificate revoke --serial 12 --reason superseded", "RevokeCertificate", v1::RESOURCE_NOT_FOUND,
         "No authority of Coffer's has a certificate with that serial number on record.",
         "coffer certificate list"},
        {"key retire --generation 7 --force", "RetireKeyGenerations", v1::RESOURCE_NOT_FOUND,
         "alias/main has no generation 7.", "coffer key describe"},
        {"key describe x", "DescribeKey", v1::RESOURCE_NOT_FOUND, "Key 'alias/x' does not exist",
         "coffer key list"},
        {"key cancel-deletion x", "CancelKeyDeletion", v1::INVALID_REQUEST,
         "alias/x is not pending deletion.", ""},
        {"get a", "GetSecretValue", v1::INVALID_REQUEST,
         "You can't perform this operation on the secret because it was marked for deletion.",
         "coffer restore NAME"},
        {"get a", "GetSecretValue", v1::RESOURCE_NOT_FOUND,
         "Secrets Manager can't find the specified secret.", "coffer ls shows the names"},
    };
    for (const auto& each : cases) {
        refusals = {{each.operation, {each.code, each.message}}};
        const auto refused = run_both("$COFFER " + each.line);
        EXPECT_EQ(refused.code, 254) << each.line << ": " << refused.out;
        if (each.hint.empty()) {
            EXPECT_THAT(refused.out, Not(HasSubstr("Hint:"))) << each.line;
        } else {
            EXPECT_THAT(refused.out, HasSubstr("Hint: " + each.hint)) << each.line;
        }
    }
}

TEST_F(AnswersTest, WaitingForWhatIsPausedSaysHowToGoOn) {
    answers["RotateSecret"].mutable_rotate_secret();
    auto& rotation = *answers["GetRotation"].mutable_get_rotation()->mutable_rotation();
    rotation.set_name("app/db");
    rotation.set_state("Paused");
    auto paused = run_both("$COFFER rotation force app/db --wait");
    EXPECT_EQ(paused.code, 1);
    EXPECT_THAT(paused.out, HasSubstr("coffer rotation resume app/db"));
    rotation.set_state("Due");
    answers["GetRotation"].mutable_get_rotation()->set_all_paused(true);
    paused = run_both("$COFFER rotation force app/db --wait");
    EXPECT_EQ(paused.code, 1);
    EXPECT_THAT(paused.out, HasSubstr("coffer rotation resume --all"));
}

TEST_F(AnswersTest, OutputIsOfAllVerbsOfAGroup) {
    answers["PauseRotations"].mutable_pause_rotations();
    answers["ResumeRotations"].mutable_resume_rotations();
    // Answers without members, which the AWS CLI shows as nothing.
    for (const char* line : {"rotation pause app/db --output json", "rotation resume --all --output json"}) {
        const auto answered = run_both(std::string("$COFFER ") + line);
        EXPECT_EQ(answered.code, 0) << line;
        EXPECT_EQ(answered.out, "") << line;
    }
    answers["DisableKeyRotation"].mutable_disable_key_rotation();
    auto& key = *answers["DescribeKey"].mutable_describe_key()->mutable_key_metadata();
    key.set_alias("alias/main");
    const auto scheduled = run("$COFFER key schedule-rotation --never --output json");
    EXPECT_EQ(scheduled.code, 0);
    EXPECT_THAT(scheduled.out, AllOf(StartsWith("{\n"), HasSubstr("\"Alias\": \"alias/main\"")));
    answers["RotateSecret"].mutable_rotate_secret();
    auto& rotated = *answers["GetRotation"].mutable_get_rotation();
    rotated.mutable_rotation()->set_state("Failed");
    rotated.mutable_rotation()->set_last_error("no route");
    EXPECT_EQ(run_both("$COFFER rotation force app/db --wait --output json").code, 1);
}

TEST_F(AnswersTest, WhereOutputIsRefusedAndInTheManualStandTheVerbsThatHaveIt) {
    const auto refused = run_both("$COFFER get a --output json");
    EXPECT_EQ(refused.code, 2);
    std::ifstream manual(COFFER_SOURCE_DIR "/docs/coffer.md");
    std::string row;
    for (std::string line; std::getline(manual, line);) {
        if (line.starts_with("| `--output ")) row = line;
    }
    for (const char* group : {"coffer iam", "coffer sts", "coffer audit", "coffer key", "coffer rotation",
                              "coffer certificate", "coffer damaged"}) {
        EXPECT_THAT(refused.out, HasSubstr(group));
        EXPECT_THAT(row, HasSubstr(std::string("`") + group + "`"));
    }
    for (const char* verb : {"ls", "history", "usage", "unused", "whoami"}) {
        EXPECT_THAT(refused.out, HasSubstr(std::string(" ") + verb));
        EXPECT_THAT(row, HasSubstr(std::string("`") + verb + "`"));
    }
    EXPECT_THAT(refused.out, HasSubstr("coffer iam (but export)"));
}

}  // namespace
}  // namespace coffer::client_test
