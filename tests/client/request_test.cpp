// From the command line to the request. Expected: the AWS CLI's user guide ("Using shorthand syntax",
// "Loading a parameter from a file") and what its shorthand parser makes of the same texts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "client/coffer/aws_verbs.hpp"
#include "client/coffer/command.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/iam_configuration.hpp"
#include "client/coffer/parameter.hpp"
#include "client/coffer/schema.hpp"
#include "client/coffer/shorthand.hpp"
#include "client/coffer/verb_help.hpp"

namespace coffer::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class RequestTest : public testing::Test {
protected:
    RequestTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "coffer-request-XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
    }
    ~RequestTest() override { std::filesystem::remove_all(folder); }

    std::string file(const std::string& name, std::string_view content) const {
        std::ofstream(folder / name, std::ios::binary) << content;
        return (folder / name).string();
    }

    /// What `coffer VERB arguments...` sends.
    static v1::Request parse(const std::string& verb, const std::vector<std::string>& arguments) {
        auto all = operations();
        const auto iam = iam_operations();
        all.insert(all.end(), iam.begin(), iam.end());
        for (const auto* operation : all) {
            if (kebab_case(operation->name()) != verb) continue;
            CLI::App app;
            const AwsVerb parsed(app, *operation, VerbHelp{verb, "", {}}, "Verbs");
            std::vector<std::string> line(arguments.rbegin(), arguments.rend());
            line.push_back(verb);
            app.parse(std::move(line));
            return parsed.request();
        }
        throw std::runtime_error("no verb " + verb);
    }

    static std::string refusal(const std::string& verb, const std::vector<std::string>& arguments) {
        try {
            static_cast<void>(parse(verb, arguments));
        } catch (const Failure& error) {
            return error.what();
        } catch (const CLI::ParseError& error) {
            return error.what();
        }
        return "no error";
    }

    std::filesystem::path folder;
};

TEST_F(RequestTest, EveryOperationIsAVerbWithHelp) {
    EXPECT_EQ(operations().size(), 23U);
    for (const auto* operation : operations()) {
        EXPECT_FALSE(help_of(kebab_case(operation->name())).examples.empty()) << operation->name();
    }
}

TEST_F(RequestTest, EveryIamOperationIsAVerbWithHelp) {
    CLI::App app;
    Commands commands;
    add_iam(app, commands);
    std::set<std::string> verbs;
    for (const auto* verb : app.get_subcommand("iam")->get_subcommands(nullptr)) {
        verbs.insert(verb->get_name());
        EXPECT_FALSE(verb->get_description().empty()) << verb->get_name();
    }
    for (const auto* operation : iam_operations()) {
        const auto name = kebab_case(operation->name());
        static const std::map<std::string, std::string> kOwn{{"lint-policies", "lint"},
                                                             {"get-access-configuration", "export"},
                                                             {"apply-access-configuration", "apply"}};
        EXPECT_TRUE(verbs.contains(kOwn.contains(name) ? kOwn.at(name) : name)) << name;
    }
    EXPECT_TRUE(verbs.contains("simulate"));
}

TEST_F(RequestTest, IamVerbsTakeTheOptionsOfTheAwsCli) {
    const auto policy = file("policy.json", R"({"Version":"2012-10-17","Statement":[]})");
    const auto put = parse("put-user-policy", {"--user-name", "alice", "--policy-name", "own",
                                               "--policy-document", "file://" + policy})
                         .put_user_policy();
    EXPECT_EQ(put.user_name(), "alice");
    EXPECT_EQ(put.policy_document(), R"({"Version":"2012-10-17","Statement":[]})");
    const auto add =
        parse("add-user-identity", {"--user-name", "alice", "--identity", "Kind=spiffe,Value=spiffe://t/a"})
            .add_user_identity();
    EXPECT_EQ(add.identity().kind(), "spiffe");
    EXPECT_EQ(add.identity().value(), "spiffe://t/a");
    EXPECT_THAT(refusal("create-user", {}), HasSubstr("--user-name is required"));
}

TEST_F(RequestTest, AFolderOfFilesIsOneConfiguration) {
    std::filesystem::create_directories(folder / "access" / "users");
    file("access/users/alice.json", R"({"UserName":"alice","Groups":["ops"]})");
    file(
        "access/both.json",
        R"({"Groups":[{"GroupName":"ops"}],"Policies":[{"PolicyName":"p","PolicyDocument":{"Version":"2012-10-17","Statement":[]}}]})");
    file("access/role.toml",
         "RoleName = \"app\"\nAssumeRolePolicyDocument = '{}'\nMaxSessionDuration = 7200\n");
    file("access/notes.txt", "not read");
    const auto configuration = read_configuration(folder / "access");
    EXPECT_EQ(configuration.users(0).groups(0), "ops");
    EXPECT_EQ(configuration.groups(0).group_name(), "ops");
    EXPECT_EQ(configuration.policies(0).policy_document(), R"({"Version":"2012-10-17","Statement":[]})");
    EXPECT_EQ(configuration.roles(0).max_session_duration(), 7200);

    write_configuration(configuration, folder / "out", false);
    EXPECT_EQ(read_configuration(folder / "out").SerializeAsString(), configuration.SerializeAsString());
    EXPECT_THROW(write_configuration(configuration, folder / "out", false), Failure);
    write_configuration(configuration, folder / "out", true);
}

TEST_F(RequestTest, WhatIsWrongInAFileIsNamed) {
    const auto refused = [&](const std::string& name, const std::string& content) {
        std::filesystem::remove_all(folder / "access");
        std::filesystem::create_directories(folder / "access");
        file("access/" + name, content);
        try {
            static_cast<void>(read_configuration(folder / "access"));
        } catch (const Failure& error) {
            return std::string(error.what());
        }
        return std::string("no error");
    };
    EXPECT_THAT(refused("x.json", R"({"UserName":"a","Group":["b"]})"),
                HasSubstr("x.json has no member 'Group'"));
    EXPECT_THAT(refused("x.json", R"({"UserName":1})"), HasSubstr("x.json.UserName must be a string"));
    EXPECT_THAT(refused("x.json", "{"), HasSubstr("x.json is not JSON"));
    EXPECT_THAT(refused("x.toml", "UserName = \n"), HasSubstr("x.toml:1:"));
    EXPECT_THAT(refused("x.txt", ""), HasSubstr("there is no *.json or *.toml file"));
    EXPECT_THAT(refused("x.json", "[]"), HasSubstr("must be a structure"));
}

TEST_F(RequestTest, TextsNumbersAndFlags) {
    const auto list =
        parse("list-secrets", {"--max-results", "7", "--include-planned-deletion", "--sort-by", "name"});
    EXPECT_EQ(list.list_secrets().max_results(), 7);
    EXPECT_TRUE(list.list_secrets().include_planned_deletion());
    EXPECT_EQ(list.list_secrets().sort_by(), "name");
    EXPECT_FALSE(list.list_secrets().has_sort_order());

    const auto off = parse("list-secrets", {"--no-include-planned-deletion"});
    EXPECT_TRUE(off.list_secrets().has_include_planned_deletion());
    EXPECT_FALSE(off.list_secrets().include_planned_deletion());
}

TEST_F(RequestTest, EmptyIsNotAbsent) {
    EXPECT_TRUE(
        parse("update-secret", {"--secret-id", "a", "--description", ""}).update_secret().has_description());
    EXPECT_FALSE(parse("update-secret", {"--secret-id", "a"}).update_secret().has_description());
}

TEST_F(RequestTest, ListsOfTextsAreSeveralValuesOrJson) {
    for (const auto& values :
         std::vector<std::vector<std::string>>{{"--tag-keys", "a", "b,c"},
                                               {"--tag-keys", R"(["a", "b,c"])"},
                                               {"--tag-keys", "a", "--tag-keys", "b,c"}}) {
        std::vector<std::string> arguments{"--secret-id", "s"};
        arguments.insert(arguments.end(), values.begin(), values.end());
        EXPECT_THAT(parse("untag-resource", arguments).untag_resource().tag_keys(),
                    testing::ElementsAre("a", "b,c"));
    }
}

TEST_F(RequestTest, StructuresAreShorthandOrJson) {
    const std::vector<std::vector<std::string>> same{
        {"--tags", "Key=team,Value=billing", "Key=env,Value="},
        {"--tags", R"([{"Key":"team","Value":"billing"},{"Key":"env","Value":""}])"},
        {"--tags", R"({"Key":"team","Value":"billing"})", "Key=env,Value="},
        {"--tags",
         "file://" + file("tags.json", R"([{"Key":"team","Value":"billing"},{"Key":"env","Value":""}])")},
    };
    for (const auto& values : same) {
        std::vector<std::string> arguments{"--secret-id", "s"};
        arguments.insert(arguments.end(), values.begin(), values.end());
        const auto request = parse("tag-resource", arguments);
        const auto& tags = request.tag_resource().tags();
        ASSERT_EQ(tags.size(), 2);
        EXPECT_EQ(tags[0].key(), "team");
        EXPECT_EQ(tags[0].value(), "billing");
        EXPECT_EQ(tags[1].key(), "env");
        EXPECT_TRUE(tags[1].has_value());
    }
    const auto rotate = parse(
        "rotate-secret", {"--secret-id", "s", "--rotation-rules", "AutomaticallyAfterDays=30,Duration=2h"});
    EXPECT_EQ(rotate.rotate_secret().rotation_rules().automatically_after_days(), 30);
    EXPECT_EQ(rotate.rotate_secret().rotation_rules().duration(), "2h");
}

TEST_F(RequestTest, FiltersTakeOneValueOrSeveral) {
    const auto request = parse("list-secrets", {"--filters", "Key=name,Values=a", "Key=tag-key,Values=x,y"});
    ASSERT_EQ(request.list_secrets().filters_size(), 2);
    EXPECT_THAT(request.list_secrets().filters(0).values(), testing::ElementsAre("a"));
    EXPECT_THAT(request.list_secrets().filters(1).values(), testing::ElementsAre("x", "y"));
}

TEST_F(RequestTest, AWholeRequestAsJsonUnderTheOptions) {
    const auto request = parse(
        "create-secret",
        {"--cli-input-json",
         "file://" + file("request.json", R"({"Name":"a","Description":"d","SecretBinary":"AAEC/w=="})"),
         "--name", "b"});
    EXPECT_EQ(request.create_secret().name(), "b");
    EXPECT_EQ(request.create_secret().description(), "d");
    EXPECT_EQ(request.create_secret().secret_binary(), std::string("\x00\x01\x02\xff", 4));
}

TEST_F(RequestTest, ValuesComeFromFilesExactly) {
    // A line end at the end stays, as do beginnings that mean something on a command line.
    for (const std::string value :
         {"hi\n", "-starts-with-dash", "@at", "file://x", "https://example.com/x", " "}) {
        const auto text =
            parse("put-secret-value", {"--secret-id", "s", "--secret-string", "file://" + file("v", value)});
        EXPECT_EQ(text.put_secret_value().secret_string(), value);
        const auto binary =
            parse("put-secret-value", {"--secret-id", "s", "--secret-binary", "fileb://" + file("v", value)});
        EXPECT_EQ(binary.put_secret_value().secret_binary(), value);
    }
}

TEST_F(RequestTest, BinaryInATextFileIsBase64) {
    const auto request =
        parse("put-secret-value", {"--secret-id", "s", "--secret-binary", "file://" + file("v", "aGkK\n")});
    EXPECT_EQ(request.put_secret_value().secret_binary(), "hi\n");
    const auto raw =
        parse("put-secret-value", {"--secret-id", "s", "--cli-binary-format", "raw-in-base64-out",
                                   "--secret-binary", "file://" + file("v", "aGkK")});
    EXPECT_EQ(raw.put_secret_value().secret_binary(), "aGkK");
    EXPECT_THAT(
        refusal("put-secret-value", {"--secret-id", "s", "--secret-binary", "file://" + file("v", "hi\n")}),
        AllOf(HasSubstr("--secret-binary is not base64"), HasSubstr("fileb://")));
}

TEST_F(RequestTest, AValueOnTheCommandLineIsRefusedUnlessAllowed) {
    EXPECT_THAT(
        refusal("create-secret", {"--name", "a", "--secret-string", "s3cret"}),
        AllOf(HasSubstr("--secret-string"), HasSubstr("standard input"), testing::Not(HasSubstr("s3cret"))));
    const auto allowed =
        parse("create-secret", {"--name", "a", "--allow-argv-value", "--secret-string", "s3cret"});
    EXPECT_EQ(allowed.create_secret().secret_string(), "s3cret");
    const auto binary =
        parse("create-secret", {"--name", "a", "--allow-argv-value", "--secret-binary", "aGkK"});
    EXPECT_EQ(binary.create_secret().secret_binary(), "hi\n");
}

TEST_F(RequestTest, WhatIsWrongIsNamed) {
    EXPECT_THAT(refusal("get-secret-value", {}),
                HasSubstr("--secret-id is required (coffer get-secret-value --help)"));
    EXPECT_THAT(refusal("tag-resource", {"--secret-id", "a"}), HasSubstr("--tags is required"));
    EXPECT_THAT(
        refusal("tag-resource", {"--secret-id", "a", "--tags", "[]"}),
        AllOf(HasSubstr("--tags is empty; at least one is wanted"), testing::Not(HasSubstr("required"))));
    EXPECT_THAT(refusal("list-secrets", {"--max-results", "many"}),
                HasSubstr("--max-results must be a whole number"));
    EXPECT_THAT(refusal("list-secrets", {"--filters", "Kay=name"}),
                AllOf(HasSubstr("Kay"), HasSubstr("Key, Values")));
    EXPECT_THAT(refusal("list-secrets", {"--filters", R"([{"Key":"name","Values":"a"}])"}),
                HasSubstr("--filters[0].Values must be a list"));
    EXPECT_THAT(refusal("list-secrets", {"--filters", "[{]"}), HasSubstr("--filters is not JSON"));
    EXPECT_THAT(refusal("create-secret", {"--name", "a\xff"}), HasSubstr("--name is not text in UTF-8"));
    EXPECT_THAT(refusal("create-secret", {"--name", "a", "--allow-argv-value", "--secret-string", "a\xff"}),
                HasSubstr("--secret-string is not text in UTF-8"));
    EXPECT_THAT(refusal("create-secret", {"--name", "a", "--secret-string", "file:///does/not/exist"}),
                AllOf(HasSubstr("/does/not/exist"), HasSubstr("No such file")));
    EXPECT_THAT(refusal("create-secret", {"--name", "a", "--secret-string",
                                          "file://" + file("large", std::string(1024 * 1024 + 1, 'x'))}),
                HasSubstr("longer than 1048576 bytes"));
}

// Of two members with one name, none is taken: RFC 8259, section 4, leaves to the reader what they mean.
// Columns are counted in the texts.
TEST_F(RequestTest, AMemberThatComesTwiceIsRefusedWhereverJsonIsTaken) {
    const auto twice = [&](const std::string& verb, std::vector<std::string> arguments,
                           std::string_view member, int line = 1) {
        const auto text = arguments.back();
        const auto start = text.rfind('\n') + 1;  // 0 when there is none
        const auto place =
            "line " + std::to_string(line) + ", column " + std::to_string(text.rfind(member) - start + 1);
        const auto option = arguments[arguments.size() - 2];
        for (const auto& given : {text, "file://" + file("given.json", text)}) {
            arguments.back() = given;
            EXPECT_THAT(refusal(verb, arguments),
                        AllOf(testing::StartsWith(option + ": " + place + ": "), HasSubstr("comes twice")));
        }
    };
    twice("create-secret", {"--cli-input-json", R"({"Name":"a","Description":"d","Name":"b"})"}, R"("Name")");
    twice("create-secret", {"--cli-input-json", "{\"Name\":\"a\",\n \"N\\u0061me\":\"b\"}"}, "\"N\\u0061", 2);
    twice(
        "put-user-policy",
        {"--cli-input-json",
         R"({"UserName":"u","PolicyName":"p","PolicyDocument":{"Statement":[{"Effect":"Deny","Action":"*","Effect":"Allow"}]}})"},
        R"("Effect")");
    twice("tag-resource",
          {"--secret-id", "s", "--tags", R"([{"Key":"a","Value":"b"},{"Key":"c","Key":"d"}])"}, R"("Key")");
    twice("tag-resource", {"--secret-id", "s", "--tags", R"({"Key":"a","Key":"b"})"}, R"("Key")");
    twice("rotate-secret", {"--secret-id", "s", "--rotation-rules", R"({"Duration":"2h","Duration":"3h"})"},
          R"("Duration")");
    twice("add-user-identity", {"--user-name", "u", "--identity", R"({"Kind":"spiffe","Kind":"subject"})"},
          R"("Kind")");
    twice("list-secrets", {"--filters", R"([{"Key":"name","Values":["a"],"Values":["b"]}])"}, R"("Values")");
    EXPECT_THAT(refusal("tag-resource", {"--secret-id", "s", "--tags", "Key=a,Key=b"}),
                HasSubstr("another name than 'Key'"));
    // A value is not shown: it may be secret.
    EXPECT_THAT(refusal("create-secret",
                        {"--cli-input-json",
                         "file://" + file("r.json", R"({"SecretString":"s3cret","SecretString":"s4cret"})")}),
                AllOf(HasSubstr("column 26"), testing::Not(HasSubstr("cret\""))));
    // A secret's value is opaque: what is in its text is nobody's business here.
    EXPECT_EQ(parse("create-secret",
                    {"--name", "a", "--secret-string", "file://" + file("value", R"({"a":1,"a":2})")})
                  .create_secret()
                  .secret_string(),
              R"({"a":1,"a":2})");
}

// The results of the AWS CLI's own parser for the same texts.
TEST(Shorthand, IsWhatTheAwsCliMakesOfIt) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"Key=a,Value=b", R"({"Key":"a","Value":"b"})"},
        {"Key=name,Values=a,b", R"({"Key":"name","Values":["a","b"]})"},
        {"Values=a,b,Key=name", R"({"Values":["a","b"],"Key":"name"})"},
        {"Key=name,Values=[a,b]", R"({"Key":"name","Values":["a","b"]})"},
        {"Key=name,Values='x,y',z", R"({"Key":"name","Values":["x,y","z"]})"},
        {"Key=a\\,b,Value=", R"({"Key":"a,b","Value":""})"},
        {"A={B=c,D=[e,f]}", R"({"A":{"B":"c","D":["e","f"]}})"},
        {"Key= x ,Value=y", R"({"Key":"x","Value":"y"})"},
        {"Key=a=b,Value=c", R"({"Key":"a=b","Value":"c"})"},
        {"Key=name,Values=\"a b\",c", R"({"Key":"name","Values":["a b","c"]})"},
        {"Key=a Value=b", R"({"Key":"a Value=b"})"},
    };
    for (const auto& [text, expected] : cases) {
        EXPECT_EQ(boost::json::serialize(parse_shorthand(text, "--x")), expected) << text;
    }
}

TEST(Shorthand, MistakesAreShownWhereTheyAre) {
    for (const char* bad : {"", "Key", "Key=a,b=c,Key=d", "Key=[a", "Key='a", "{", "=x"}) {
        try {
            static_cast<void>(parse_shorthand(bad, "--x"));
            ADD_FAILURE() << bad;
        } catch (const UsageError& error) {
            EXPECT_THAT(error.what(), AllOf(HasSubstr("--x: expected"), HasSubstr("^"))) << bad;
        }
    }
    EXPECT_THROW(static_cast<void>(parse_shorthand("A=" + std::string(100, '['), "--x")), UsageError);
}

// RFC 4648, section 10; blanks are skipped, as files end with a line end.
TEST(Base64, Decodes) {
    const auto decoded = [](std::string_view text) { return std::string(from_base64(text, "--x").text()); };
    EXPECT_EQ(decoded(""), "");
    EXPECT_EQ(decoded("Zg=="), "f");
    EXPECT_EQ(decoded("Zm8="), "fo");
    EXPECT_EQ(decoded("Zm9v\n"), "foo");
    EXPECT_EQ(decoded("Zm9v\r\nYmFy\n"), "foobar");
    for (const char* bad : {"Z", "Zg", "Zg=", "Zg===", "Z=g=", "=", "Zg==Zg==", "Zm9v!", "AAEC_w=="}) {
        EXPECT_THROW(static_cast<void>(from_base64(bad, "--x")), UsageError) << bad;
    }
}

}  // namespace
}  // namespace coffer::cli
