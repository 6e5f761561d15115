// The fields of JSON secrets, the environment that exec makes of them, and lists over several pages.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "client/coffer/environment.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/json_fields.hpp"
#include "client/coffer/paging.hpp"

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
        environment.add(parse_json_fields(document, "s"), prefix, "s");
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

TEST_F(EnvironmentTest, WhatSteersProgramsIsNotSet) {
    for (const char* bad :
         {R"({"PATH":"/evil"})", R"({"LD_PRELOAD":"/evil.so"})", R"({"BASH_ENV":"/evil"})"}) {
        EXPECT_THROW(add(bad), Failure) << bad;
    }
    EXPECT_NO_THROW(add(R"({"PATH":"/a"})", "APP_"));
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
