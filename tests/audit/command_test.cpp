// The program coffer-audit, on real journals.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "audit_fixture.hpp"
#include "daemon/audit/event_filter.hpp"
#include "daemon/audit/journal_directory.hpp"
#include "run_program.hpp"

namespace coffer::audit {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::sample_event;

class CommandTest : public ::testing::Test {
protected:
    CommandTest() : directory_(folder_.sub("audit")) {
        testing::write_file(folder_.path() / "key.pem", signer_->public_pem());
        const auto journal = Journal::open(testing::small_config(directory_), signer_, nullptr, clock_);
        (void)testing::append(*journal, sample_event("app/db"));
        auto denied = sample_event("hr/pay");
        denied.user_identity.user_name = "mallory\x1B[2J";
        denied.user_identity.arn.clear();
        denied.error_code = "AccessDeniedException";
        denied.name = "PutSecretValue";
        denied_id_ = denied.event_id.text();
        (void)testing::append(*journal, denied);
        journal->close();
    }

    [[nodiscard]] testing::ProgramResult run(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), COFFER_AUDIT);
        return testing::run_program(arguments, {}, "", folder_.path());
    }
    [[nodiscard]] testing::ProgramResult verify(const std::string& output = "table") const {
        return run({"verify", directory_.string(), "--public-key", (folder_.path() / "key.pem").string(),
                    "--output", output});
    }

    testing::AuditFolder folder_;
    std::filesystem::path directory_;
    std::shared_ptr<testing::OpensslSigner> signer_ = std::make_shared<testing::OpensslSigner>();
    SystemClock clock_;
    std::string denied_id_;
};

TEST_F(CommandTest, VerifySaysGoodAndWhatIsWrong) {
    auto result = verify();
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("GOOD"));
    EXPECT_TRUE(boost::json::parse(verify("json").out).as_object().at("good").as_bool());

    const auto file = directory_ / segment_name(1);
    auto text = testing::read_file(file);
    text[text.find("hr/pay")] = 'X';
    testing::write_file(file, text);
    result = verify();
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.out, HasSubstr("WRONG: changed"));
    EXPECT_THAT(result.out, HasSubstr(denied_id_));
    const auto report = boost::json::parse(verify("json").out).as_object();
    EXPECT_FALSE(report.at("good").as_bool());
    EXPECT_EQ(report.at("findings").as_array().at(0).as_object().at("eventID").as_string(),
              denied_id_.c_str());
}

TEST_F(CommandTest, VerifyThatCannotJudge) {
    EXPECT_EQ(run({"verify", (folder_.path() / "absent").string(), "--public-key",
                   (folder_.path() / "key.pem").string()})
                  .exit_code,
              3);
    const auto result = run({"verify", directory_.string(), "--public-key", "/dev/null"});
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_THAT(result.err, HasSubstr("not a public key"));
    EXPECT_EQ(run({"verify", directory_.string()}).exit_code, 2);
    EXPECT_EQ(run({}).exit_code, 2);
}

TEST_F(CommandTest, SearchFilters) {
    const auto dir = directory_.string();
    auto result = run({"search", dir, "--secret", "app/db"});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.out, HasSubstr("GetSecretValue"));
    EXPECT_THAT(result.out, Not(HasSubstr("PutSecretValue")));
    result = run({"search", dir, "--outcome", "denied"});
    EXPECT_THAT(result.out, HasSubstr("AccessDeniedException"));
    EXPECT_THAT(result.out, HasSubstr("mallory?[2J"));
    EXPECT_THAT(result.out, Not(HasSubstr("\x1B")));
    for (const auto* outcome : {"Denied", "accessdenied", "AccessDeniedException"}) {
        EXPECT_EQ(run({"search", dir, "--outcome", outcome}).out, result.out) << outcome;
    }
    EXPECT_EQ(run({"search", dir, "--outcome", "SUCCESS"}).exit_code, 0);
    const auto unknown = run({"search", dir, "--outcome", "ResourceNotFoundExeption"});
    EXPECT_EQ(unknown.exit_code, 2);
    EXPECT_THAT(unknown.err,
                AllOf(HasSubstr("--outcome"), HasSubstr("did you mean 'ResourceNotFoundException'?")));
    const auto none = run({"search", dir, "--secret", "nobody"});
    EXPECT_EQ(none.exit_code, 1);
    EXPECT_EQ(none.err, "coffer-audit: no event matches\n");
    EXPECT_EQ(run({"search", dir, "--since", "2026-09-22", "--action", "get*"}).exit_code, 1);
    EXPECT_EQ(
        run({"search", dir, "--since", "2026-09-21", "--until", "2026-09-22", "--action", "get*"}).exit_code,
        0);
    EXPECT_EQ(run({"search", dir, "--since", "yesterday"}).exit_code, 2);
    EXPECT_EQ(testing::lines_of(run({"search", dir, "--limit", "2", "--output", "json"}).out).size(), 2U);
    EXPECT_EQ(run({"search", dir, "--principal", "arn:*user/app-a"}).exit_code, 0);
}

TEST_F(CommandTest, AFolderWithoutAJournalIsNotOneWithoutTheEvent) {
    const auto empty = folder_.sub("empty").string();
    const auto key = (folder_.path() / "key.pem").string();
    for (const auto& arguments : std::vector<std::vector<std::string>>{
             {"verify", empty, "--public-key", key}, {"search", empty}, {"show", empty, "--sequence", "1"}}) {
        const auto result = run(arguments);
        EXPECT_EQ(result.exit_code, 3) << arguments[0];
        EXPECT_THAT(result.err, HasSubstr("holds no journal")) << arguments[0];
    }
}

TEST_F(CommandTest, AnEmptyOptionIsNoneThatWasLeftOut) {
    for (const auto* option : {"--secret", "--principal", "--action", "--outcome", "--since", "--until"}) {
        const auto result = run({"search", directory_.string(), option, ""});
        EXPECT_EQ(result.exit_code, 2) << option;
        EXPECT_THAT(result.err, AllOf(HasSubstr(option), HasSubstr("empty"))) << option;
    }
    const auto none = run({"search", directory_.string(), "--limit", "0"});
    EXPECT_EQ(none.exit_code, 2);
    EXPECT_THAT(none.err, HasSubstr("1 to 1000000000"));
}

TEST_F(CommandTest, ShowOne) {
    const auto result = run({"show", directory_.string(), "--event-id", denied_id_});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.out, HasSubstr("PutSecretValue"));
    EXPECT_EQ(run({"show", directory_.string(), "--sequence", "1", "--output", "json"}).exit_code, 0);
    EXPECT_EQ(run({"show", directory_.string(), "--sequence", "99"}).exit_code, 1);
    EXPECT_EQ(run({"show", directory_.string()}).exit_code, 2);
}

TEST_F(CommandTest, HelpHasExamples) {
    for (const auto* command : {"verify", "search", "show"}) {
        EXPECT_THAT(run({command, "--help"}).out, HasSubstr("Example")) << command;
    }
}

TEST(EventFilter, SecretsByNameAndArn) {
    const auto event = boost::json::parse(to_json(testing::sample_event("app/db"))).as_object();
    for (const auto* pattern : {"app/db", "app/*", "*", "app/db-AbCdEf",
                                "arn:aws:secretsmanager:eu-1:123456789012:secret:app/db-AbCdEf",
                                "arn:aws:secretsmanager:eu-1:123456789012:secret:app/db"}) {
        EXPECT_TRUE((EventFilter{
            .secret = pattern, .principal = {}, .action = {}, .outcome = {}, .since = {}, .until = {}}
                         .matches(event)))
            << pattern;
    }
    for (const auto* pattern : {"app", "db", "app/db?", "APP/DB"}) {
        EXPECT_FALSE((EventFilter{
            .secret = pattern, .principal = {}, .action = {}, .outcome = {}, .since = {}, .until = {}}
                          .matches(event)))
            << pattern;
    }
}

TEST(TerminalText, NothingMovesTheCursor) {
    EXPECT_EQ(terminal_text("a\x1B[2J\n\xC2\x9B\xE2\x80\xAE\xFF\xC3\xA9"), "a?[2J???\xEF\xBF\xBD\xC3\xA9");
    EXPECT_TRUE(glob_matches("a*b*c", "aXXbYYc"));
    EXPECT_FALSE(glob_matches("a*b*c", "aXXbYY"));
}

}  // namespace
}  // namespace coffer::audit
