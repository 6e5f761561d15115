// The program `coffer` itself, against a server that keeps secrets in memory as the daemon does in its
// simplest cases. (What the daemon really does is in tests/secrets and tests/end-to-end.)

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "program_test.hpp"
#include "tests/support/terminal_job.hpp"

namespace coffer::client_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class CommandTest : public ProgramTest {
protected:
    struct Stored {
        std::string value;
        bool binary = false;
        bool deleted = false;
        std::string token;
        std::string description;
    };

    CommandTest()
        : ProgramTest([this](Session& session, const v1::Request& request) { answer(session, request); }) {}

    /// Runs a line of shell on a terminal of its own, and types the next of `lines` at each prompt. What the
    /// terminal showed.
    static std::string on_terminal(const std::string& line, const std::vector<std::string>& lines = {}) {
        int terminal = -1;
        const auto child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
        if (child == 0) {
            ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
            ::_exit(127);
        }
        std::string shown;
        std::array<char, 4096> chunk{};
        auto next = lines.begin();
        for (ssize_t got = 0; (got = ::read(terminal, chunk.data(), chunk.size())) > 0;) {
            shown.append(chunk.data(), static_cast<std::size_t>(got));
            if (next == lines.end() || !shown.ends_with(": ")) continue;
            const auto typed = *next++ + "\n";
            EXPECT_EQ(::write(terminal, typed.data(), typed.size()), static_cast<ssize_t>(typed.size()));
        }
        ::close(terminal);
        ::waitpid(child, nullptr, 0);
        return shown;
    }

    void answer(Session& session, const v1::Request& request) {
        const std::lock_guard lock(mutex);
        v1::Response response;
        response.set_id(request.id());
        if (request.has_get_secret_value()) {
            const auto* secret = find(session, request, request.get_secret_value().secret_id());
            if (secret == nullptr) return;
            auto& result = *response.mutable_get_secret_value();
            result.set_name(request.get_secret_value().secret_id());
            (secret->binary ? *result.mutable_secret_binary() : *result.mutable_secret_string()) =
                secret->value;
            result.set_created_date(1523477145.713);
        } else if (request.has_put_secret_value()) {
            const auto& put = request.put_secret_value();
            auto* secret = find(session, request, put.secret_id());
            if (secret == nullptr) return;
            *secret = stored(put);
            response.mutable_put_secret_value();
        } else if (request.has_create_secret()) {
            const auto& create = request.create_secret();
            if (secrets.count(create.name()) > 0) {
                return session.respond(request, v1::RESOURCE_EXISTS, "It exists.", false);
            }
            secrets[create.name()] = stored(create);
            response.mutable_create_secret()->set_name(create.name());
        } else if (request.has_update_secret()) {
            const auto& update = request.update_secret();
            auto* secret = find(session, request, update.secret_id());
            if (secret == nullptr) return;
            kms_key_id = update.kms_key_id();
            if (update.kms_key_id() == "alias/none") {
                return session.respond(request, v1::RESOURCE_NOT_FOUND, "'alias/none' names no master key",
                                       false);
            }
            *secret = stored(update);
            secret->description = update.description();
            response.mutable_update_secret();
        } else if (request.has_describe_secret()) {
            const auto found = secrets.find(request.describe_secret().secret_id());
            if (found == secrets.end()) {
                return session.respond(request, v1::RESOURCE_NOT_FOUND,
                                       "Secrets Manager can't find the specified secret.", false);
            }
            response.mutable_describe_secret()->set_name(found->first);
            if (found->second.deleted) response.mutable_describe_secret()->set_deleted_date(1523477145);
        } else if (request.has_get_caller_identity()) {
            auto& caller = *response.mutable_get_caller_identity();
            caller.set_account("111122223333");
            caller.set_arn(request.session_token() == "token-7"
                               ? "arn:aws:sts::111122223333:assumed-role/deploy/build-7"
                               : "arn:aws:iam::111122223333:user/tester");
        } else if (request.has_tag_resource()) {
            return session.respond(request, v1::LIMIT_EXCEEDED,
                                   "A secret can have at most 50 tags; this request would make 51.", false);
        } else if (request.has_untag_resource()) {
            const bool by_secret = request.untag_resource().secret_id() == "guarded";
            return session.respond(request, v1::ACCESS_DENIED,
                                   std::string("User: tester is not authorized") +
                                       (by_secret ? " with an explicit deny in a resource-based policy" : ""),
                                   false);
        } else if (request.has_delete_secret()) {
            const auto& remove = request.delete_secret();
            if (remove.force_delete_without_recovery()) {
                secrets.erase(remove.secret_id());
            } else {
                secrets[remove.secret_id()].deleted = true;
            }
            response.mutable_delete_secret()->set_name(remove.secret_id());
            response.mutable_delete_secret()->set_deletion_date(1523477145);
        } else if (request.has_restore_secret()) {
            secrets[request.restore_secret().secret_id()].deleted = false;
            response.mutable_restore_secret()->set_name(request.restore_secret().secret_id());
        } else if (request.has_list_secrets()) {
            list(request.list_secrets(), *response.mutable_list_secrets());
        } else if (request.has_get_usage()) {
            auto& usage = *response.mutable_get_usage();
            usage.set_month(request.get_usage().month());
            usage.set_days(30);
            usage.set_counted_days(30);
            auto& line = *usage.add_lines();
            line.set_key("a,\"b\"");
            line.set_secret_days(60);
            usage.mutable_total()->set_requests(7);
        } else if (request.has_get_random_password()) {
            const auto length = static_cast<std::size_t>(request.get_random_password().password_length());
            response.mutable_get_random_password()->set_random_password(std::string(length, 'r'));
        } else {
            return session.respond(request, v1::NOT_IMPLEMENTED, "It is not implemented in this version.",
                                   false);
        }
        session.respond(std::move(response));
    }

    Stored* find(Session& session, const v1::Request& request, const std::string& name) {
        const auto found = secrets.find(name);
        if (found == secrets.end()) {
            session.respond(request, v1::RESOURCE_NOT_FOUND,
                            "Secrets Manager can't find the specified secret.", false);
            return nullptr;
        }
        if (found->second.deleted) {
            session.respond(
                request, v1::INVALID_REQUEST,
                "You can't perform this operation on the secret because it was marked for deletion.", false);
            return nullptr;
        }
        return &found->second;
    }

    template <class M>
    static Stored stored(const M& message) {
        return {message.has_secret_binary() ? message.secret_binary() : message.secret_string(),
                message.has_secret_binary(),
                false,
                message.client_request_token(),
                {}};
    }

    /// Two a page.
    void list(const v1::ListSecretsRequest& request, v1::ListSecretsResponse& response) const {
        const std::string from = request.has_next_token() ? request.next_token() : "";
        const std::string prefix = request.filters_size() > 0 ? request.filters(0).values(0) : "";
        for (auto secret = secrets.lower_bound(from); secret != secrets.end(); ++secret) {
            if (!secret->first.starts_with(prefix)) continue;
            if (secret->second.deleted && !request.include_planned_deletion()) continue;
            if (response.secret_list_size() == 2) return response.set_next_token(secret->first);
            auto& entry = *response.add_secret_list();
            entry.set_name(secret->first);
            entry.set_arn("arn:aws:secretsmanager:eu-test-1:111122223333:secret:" + secret->first +
                          "-AbCdEf");
            entry.set_last_changed_date(1523477145);
            if (!secret->second.description.empty()) entry.set_description(secret->second.description);
            if (secret->second.deleted) entry.set_deleted_date(1523477145);
        }
    }

    std::mutex mutex;
    std::map<std::string, Stored> secrets;
    std::string kms_key_id;  ///< of the last UpdateSecret
};

TEST_F(CommandTest, PutAndGetKeepEveryByte) {
    EXPECT_EQ(run("printf 's3cret' | $COFFER put demo/a && $COFFER get demo/a").out, "s3cret");
    EXPECT_EQ(run("printf 'with line end\\n' | $COFFER put demo/a; $COFFER get demo/a").out,
              "with line end\n");
    EXPECT_FALSE(secrets.at("demo/a").binary);
    EXPECT_EQ(run("printf -- '-dash' | $COFFER put demo/a; $COFFER get demo/a").out, "-dash");
    const auto file = pki.folder() / "value";
    std::string bytes;
    for (int i = 0; i < 65'536; ++i) bytes.push_back(static_cast<char>(i * 7 + i / 256));
    std::ofstream(file, std::ios::binary) << bytes;
    EXPECT_EQ(run("$COFFER put demo/b --file " + file.string() + "; $COFFER get demo/b").out, bytes);
    EXPECT_TRUE(secrets.at("demo/b").binary) << "it is not UTF-8";
}

TEST_F(CommandTest, UsageAsCsvIsQuoted) {
    // RFC 4180, 2.5 to 2.7
    EXPECT_EQ(run("$COFFER usage --month 2026-11 --by tag:team --format csv").out,
              "tag:team,requests,errors,secret-days,scheduled-secret-days,rotations\r\n"
              "\"a,\"\"b\"\"\",0,0,60,0,0\r\n(total),7,0,0,0,0\r\n");
    EXPECT_THAT(run("$COFFER usage --month 2026-11").out, StartsWith("2026-11"));
    EXPECT_THAT(run("$COFFER usage --month 2026-11 --format json").out, HasSubstr("\"SecretDays\": 60"));
    EXPECT_THAT(run("$COFFER usage --month 2026-11 --output json").out, HasSubstr("\"SecretDays\": 60"));
    EXPECT_NE(run("$COFFER usage --format csv --output json").code, 0);
}

TEST_F(CommandTest, PutSaysWhatItDidOnStandardError) {
    EXPECT_EQ(run("printf x | $COFFER put a").out, "");
    const auto created = run_both("printf x | $COFFER put b").out;
    EXPECT_EQ(created, "created b, version " + secrets.at("b").token + "\n");
    EXPECT_THAT(run_both("printf y | $COFFER put b").out, StartsWith("updated b, version "));
    EXPECT_EQ(run_both("printf y | $COFFER put -q b").out, "");
    const auto empty = run_both("$COFFER put b </dev/null");
    EXPECT_EQ(empty.code, 1);
    EXPECT_THAT(empty.out, HasSubstr("empty"));
}

TEST_F(CommandTest, PutOfAnExistingSecretAppliesWhatIsAskedOrRefuses) {
    secrets["a"].value = "old";
    EXPECT_EQ(run("printf new | $COFFER put a --description 'the new one'").code, 0);
    EXPECT_EQ(secrets.at("a").value, "new");
    EXPECT_EQ(secrets.at("a").description, "the new one");
    const auto no_key = run_both("printf newer | $COFFER put a --kms-key-id alias/none");
    EXPECT_EQ(no_key.code, 254);
    EXPECT_THAT(no_key.out, HasSubstr("names no master key"));
    EXPECT_EQ(secrets.at("a").value, "new") << "nothing was stored";
    const std::string arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:a-AbCdEf";
    secrets[arn].value = "old";
    const auto by_arn = run_both("printf newer | $COFFER put " + arn + " --kms-key-id alias/none");
    EXPECT_THAT(by_arn.out, AllOf(HasSubstr("names no master key"), Not(HasSubstr("there is no secret"))));
}

TEST_F(CommandTest, PutTakesTheKeyAsTheVerbsOfKeysDo) {
    secrets["db"].value = "v";
    const std::string id = "7116c6a1-5c3f-4b57-9d0e-2f1d6f0c9a11";
    const std::vector<std::pair<std::string, std::string>> keys{{"payments", "alias/payments"},
                                                                {"alias/payments", "alias/payments"},
                                                                {id, id},
                                                                {"arn:aws:kms:x", "arn:aws:kms:x"}};
    for (const auto& [given, asked] : keys) {
        EXPECT_EQ(run_both("printf x | $COFFER put db --kms-key-id " + given).code, 0) << given;
        EXPECT_EQ(kms_key_id, asked);
    }
}

TEST_F(CommandTest, AClosedOutputIsCalledSo) {
    secrets["db"].value = "v";
    for (const char* line : {"get db", "ls", "whoami"}) {
        const auto closed = run(std::string("sh -c '\"$COFFER\" ") + line + " 2>&1 >&-'");
        EXPECT_EQ(closed.code, 1) << line;
        EXPECT_THAT(closed.out, HasSubstr("standard output is closed")) << line;
    }
    EXPECT_EQ(run("$COFFER get db 2>&-").out, "v");
    EXPECT_EQ(run("$COFFER get db <&-").out, "v");
    EXPECT_THAT(run_both("$COFFER put db <&-").out, HasSubstr("standard input"));
}

TEST_F(CommandTest, LsTakesTheBeginningOfAnArn) {
    for (const char* name : {"app/a", "app/b-1", "other"}) secrets[name].value = "v";
    const std::string arn = "arn:aws:secretsmanager:eu-test-1:111122223333:secret:";
    EXPECT_EQ(run("$COFFER ls --names " + arn + "app/").out,
              arn + "app/a-AbCdEf\n" + arn + "app/b-1-AbCdEf\n");
    EXPECT_EQ(run("$COFFER ls --names " + arn + "app/b-1-Ab").out, arn + "app/b-1-AbCdEf\n");
    EXPECT_THAT(run("$COFFER ls arn:aws:").out, AllOf(HasSubstr("app/a"), HasSubstr("other")));
    EXPECT_THAT(run_both("$COFFER ls arn:aws:x").out, HasSubstr("no secret's ARN begins"));
}

TEST_F(CommandTest, PutOfAnArnCreatesNothing) {
    const auto arn =
        run_both("printf x | $COFFER put arn:aws:secretsmanager:us-east-1:111122223333:secret:new-AbCdEf");
    EXPECT_EQ(arn.code, 1);
    EXPECT_THAT(arn.out, AllOf(HasSubstr("there is no secret arn:aws:"), HasSubstr("give a name")));
    EXPECT_TRUE(secrets.empty());
}

TEST_F(CommandTest, WhatIsTypedIsHiddenAndAskedTwice) {
    for (const char* line : {"$COFFER put a", "$COFFER put a --file -",
                             "$COFFER put-secret-value --secret-id a --secret-string -"}) {
        secrets["a"].value = "old";
        const auto shown = on_terminal(line, {"pass word", "pass word"});
        EXPECT_EQ(secrets.at("a").value, "pass word") << line << shown;
        EXPECT_THAT(shown, AllOf(HasSubstr("again: "), Not(HasSubstr("pass word")))) << line;
    }
}

TEST_F(CommandTest, ATerminalIsToldWhatAValueIs) {
    secrets["escape"].value = "\x1b[2J";
    EXPECT_THAT(on_terminal("$COFFER get escape"), HasSubstr("text with control characters (4 bytes)"));
    secrets["binary"].value = "\xff\xfe";
    EXPECT_THAT(on_terminal("$COFFER get binary"), HasSubstr("is binary (2 bytes)"));
    EXPECT_THAT(on_terminal("$COFFER get escape --force"), StartsWith("\x1b[2J"));
}

TEST_F(CommandTest, PutMayBeToldTheKind) {
    run("printf text | $COFFER put --binary a");
    EXPECT_TRUE(secrets.at("a").binary);
    EXPECT_THAT(run_both("printf '\\377' | $COFFER put --text a").out, HasSubstr("not text in UTF-8"));
}

TEST_F(CommandTest, PutGenerates) {
    EXPECT_EQ(run("$COFFER put a --generate --length 20").out, "") << "the password is not shown";
    EXPECT_EQ(secrets.at("a").value, std::string(20, 'r'));
    EXPECT_EQ(run("$COFFER put a --length 20 2>/dev/null").code, 2) << "only with --generate";
    EXPECT_EQ(run("$COFFER put a --generate --file x 2>/dev/null").code, 2);
}

TEST_F(CommandTest, AnEmptyArgumentIsNotOneThatWasLeftOut) {
    secrets["a"].value = R"({"password":"pw-1"})";
    for (const char* line : {"get a --field",
                             "get a --version-stage",
                             "get a --version-id",
                             "get",
                             "put a --file",
                             "history",
                             "rm",
                             "restore",
                             "usage --month",
                             "usage --by",
                             "audit search --secret",
                             "audit search --principal",
                             "audit search --action",
                             "audit search --outcome",
                             "audit search --since",
                             "audit search --until",
                             "audit tail --secret",
                             "audit show",
                             "exec --secret",
                             "iam who-can",
                             "iam what-can",
                             "iam who-can GetSecretValue",
                             "get a --endpoint",
                             "get a --config",
                             "list-secrets --starting-token",
                             "get-secret-value --cli-input-json"}) {
        const auto wrong = run_both("$COFFER " + std::string(line) + " \"$NO_SUCH_VARIABLE\" </dev/null");
        EXPECT_EQ(wrong.code, 2) << line << ": " << wrong.out;
        EXPECT_THAT(wrong.out, HasSubstr("must not be empty")) << line;
    }
    // Where empty text has a meaning of its own.
    EXPECT_EQ(run("$COFFER ls --names ''").out, "a\n");
    EXPECT_EQ(run("printf x | $COFFER put a --description ''").code, 0);
    EXPECT_EQ(secrets.at("a").value, "x");
}

TEST_F(CommandTest, AnArgumentThatIsNotTextIsRefusedByName) {
    for (const char* line : {"get", "get a --field", "get a --version-id", "put", "put a --description",
                             "put a --kms-key-id", "ls", "history", "rm", "restore", "exec --secret",
                             "usage --by", "audit search --secret", "audit show", "iam who-can",
                             "iam what-can", "get-secret-value --secret-id", "list-secrets --starting-token",
                             "put-secret-value --secret-id a --allow-argv-value --secret-string"}) {
        const auto wrong = run_both("printf x | $COFFER " + std::string(line) + " \"$(printf 'a\\377')\"");
        EXPECT_EQ(wrong.code, 2) << line << ": " << wrong.out;
        EXPECT_THAT(wrong.out, AllOf(HasSubstr("is not text in UTF-8"), Not(HasSubstr("libprotobuf"))))
            << line;
    }
    EXPECT_TRUE(secrets.empty());
}

TEST_F(CommandTest, WhatIsWrongIsSaidInItsOwnWords) {
    EXPECT_THAT(run_both("printf x | $COFFER put -- -x --file f").out,
                AllOf(HasSubstr("'--file' stands after --"), Not(HasSubstr("did you mean"))));
    EXPECT_THAT(run_both("printf x | $COFFER put -x").out,
                AllOf(HasSubstr("'-x'"), HasSubstr("begins with - goes after --")));
    EXPECT_EQ(run("printf x | $COFFER put -- -x").code, 0);
    EXPECT_EQ(secrets.at("-x").value, "x");
    EXPECT_THAT(run_both("$COFFER list-secrets --max-items 0").out,
                AllOf(HasSubstr("1 to 1000000000"), Not(HasSubstr("e+"))));
    secrets["deep"].value = "{\"a\":" + std::string(9000, '[') + std::string(9000, ']') + "}";
    EXPECT_THAT(run_both("$COFFER get deep --field a").out, HasSubstr("more than 32 levels"));
    const auto access = pki.folder() / "access";
    std::filesystem::create_directory(access);
    std::ofstream(access / "large.json") << std::string(1024 * 1024 + 1, ' ');
    EXPECT_THAT(run_both("$COFFER iam apply -f " + access.string()).out,
                AllOf(HasSubstr("large.json is longer than 1048576 bytes"), Not(HasSubstr("secret"))));
}

TEST_F(CommandTest, GetTakesOneField) {
    secrets["db"].value = R"({"username":"app","password":"pw-1","port":5432})";
    EXPECT_EQ(run("$COFFER get db --field password").out, "pw-1");
    EXPECT_EQ(run("$COFFER get db --field port").out, "5432");
    const auto none = run_both("$COFFER get db --field user");
    EXPECT_EQ(none.code, 1);
    EXPECT_THAT(none.out, AllOf(HasSubstr("no field 'user'"), HasSubstr("username, password, port"),
                                Not(HasSubstr("pw-1"))));
    secrets["plain"].value = "s3cret";
    EXPECT_THAT(run_both("$COFFER get plain --field a").out,
                AllOf(HasSubstr("not a JSON object"), Not(HasSubstr("s3cret"))));
}

TEST_F(CommandTest, TheVerbsOfAwsPrintItsJson) {
    EXPECT_EQ(run("printf 's3cret' | $COFFER create-secret --name a --secret-string -").out,
              "{\n    \"Name\": \"a\"\n}\n");
    EXPECT_EQ(run("$COFFER get-secret-value --secret-id a").out,
              "{\n    \"Name\": \"a\",\n    \"SecretString\": \"s3cret\",\n"
              "    \"CreatedDate\": \"2018-04-11T20:05:45.713000+00:00\"\n}\n");
    EXPECT_EQ(run("$COFFER get-secret-value --secret-id a --output text").out,
              "2018-04-11T20:05:45.713000+00:00\ta\ts3cret\n");
    EXPECT_EQ(run("$COFFER --output text get-secret-value --secret-id a").code, 0) << "before the verb, too";
    EXPECT_EQ(
        run("$COFFER put-secret-value --secret-id a --secret-binary fileb:///dev/stdin <$COFFER_CA_FILE").out,
        "");
}

TEST_F(CommandTest, ErrorsAreTheAwsClis) {
    const auto missing = run_both("$COFFER get-secret-value --secret-id none");
    EXPECT_EQ(missing.code, 254);
    EXPECT_THAT(missing.out,
                StartsWith("An error occurred (ResourceNotFoundException) when calling the GetSecretValue "
                           "operation: Secrets Manager can't find the specified secret.\n"));
    EXPECT_THAT(missing.out, HasSubstr("coffer ls"));
    const auto later = run_both("$COFFER rotate-secret --secret-id a");
    EXPECT_EQ(later.code, 254);
    EXPECT_THAT(later.out, HasSubstr("(NotImplementedException) when calling the RotateSecret operation"));
    for (const auto* dry_run :
         {"$COFFER rotate-secret --secret-id a --dry-run", "$COFFER rotation force a --dry-run"}) {
        EXPECT_THAT(run_both(dry_run).out, HasSubstr("when calling the CheckRotation operation")) << dry_run;
    }
}

TEST_F(CommandTest, ErrorsNameTheSecretAndWhatToDo) {
    secrets["a"].value = "{}";
    EXPECT_THAT(run_both("$COFFER exec --secret a --secret b -- true").out, HasSubstr("\nSecret: b\n"));
    EXPECT_THAT(run_both("$COFFER tag-resource --secret-id a --tags Key=k,Value=v").out,
                HasSubstr("untag-resource"));
    const auto denied = run_both("$COFFER untag-resource --secret-id a --tag-keys k");
    EXPECT_THAT(denied.out, AllOf(HasSubstr("Secret: a"), HasSubstr("coffer iam")));
    EXPECT_THAT(run_both("$COFFER untag-resource --secret-id guarded --tag-keys k").out,
                AllOf(HasSubstr("delete-resource-policy"), Not(HasSubstr("coffer iam"))));
}

TEST_F(CommandTest, WhatIsMisspeltIsFound) {
    EXPECT_THAT(run_both("$COFFER gett a").out,
                StartsWith("coffer: 'gett' is not a verb of coffer; did you mean 'get'? coffer --help"));
    EXPECT_THAT(run_both("$COFFER get-secret-valeu").out, HasSubstr("did you mean 'get-secret-value'?"));
    EXPECT_THAT(
        run_both("$COFFER get a --feild x").out,
        StartsWith("coffer: there is no option '--feild'; did you mean '--field'? (coffer get --help)"));
    EXPECT_THAT(run_both("$COFFER --verison").out, HasSubstr("did you mean '--version'?"));
    EXPECT_THAT(run_both("$COFFER").out, HasSubstr("a verb is missing"));
    EXPECT_THAT(run_both("$COFFER get a --endpiont x").out, HasSubstr("did you mean '--endpoint'?"));
    EXPECT_THAT(run_both("$COFFER put a s3cret").out,
                AllOf(HasSubstr("an argument too many"), Not(HasSubstr("s3cret"))));
    for (const char* line :
         {"$COFFER", "$COFFER get", "$COFFER get --timeout x a", "$COFFER get --output x a"}) {
        const auto wrong = run_both(line);
        EXPECT_EQ(wrong.code, 2) << line;
        EXPECT_THAT(wrong.out, StartsWith("coffer: ")) << line;
    }
}

TEST_F(CommandTest, TimeoutsHaveARange) {
    EXPECT_THAT(run_both("$COFFER ls --timeout 0").out, AllOf(HasSubstr("0.001"), HasSubstr("86400")));
    EXPECT_EQ(run_both("$COFFER ls --timeout nan").code, 2);
    EXPECT_EQ(run_both("$COFFER ls --timeout 86401").code, 2);
    EXPECT_EQ(run_both("$COFFER ls --timeout 86400").code, 0);
}

TEST_F(CommandTest, OutputIsHonouredOrRefused) {
    secrets["a"].value = "{}";
    for (const char* line : {"get a", "put a", "rm a", "restore a", "exec --secret a -- true", "ping",
                             "completion bash", "ls --names"}) {
        const auto refused = run_both(std::string("printf x | $COFFER --output json ") + line);
        EXPECT_EQ(refused.code, 2) << line << refused.out;
        EXPECT_THAT(refused.out, HasSubstr("--output")) << line;
    }
    EXPECT_EQ(secrets.at("a").value, "{}") << "nothing was done";
    EXPECT_THAT(run("$COFFER whoami --output text").out,
                AllOf(HasSubstr("\ttester"), Not(HasSubstr("principal"))));
    EXPECT_THAT(run("$COFFER whoami --output table").out, StartsWith("principal"));
}

TEST_F(CommandTest, BrokenJsonIsShownByItsPlace) {
    const auto broken = [](const std::string& json) {
        return run_both("printf '%s' '" + json +
                        "' >$HOME/r.json; $COFFER create-secret --cli-input-json file://$HOME/r.json")
            .out;
    };
    EXPECT_THAT(broken("{\n  \"Name\": \"a\"\n  \"SecretString\": \"s3cret\"\n}"),
                AllOf(HasSubstr("--cli-input-json is not JSON: line 3, column 3: a comma"),
                      Not(HasSubstr("s3cret"))));
    EXPECT_THAT(broken("{\"Name\": \"a\",}"),
                HasSubstr("line 1, column 14: a comma before it is one too many"));
    EXPECT_THAT(broken("{\"Name\": \"a\""), HasSubstr("it ends in the middle"));
    EXPECT_THAT(broken("{Name: 1}"), HasSubstr("line 1, column 2: a value, or a name in double quotes"));
    EXPECT_THAT(broken("{\"Name\": \"a\"}\n\n x"), HasSubstr("line 3, column 2: something follows"));
}

TEST_F(CommandTest, UsageErrorsAreTwo) {
    EXPECT_EQ(run_both("$COFFER").code, 2);
    EXPECT_THAT(run_both("$COFFER fetch a").out, HasSubstr("'fetch' is not a verb"));
    EXPECT_EQ(run_both("$COFFER get").code, 2);
    EXPECT_EQ(run_both("$COFFER get-secret-value").code, 2);
    EXPECT_EQ(run_both("$COFFER get a --nonsense").code, 2);
    const auto argv = run_both("$COFFER create-secret --name a --secret-string s3cret");
    EXPECT_EQ(argv.code, 2);
    EXPECT_THAT(argv.out, AllOf(HasSubstr("standard input"), Not(HasSubstr("s3cret"))));
    EXPECT_EQ(run("$COFFER --help").code, 0);
    EXPECT_THAT(run("$COFFER get --help").out, HasSubstr("Examples:"));
    EXPECT_THAT(run("$COFFER --version").out, HasSubstr("coffer "));
}

TEST_F(CommandTest, ConnectionErrorsAre255) {
    const auto nobody = run_both("$COFFER --endpoint 127.0.0.1:1 get a");
    EXPECT_EQ(nobody.code, 255);
    EXPECT_THAT(nobody.out, HasSubstr("127.0.0.1:1"));
    const auto wrong_name = run_both("$COFFER --server-name elsewhere get a");
    EXPECT_EQ(wrong_name.code, 255);
    EXPECT_THAT(wrong_name.out, HasSubstr("elsewhere"));
}

TEST_F(CommandTest, ConfigurationErrorsAreOne) {
    const auto missing = run_both("COFFER_CA_FILE= $COFFER get a");
    EXPECT_EQ(missing.code, 1);
    EXPECT_THAT(missing.out, HasSubstr("COFFER_CA_FILE"));
    EXPECT_THAT(run_both("chmod 644 $COFFER_KEY_FILE; $COFFER get a").out, HasSubstr("chmod 0600"));
}

TEST_F(CommandTest, LsListsAllPages) {
    for (const char* name : {"app/a", "app/b", "app/c", "other"}) secrets[name].value = "v";
    secrets["app/old"].deleted = true;
    EXPECT_EQ(run("$COFFER ls --names").out, "app/a\napp/b\napp/c\nother\n");
    EXPECT_EQ(run("$COFFER ls app/ --names").out, "app/a\napp/b\napp/c\n");
    EXPECT_EQ(run("$COFFER ls app/").out,
              "NAME   CHANGED           DESCRIPTION\n"
              "app/a  2018-04-11 20:05\n"
              "app/b  2018-04-11 20:05\n"
              "app/c  2018-04-11 20:05\n");
    EXPECT_THAT(run("$COFFER ls --all").out,
                AllOf(HasSubstr("MARKED"), HasSubstr("app/old  2018-04-11 20:05  2018-04-11")));
    EXPECT_THAT(run("$COFFER ls --output json").out,
                AllOf(StartsWith("{\n    \"SecretList\": ["), HasSubstr("\"app/c\"")));
    const auto cut = run("$COFFER list-secrets --max-items 3 --output text");
    EXPECT_THAT(cut.out, AllOf(StartsWith("SECRETLIST\t"), HasSubstr("app/c"), Not(HasSubstr("other")),
                               HasSubstr("\nNEXTTOKEN\tey")));
    const auto none = run_both("$COFFER ls nothing/");
    EXPECT_EQ(none.code, 0);
    EXPECT_THAT(none.out, StartsWith("no secret's name begins with 'nothing/'"));
    EXPECT_EQ(run("$COFFER ls nothing/").out, "") << "it goes to standard error";
    EXPECT_THAT(run("$COFFER list-secrets --no-paginate").out, HasSubstr("\"NextToken\": \"app/c\""));
}

TEST_F(CommandTest, RmCanBeTakenBackAndForceAsks) {
    secrets["a"].value = "v";
    EXPECT_THAT(run("$COFFER rm a").out, HasSubstr("coffer restore a"));
    const auto deleted = run_both("$COFFER get a");
    EXPECT_EQ(deleted.code, 254);
    EXPECT_THAT(deleted.out, HasSubstr("coffer restore"));
    EXPECT_EQ(run("$COFFER restore a && $COFFER get a").out, "a is restored\nv");
    EXPECT_EQ(run("$COFFER restore a").out, "a was not deleted; nothing to do\n");
    for (const char* line : {"$COFFER rm none --force --yes", "$COFFER rm none", "$COFFER restore none"}) {
        const auto none = run_both(line);
        EXPECT_EQ(none.code, 1) << line;
        EXPECT_THAT(none.out, StartsWith("coffer: there is no secret none")) << line;
    }
    EXPECT_EQ(run("$COFFER delete-secret --secret-id none --force-delete-without-recovery").code, 0)
        << "as at AWS";
    const auto unasked = run_both("$COFFER rm a --force");
    EXPECT_EQ(unasked.code, 2) << "there is no terminal to ask on";
    EXPECT_EQ(secrets.count("a"), 1U);
    EXPECT_EQ(run("$COFFER rm a --force --yes").out, "a is destroyed\n");
    EXPECT_EQ(secrets.count("a"), 0U);
    EXPECT_EQ(run_both("$COFFER rm a --force --recovery-days 7").code, 2);
    EXPECT_EQ(run_both("$COFFER rm a --recovery-days 6").code, 2);
}

TEST_F(CommandTest, ExecGivesFieldsToAProgram) {
    secrets["db"].value = R"({"username":"app","password":"a 'b' $c"})";
    secrets["mail"].value = R"({"username":"mailer"})";
    EXPECT_EQ(run(R"($COFFER exec --secret db -- sh -c 'printf "%s|%s" "$username" "$password"')").out,
              "app|a 'b' $c");
    EXPECT_EQ(
        run(R"($COFFER exec --secret db --prefix DB_ --secret mail -- sh -c 'echo "$DB_username $username $*"' - -x --secret)")
            .out,
        "app mailer -x --secret\n");
    EXPECT_EQ(run("$COFFER exec --secret db -- sh -c 'exit 7'").code, 7);
    const auto missing = run_both("$COFFER exec --secret db -- /no/such/program");
    EXPECT_EQ(missing.code, 127);
    EXPECT_THAT(missing.out, HasSubstr("/no/such/program cannot be run"));
    EXPECT_EQ(run_both("$COFFER exec --secret db -- /").code, 126) << "a folder";
    EXPECT_THAT(run("$COFFER exec --help").out, HasSubstr("-- PROGRAM [ARGUMENTS]"));
    const auto no_dashes = run_both("$COFFER exec --secret db sh -c true");
    EXPECT_EQ(no_dashes.code, 2);
    EXPECT_THAT(no_dashes.out, HasSubstr("goes after --"));
    EXPECT_EQ(run_both("$COFFER exec --secret db").code, 2);
    EXPECT_THAT(run_both("$COFFER exec --secret db --secret db -- true").out, HasSubstr("--prefix"));
    EXPECT_EQ(run_both("$COFFER exec --prefix A_ --secret db -- true").code, 2);
}

TEST_F(CommandTest, ExecLetsTheReaderChoose) {
    secrets["e"].value = R"({"password":"pw","PERL5OPT":"-MEvil","RUBYOPT":"-revil"})";
    const auto refused = run_both("$COFFER exec --secret e -- sh -c 'echo ran-it'");
    EXPECT_EQ(refused.code, 1);
    EXPECT_THAT(refused.out, AllOf(HasSubstr("'PERL5OPT' of e"), HasSubstr("--only"), HasSubstr("--prefix"),
                                   HasSubstr("--env"), Not(HasSubstr("ran-it")), Not(HasSubstr("-MEvil"))));
    const std::string show = R"( -- sh -c 'echo "$password|$PERL5OPT|$APP_PERL5OPT|$DB_PASSWORD"')";
    EXPECT_EQ(run("$COFFER exec --secret e --only password" + show).out, "pw|||\n");
    EXPECT_EQ(run("$COFFER exec --secret e --prefix APP_" + show).out, "||-MEvil|\n");
    EXPECT_EQ(run("$COFFER exec --secret e --env DB_PASSWORD=password" + show).out, "|||pw\n");
    EXPECT_EQ(run("$COFFER exec --secret e --env DB_PASSWORD=password --only password" + show).out,
              "pw|||pw\n");
    EXPECT_EQ(run("$COFFER exec --secret e --env PERL5OPT=PERL5OPT" + show).out, "|-MEvil||\n");
    for (const char* line : {"--env DB_PASSWORD=password --secret e", "--only password --secret e",
                             "--secret e --env DB_PASSWORD", "--secret e --env 1a=password",
                             "--secret e --only a,,b", "--secret e --only a,"}) {
        EXPECT_EQ(run_both(std::string("$COFFER exec ") + line + " -- true").code, 2) << line;
    }
    EXPECT_THAT(run_both("$COFFER exec --secret e --only user -- true").out, HasSubstr("no field 'user'"));
    EXPECT_THAT(run("$COFFER exec --help").out, AllOf(HasSubstr("--env"), HasSubstr("no list of")));
}

TEST_F(CommandTest, OtherPeoplesTextDoesNotSteerATerminal) {
    secrets["a"].value = "v";
    secrets["a"].description =
        "x\x1b[2J\xc2\x9b"
        "1m\xe2\x80\xae";
    for (const char* line :
         {"ls", "list-secrets", "list-secrets --output table", "list-secrets --output text",
          "ls --output json", "get-secret-value --secret-id nul --output table"}) {
        const auto shown = on_terminal(std::string("$COFFER ") + line);
        EXPECT_THAT(shown,
                    AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\xc2\x9b")), Not(HasSubstr("\xe2\x80\xae"))))
            << line;
    }
    EXPECT_THAT(on_terminal("$COFFER list-secrets --output text"), HasSubstr(R"(x\u001b[2J\u009b1m\u202e)"));
    EXPECT_THAT(run("$COFFER list-secrets --output text").out, HasSubstr(secrets["a"].description));
    EXPECT_THAT(run("$COFFER list-secrets --output table").out, Not(HasSubstr("\x1b")));
    // What errors quote: here the names of fields.
    secrets["fields"].value = R"({"a\u001b[2J":"1"})";
    for (const char* line : {"get fields --field b", "exec --secret fields -- true"}) {
        const auto wrong = run_both(std::string("$COFFER ") + line);
        EXPECT_EQ(wrong.code, 1) << line;
        EXPECT_THAT(wrong.out, AllOf(HasSubstr("a\\u001b[2J"), Not(HasSubstr("\x1b")))) << line;
    }
    secrets["csi"].value =
        "\xc2\x9b"
        "2J";
    EXPECT_THAT(on_terminal("$COFFER get csi"), HasSubstr("control characters"));
}

TEST_F(CommandTest, WhoamiAndPing) {
    EXPECT_THAT(run("$COFFER whoami").out, AllOf(HasSubstr("tester"), HasSubstr("111122223333")));
    EXPECT_THAT(run("$COFFER whoami --output json").out, HasSubstr("\"Principal\": \"tester\""));
    // Who requests are made as, as for get-caller-identity.
    const auto session = pki.folder() / "session.json";
    std::ofstream(session) << R"({"Credentials":{"SessionToken":"token-7"}})";
    for (const std::string output : {"table", "json", "text"}) {
        EXPECT_THAT(run("$COFFER whoami --output " + output + " --session " + session.string()).out,
                    AllOf(HasSubstr("arn:aws:sts::111122223333:assumed-role/deploy/build-7"),
                          HasSubstr("deploy/build-7"), Not(HasSubstr("tester"))));
    }
    EXPECT_THAT(run("$COFFER ping --count 2").out,
                AllOf(HasSubstr("request 2: answered"), Not(HasSubstr("request 3"))));
}

TEST_F(CommandTest, CompletionsKnowVerbsOptionsAndNames) {
    EXPECT_EQ(run("$COFFER completion bash | bash -n 2>&1 || echo broken").out, "");
    secrets["app/a"].value = "v";
    const std::string complete =
        "PATH=$(dirname $COFFER):$PATH bash -c 'source <(coffer completion bash); COMP_WORDS=(coffer WORDS); "
        "COMP_CWORD=$((${#COMP_WORDS[@]}-1)); COMP_LINE=\"${COMP_WORDS[*]}\"; COMP_POINT=${#COMP_LINE}; "
        "_coffer; "
        "echo \"${COMPREPLY[@]}\"'";
    const auto completions = [&](const std::string& words) {
        auto line = complete;
        return run(line.replace(line.find("WORDS)"), 5, words)).out;
    };
    EXPECT_EQ(completions("get-s"), "get-secret-value\n");
    EXPECT_EQ(completions("get app"), "app/a\n");
    EXPECT_EQ(completions("get \"\""), "app/a\n");
    EXPECT_EQ(completions("get app/a \"\""), "\n") << "there is one name";
    EXPECT_EQ(completions("get-secret-value --version-s"), "--version-stage\n");
    EXPECT_EQ(completions("get-secret-value --secret-id a"), "app/a\n");
    EXPECT_EQ(completions("batch-get-secret-value --secret-id-list app/b app"), "app/a\n");
    EXPECT_EQ(completions("ls --output t"), "text table\n");
    EXPECT_EQ(completions("ls --output=t"), "text table\n") << "bash replaces what is after the =";
    EXPECT_EQ(completions("--output json --role R get app"), "app/a\n");
    // Verbs of groups, and only where one is expected.
    EXPECT_EQ(completions("audit \"\""), "search tail show\n");
    EXPECT_EQ(completions("sts --output json get-s"), "get-session-token\n");
    EXPECT_EQ(completions("rotation hist"), "history\n");
    EXPECT_EQ(completions("rotation history app"), "app/a\n");
    for (const char* group : {"iam", "key", "certificate"}) {
        EXPECT_GT(completions(std::string(group) + " \"\"").size(), 20U) << group;
    }
    EXPECT_EQ(completions("key describe \"\""), "\n") << "a key is no secret";
    EXPECT_EQ(completions("certificate crl \"\""), "\n");
    EXPECT_EQ(completions("iam create-user --user-n"), "--user-name\n");
    // Values of options.
    EXPECT_EQ(completions("get app/a --field \"\""), "\n");
    EXPECT_EQ(completions("get app/a --version-stage \"\""), "AWSCURRENT AWSPENDING AWSPREVIOUS\n");
    EXPECT_EQ(completions("update-secret-version-stage --version-stage AWSP"), "AWSPENDING AWSPREVIOUS\n");
    EXPECT_EQ(completions("certificate revoke --reason k"), "keyCompromise\n");
    EXPECT_EQ(completions("list-secrets --sort-order \"\""), "asc desc\n");
    EXPECT_EQ(completions("exec --secret app"), "app/a\n");
    EXPECT_EQ(completions("exec --secret app/a --only \"\""), "\n");
    EXPECT_EQ(completions("exec --secret app/a -- ech"), "echo\n");
    EXPECT_EQ(completions("completion \"\""), "bash zsh fish\n");
    EXPECT_EQ(completions("put app/a --file $COFFER_CA_FILE"), pki.ca_file().string() + "\n");
    // Names are not looked at by the shell.
    secrets["app/$(touch $HOME/harm)"].value = "v";
    EXPECT_EQ(completions("get app"), "app/$(touch $HOME/harm) app/a\n");
    EXPECT_FALSE(std::filesystem::exists(pki.folder() / "harm"));
}

TEST_F(CommandTest, CompletionsOfferEachOptionOnce) {
    const std::string all =
        "PATH=$(dirname $COFFER):$PATH bash -c 'source <(coffer completion bash); "
        "for path in get exec put list-secrets get-secret-value \"iam create-user\" \"audit search\" "
        "rotation; do "
        "COMP_WORDS=(coffer $path -); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); COMP_LINE=\"${COMP_WORDS[*]}\"; "
        "COMP_POINT=${#COMP_LINE}; _coffer; "
        "printf \"%s\\n\" \"${COMPREPLY[@]}\" | grep -c . ; printf \"%s\\n\" \"${COMPREPLY[@]}\" | sort | "
        "uniq -d; done'";
    std::istringstream lines(run(all).out);
    int places = 0;
    for (std::string line; std::getline(lines, line); ++places) {
        EXPECT_GT(std::atoi(line.c_str()), 10) << line << " is offered twice, or options are missing";
    }
    EXPECT_EQ(places, 8);
}

// bash itself, which divides words at = : and @ before it asks.
TEST_F(CommandTest, CompletionsOfWhatBashDivides) {
    for (const char* name : {"app@prod/db", "key=value", "key=vault"}) secrets[name].value = "v";
    const auto folder = std::filesystem::path(COFFER_PROGRAM).parent_path().string();
    coffer::testing::TerminalJob bash(
        {"/usr/bin/env", "TERM=dumb", "PS1=ready> ", "HISTFILE=", "INPUTRC=/dev/null",
         "PATH=" + folder + ":" + ::getenv("PATH"), "bash", "--norc", "--noprofile", "-i"});
    bash.await("ready> ");
    bash.type("source <(coffer completion bash)\n");
    bash.await("ready> ");
    const std::string arn = "arn:aws:secretsmanager:eu-test-1:111122223333:secret:";
    const auto ca = pki.ca_file().string();
    const std::vector<std::pair<std::string, std::string>> lines{
        {"coffer get app@", "prod/db "},
        {"coffer get app@p", "rod/db "},
        {"coffer get app", "@prod/db "},
        {"coffer get key", "=va"},
        {"coffer get key=valu", "e "},
        {"coffer get-secret-value --secret-id=app@", "prod/db "},
        {"coffer get " + arn, ""},
        {"coffer get " + arn + "app", "@prod/db-AbCdEf "},
        {"coffer get " + arn + "app@prod/db-Ab", "CdEf "},
        {"coffer ls --output=te", "xt "},
        {"coffer put x --file=" + ca.substr(0, ca.size() - 2), ca.substr(ca.size() - 2) + " "},
        {"coffer create-secret --secret-string file://" + ca.substr(0, ca.size() - 2),
         ca.substr(ca.size() - 2) + " "},
    };
    for (const auto& [typed, completed] : lines) {
        bash.type(typed + "\t.\x01" + "echo =\n");  // Ctrl-A: at the beginning
        bash.await("\r\n=" + typed + completed + ".\r\n");
        bash.await("ready> ");
    }
}

TEST_F(CommandTest, CompletionsOfOtherShells) {
    const auto fish = run("$COFFER completion fish").out;
    EXPECT_THAT(fish, AllOf(HasSubstr("-n '__coffer_under get' -l field -x -d"),
                            HasSubstr("-n '__coffer_is iam' -a create-user -d"),
                            HasSubstr("-n '__coffer_is get' -x -a '(__coffer_names)'"),
                            HasSubstr("-l version-stage -x -a 'AWSCURRENT AWSPENDING AWSPREVIOUS'"),
                            HasSubstr("complete -c coffer -l output -x -a 'json text table'")));
    EXPECT_THAT(run("$COFFER completion zsh").out, StartsWith("#compdef coffer\n"));
}

}  // namespace
}  // namespace coffer::client_test
