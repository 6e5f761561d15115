// The fields of JSON secrets, the environment that exec makes of them, and lists over several pages.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

#include "client/coffer/environment.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/json_fields.hpp"
#include "client/coffer/paging.hpp"
#include "client/coffer/steering_variables.hpp"

namespace coffer::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string field(std::string_view document, std::string_view name) {
    const auto fields = parse_json_fields(document, "s");
    const auto* value = find_field(fields, name);
    return value == nullptr ? "(none)" : std::string(view(*value));
}

TEST(JsonFields, StringsAreTheirCharacters) {
    EXPECT_EQ(field(R"({"password":"pw-1"})", "password"), "pw-1");
    EXPECT_EQ(field(R"({"p":"a\"b\\c\n\u00e9\ud83d\ude00"})", "p"), "a\"b\\c\n\xc3\xa9\xf0\x9f\x98\x80");
    EXPECT_EQ(field(R"({"":"empty name"})", ""), "empty name");
    EXPECT_EQ(field(R"({"p":""})", "p"), "");
    EXPECT_EQ(field(R"({"p":"x"})", "q"), "(none)");
}

TEST(JsonFields, NumbersAreAsTheyWereWritten) {
    EXPECT_EQ(field(R"({"port":5432})", "port"), "5432");
    EXPECT_EQ(field(R"({"n":12345678901234567890123})", "n"), "12345678901234567890123");
    EXPECT_EQ(field(R"({"n":1.10})", "n"), "1.10");
    EXPECT_EQ(field(R"({"n":-1e-7})", "n"), "-1e-7");
}

TEST(JsonFields, WordsAndWhatIsNestedAreJson) {
    const auto* document =
        R"( {"t":true, "f" : false,"z":null, "o": {"a":[1, {"b":null}], "c":"d\"e", "f":{}} ,"l":[ ] } )";
    EXPECT_EQ(field(document, "t"), "true");
    EXPECT_EQ(field(document, "f"), "false");
    EXPECT_EQ(field(document, "z"), "null");
    EXPECT_EQ(field(document, "o"), R"({"a":[1,{"b":null}],"c":"d\"e","f":{}})");
    EXPECT_EQ(field(document, "l"), "[]");
}

TEST(JsonFields, TheLastOfTwoCounts) {
    EXPECT_EQ(field(R"({"a":"1","a":"2"})", "a"), "2");
}

TEST(JsonFields, LongTextsAreWhole) {
    const std::string longest(65'000, 'x');
    EXPECT_EQ(field("{\"a\":\"" + longest + "\"}", "a"), longest);
}

TEST(JsonFields, AnythingButAnObjectIsRefusedWithoutShowingIt) {
    for (const char* bad : {"", "s3cret", "\"s3cret\"", "[\"s3cret\"]", "12", "{\"a\":\"s3cret\"",
                            "{\"a\":\"s3cret\"} x", "{'a':1}"}) {
        try {
            static_cast<void>(parse_json_fields(bad, "app/db"));
            ADD_FAILURE() << bad;
        } catch (const Failure& error) {
            EXPECT_THAT(error.what(), AllOf(HasSubstr("app/db"), Not(HasSubstr("s3cret"))));
        }
    }
}

class EnvironmentTest : public testing::Test {
protected:
    EnvironmentTest() : environment(inherited.data()) {}

    void add(std::string_view document, const std::string& prefix = "") {
        environment.add(parse_json_fields(document, "s"), {prefix, {}, {}}, "s");
    }
    void choose(std::string_view document, const FieldChoice& choice) {
        environment.add(parse_json_fields(document, "s"), choice, "s");
    }
    std::vector<std::string> variables() {
        std::vector<std::string> all;
        for (const char* variable : environment.pointers()) {
            if (variable != nullptr) all.emplace_back(variable);
        }
        return all;
    }

    std::string home = "HOME=/root";
    std::string user = "user=nobody";
    std::array<char*, 3> inherited{home.data(), user.data(), nullptr};
    Environment environment;
};

TEST_F(EnvironmentTest, FieldsAreVariables) {
    add(R"({"user":"app","password":"a=b c"})");
    EXPECT_THAT(variables(), testing::UnorderedElementsAre("HOME=/root", "user=app", "password=a=b c"));
    EXPECT_EQ(environment.pointers().back(), nullptr);
}

TEST_F(EnvironmentTest, PrefixesMakeRoom) {
    add(R"({"user":"app"})", "DB_");
    add(R"({"user":"mail"})", "MAIL_");
    EXPECT_THAT(variables(), testing::IsSupersetOf({"DB_user=app", "MAIL_user=mail", "user=nobody"}));
    EXPECT_THROW(add(R"({"user":"again"})", "DB_"), Failure);
}

TEST_F(EnvironmentTest, NamesAreChecked) {
    for (const char* bad :
         {R"({"a-b":"1"})", R"({"1a":"1"})", R"({"":"1"})", R"({"a=b":"1"})", R"({"a b":"1"})"}) {
        EXPECT_THROW(add(bad), Failure) << bad;
    }
    EXPECT_NO_THROW(add(R"({"1a":"1"})", "X"));
}

// Names from the manuals of those programs.
TEST_F(EnvironmentTest, WhatSteersProgramsIsNotSet) {
    for (const std::string name : {"AWS_CA_BUNDLE",
                                   "AWS_CONFIG_FILE",
                                   "AWS_ENDPOINT_URL",
                                   "AWS_ENDPOINT_URL_SECRETS_MANAGER",
                                   "BASHOPTS",
                                   "BASH_ENV",
                                   "CLASSPATH",
                                   "COFFER_ENDPOINT",
                                   "CORECLR_PROFILER_PATH",
                                   "CURL_CA_BUNDLE",
                                   "DBUS_SESSION_BUS_ADDRESS",
                                   "DOTNET_STARTUP_HOOKS",
                                   "DYLD_INSERT_LIBRARIES",
                                   "EDITOR",
                                   "ENV",
                                   "GCONV_PATH",
                                   "GIT_EXTERNAL_DIFF",
                                   "GIT_PAGER",
                                   "GIT_SSH_COMMAND",
                                   "GLIBC_TUNABLES",
                                   "GOFLAGS",
                                   "HOME",
                                   "HTTPS_PROXY",
                                   "HTTP_PROXY",
                                   "IFS",
                                   "JAVA_TOOL_OPTIONS",
                                   "JDK_JAVA_OPTIONS",
                                   "KUBECONFIG",
                                   "LD_AUDIT",
                                   "LD_LIBRARY_PATH",
                                   "LD_PRELOAD",
                                   "LESSCLOSE",
                                   "LESSOPEN",
                                   "LUA_INIT",
                                   "LUA_INIT_5_4",
                                   "LUA_PATH",
                                   "MALLOC_CONF",
                                   "MAKEFLAGS",
                                   "NODE_EXTRA_CA_CERTS",
                                   "NODE_OPTIONS",
                                   "NODE_PATH",
                                   "ODBCSYSINI",
                                   "OPENSSL_CONF",
                                   "OPENSSL_MODULES",
                                   "PAGER",
                                   "PATH",
                                   "PERL5DB",
                                   "PERL5LIB",
                                   "PERL5OPT",
                                   "PGSYSCONFDIR",
                                   "PHPRC",
                                   "PHP_INI_SCAN_DIR",
                                   "PROMPT_COMMAND",
                                   "PS4",
                                   "PYTHONHOME",
                                   "PYTHONINSPECT",
                                   "PYTHONPATH",
                                   "PYTHONSTARTUP",
                                   "PYTHONWARNINGS",
                                   "RUBYLIB",
                                   "RUBYOPT",
                                   "SHELLOPTS",
                                   "SSH_ASKPASS",
                                   "SSLKEYLOGFILE",
                                   "SSL_CERT_DIR",
                                   "SSL_CERT_FILE",
                                   "TMPDIR",
                                   "VISUAL",
                                   "ZDOTDIR",
                                   "_JAVA_OPTIONS",
                                   "all_proxy",
                                   "https_proxy",
                                   "npm_config_script_shell"}) {
        try {
            add("{\"" + name + "\":\"s3cret\"}");
            ADD_FAILURE() << name;
        } catch (const Failure& error) {
            EXPECT_THAT(error.what(), AllOf(HasSubstr("the field '" + name + "' of s"), HasSubstr("--only"),
                                            HasSubstr("--prefix"), HasSubstr("--env " + name + "=" + name),
                                            Not(HasSubstr("s3cret"))));
        }
    }
    EXPECT_THAT(variables(), testing::UnorderedElementsAre("HOME=/root", "user=nobody")) << "all or nothing";
}

TEST_F(EnvironmentTest, OrdinaryNamesAreSetAsEver) {
    // Upper and lower case differ, as the platform has it.
    for (const std::string name : {"username",
                                   "password",
                                   "host",
                                   "port",
                                   "dbname",
                                   "engine",
                                   "dbInstanceIdentifier",
                                   "USERNAME",
                                   "PASSWORD",
                                   "DATABASE_URL",
                                   "DB_PASSWORD",
                                   "PGHOST",
                                   "PGPASSWORD",
                                   "PGUSER",
                                   "MYSQL_PWD",
                                   "REDISCLI_AUTH",
                                   "API_KEY",
                                   "GITHUB_TOKEN",
                                   "AWS_ACCESS_KEY_ID",
                                   "AWS_SECRET_ACCESS_KEY",
                                   "AWS_SESSION_TOKEN",
                                   "AWS_REGION",
                                   "path",
                                   "home",
                                   "python",
                                   "SECRET_KEY_BASE",
                                   "TF_VAR_password"}) {
        EXPECT_NO_THROW(add("{\"" + name + "\":\"1\"}")) << name;
    }
}

TEST_F(EnvironmentTest, APrefixMakesAnyNameHarmlessUnlessItCompletesOne) {
    EXPECT_NO_THROW(add(R"({"PATH":"/a","LD_PRELOAD":"c","HTTPS_PROXY":"d","PERL5OPT":"e"})", "APP_"));
    EXPECT_THROW(add(R"({"OPTS":"-XX:OnOutOfMemoryError=id"})", "KAFKA_"), Failure);
    EXPECT_THROW(add(R"({"PRELOAD":"/evil.so"})", "LD_"), Failure);
    EXPECT_THROW(add(R"({"TOPTIONS":"1"})", "PYTHON"), Failure);
    EXPECT_THROW(add(R"({"FS":"1"})", "I"), Failure);
    EXPECT_THROW(add(R"({"ATH":"1"})", "P"), Failure);
    EXPECT_THROW(add(R"({"OME":"1"})", "H"), Failure);
    EXPECT_THROW(add(R"({"TPS_PROXY":"1"})", "HT"), Failure);
    EXPECT_THROW(add(R"({"tps_proxy":"1"})", "ht"), Failure);
}

TEST_F(EnvironmentTest, OnlyChosenFieldsAreSet) {
    const auto* document = R"({"username":"app","password":"pw-1","PERL5OPT":"-MEvil","a-b":"x"})";
    choose(document, {"DB_", {"username"}, {{"PGPASSWORD", "password"}, {"dash", "a-b"}}});
    EXPECT_THAT(variables(), testing::UnorderedElementsAre("HOME=/root", "user=nobody", "DB_username=app",
                                                           "PGPASSWORD=pw-1", "dash=x"));
    // --only takes the name from the secret still; --env is our own word.
    EXPECT_THROW(choose(document, {"", {"PERL5OPT"}, {}}), Failure);
    EXPECT_NO_THROW(choose(document, {"", {}, {{"PERL5OPT", "PERL5OPT"}}}));
    EXPECT_THROW(choose(document, {"", {}, {{"PERL5OPT", "username"}}}), Failure) << "set twice";
    try {
        choose(document, {"", {"user"}, {}});
        ADD_FAILURE();
    } catch (const Failure& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr("no field 'user'"), HasSubstr("username, password"),
                                        Not(HasSubstr("pw-1"))));
    }
}

TEST(SteeringVariables, AreAllInTheManual) {
    std::ifstream file(COFFER_SOURCE_DIR "/docs/coffer.md");
    std::vector<std::string> words{std::istream_iterator<std::string>(file), {}};
    std::sort(words.begin(), words.end());
    const auto expect_all = [&](std::span<const std::string_view> names, const std::string& before,
                                const std::string& after) {
        for (const auto name : names) {
            const auto word = before + std::string(name) + after;
            EXPECT_TRUE(std::binary_search(words.begin(), words.end(), word)) << word;
        }
    };
    expect_all(steering_names(), "", "");
    expect_all(steering_beginnings(), "", "*");
    expect_all(steering_ends(), "*", "");
    expect_all(harmless_names(), "", "");
}

TEST_F(EnvironmentTest, ANulCannotBePassed) {
    EXPECT_THROW(add(R"({"a":"x\u0000y"})"), Failure);
}

/// Ten secrets, s0 to s9, in pages of `max_results` (4 when not said).
v1::ListSecretsResponse ten(const v1::ListSecretsRequest& request, int& pages) {
    ++pages;
    const int first = request.has_next_token() ? std::stoi(request.next_token()) : 0;
    const int size = request.has_max_results() ? static_cast<int>(request.max_results()) : 4;
    v1::ListSecretsResponse page;
    for (int i = first; i < std::min(first + size, 10); ++i)
        page.add_secret_list()->set_name("s" + std::to_string(i));
    if (first + size < 10) page.set_next_token(std::to_string(first + size));
    return page;
}

std::string names(const v1::ListSecretsResponse& response) {
    std::string all;
    for (const auto& secret : response.secret_list()) all += secret.name().substr(1);
    return all;
}

TEST(Paging, AllPagesAreOneList) {
    int pages = 0;
    const auto list_page = [&](const v1::ListSecretsRequest& request) { return ten(request, pages); };
    const auto all = list_all(list_page, {}, {});
    EXPECT_EQ(names(all), "0123456789");
    EXPECT_FALSE(all.has_next_token());
    EXPECT_EQ(pages, 3);
}

TEST(Paging, ACutListGoesOnWhereItWasCut) {
    int pages = 0;
    const auto list_page = [&](const v1::ListSecretsRequest& request) { return ten(request, pages); };
    for (const std::int64_t max_items : {1, 3, 4, 5, 7, 8, 9}) {
        std::string seen;
        Paging paging{max_items, std::nullopt, ""};
        while (true) {
            const auto some = list_all(list_page, {}, paging);
            EXPECT_LE(some.secret_list_size(), max_items);
            seen += names(some);
            if (!some.has_next_token()) break;
            paging.starting_token = some.next_token();
        }
        EXPECT_EQ(seen, "0123456789") << max_items;
    }
    EXPECT_FALSE(list_all(list_page, {}, {10, std::nullopt, ""}).has_next_token());
}

TEST(Paging, PageSizeIsAskedFor) {
    int pages = 0;
    const auto list_page = [&](const v1::ListSecretsRequest& request) { return ten(request, pages); };
    EXPECT_EQ(names(list_all(list_page, {}, {std::nullopt, 5, ""})), "0123456789");
    EXPECT_EQ(pages, 2);
}

TEST(Paging, TheDaemonsOwnTokenIsTaken) {
    int pages = 0;
    const auto list_page = [&](const v1::ListSecretsRequest& request) { return ten(request, pages); };
    EXPECT_EQ(names(list_all(list_page, {}, {std::nullopt, std::nullopt, "8"})), "89");
}

}  // namespace
}  // namespace coffer::cli
