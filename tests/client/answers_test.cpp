// What the program says of answers: exit codes, hints, and the form that --output asks for.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace coffer::client_test
