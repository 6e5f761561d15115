// Secrets that are JSON objects, read and changed without leaving locked memory.

#include "daemon/rotation/secret_fields.hpp"

#include <gtest/gtest.h>

#include <string>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/function_set.hpp"
#include "daemon/rotation/login_function.hpp"

namespace coffer::rotation {
namespace {

SecretFields fields(std::string_view text) {
    return SecretFields::parse(crypto::SecretBytes::copy_of(text));
}

std::string refusal(std::string_view text, const std::string& field = "a") {
    try {
        static_cast<void>(fields(text).require(field));
    } catch (const StepFailed& failed) {
        EXPECT_EQ(failed.kind(), StepFailed::Kind::hopeless);
        return failed.what();
    }
    return "";
}

TEST(SecretFields, AreReadAsTexts) {
    const auto read =
        fields(R"({"a":"x","n":5432,"u":18446744073709551615,"minus":-3,"e":"","z":null,"q":"\u0022\\é"})");
    EXPECT_EQ(read.require("a"), "x");
    EXPECT_EQ(std::string(read.require("n")), "5432");
    EXPECT_EQ(std::string(read.require("u")), "18446744073709551615");
    EXPECT_EQ(std::string(read.require("minus")), "-3");
    EXPECT_EQ(read.require("q"), "\"\\é");
    EXPECT_EQ(read.find("none"), std::nullopt);
    EXPECT_EQ(read.find("z"), std::nullopt);
}

TEST(SecretFields, AreReadAsListsOfTexts) {
    const auto read =
        fields(R"({"list":["a","b"],"one":"c","empty":[],"null":null,"mixed":["a",1],"number":1})");
    EXPECT_EQ(read.texts("list"), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(read.texts("one"), std::vector<std::string>{"c"});
    EXPECT_TRUE(read.texts("empty").empty());
    EXPECT_TRUE(read.texts("null").empty());
    EXPECT_TRUE(read.texts("none").empty());
    EXPECT_THROW(static_cast<void>(read.texts("mixed")), StepFailed);
    EXPECT_THROW(static_cast<void>(read.texts("number")), StepFailed);
}

TEST(SecretFields, KeepWhatIsNotSetAndItsOrder) {
    auto changed =
        fields(R"({"username":"app","password":"old","deep":{"list":[1,2.5,true,null]},"port":"5432"})");
    changed.set("password", "n\"e\\w\n");
    changed.set("added", "x");
    EXPECT_EQ(
        changed.text().text(),
        R"({"username":"app","password":"n\"e\\w\n","deep":{"list":[1,2.5E0,true,null]},"port":"5432","added":"x"})");
}

TEST(SecretFields, RefuseWhatTheyCannotUseAndNameIt) {
    EXPECT_NE(refusal("not json").find("not JSON"), std::string::npos);
    EXPECT_NE(refusal("").find("not JSON"), std::string::npos);
    EXPECT_NE(refusal("{\"a\":\"x\"} trailing").find("not JSON"), std::string::npos);
    EXPECT_NE(refusal("[1]").find("not a JSON object"), std::string::npos);
    EXPECT_NE(refusal("\"text\"").find("not a JSON object"), std::string::npos);
    EXPECT_NE(refusal("{}").find("\"a\""), std::string::npos);
    EXPECT_NE(refusal(R"({"a":""})").find("\"a\""), std::string::npos);
    EXPECT_NE(refusal(R"({"a":[]})").find("must be a text"), std::string::npos);
    EXPECT_NE(refusal(R"({"a":true})").find("must be a text"), std::string::npos);
    EXPECT_EQ(refusal(R"({"a":"x"})"), "");
}

TEST(SecretFields, DoNotShowTheValueInAnError) {
    for (const char* text : {"hunter2", "{\"a\":\"hunter2\"", "[\"hunter2\"]", "{\"a\":[\"hunter2\"]}"}) {
        EXPECT_EQ(refusal(text).find("hunter2"), std::string::npos) << text;
    }
}

TEST(SecretFields, TakeTheLongestValueAndNoLongerOne) {
    const std::string longest = "{\"a\":\"" + std::string(65536 - 8, 'x') + "\"}";
    ASSERT_EQ(longest.size(), 65536U);
    auto read = fields(longest);
    EXPECT_EQ(read.text().text(), longest);
    read.set("b", "y");
    EXPECT_THROW(static_cast<void>(read.text()), StepFailed);
    EXPECT_THROW(fields(longest + " "), StepFailed);
    // Many small members take the most room as a tree.
    std::string many = "{";
    for (int i = 0; many.size() < 65000; ++i) many += "\"" + std::to_string(i) + "\":[[]],";
    many.back() = '}';
    EXPECT_EQ(fields(many).text().text(), many);
}

TEST(SecretFields, PortsAreNumbersInRange) {
    EXPECT_EQ(fields("{}").port(5432), 5432);
    EXPECT_EQ(fields(R"({"port":1})").port(5432), 1);
    EXPECT_EQ(fields(R"({"port":"65535"})").port(5432), 65535);
    for (const char* text :
         {R"({"port":0})", R"({"port":65536})", R"({"port":"x"})", R"({"port":"80x"})", R"({"port":-1})"}) {
        EXPECT_THROW(static_cast<void>(fields(text).port(1)), StepFailed) << text;
    }
}

TEST(OtherUser, TakesTurns) {
    const LoginProduct product{.name = "PostgreSQL", .most_name_bytes = 63};
    EXPECT_EQ(other_user("app", product), "app_clone");
    EXPECT_EQ(other_user("app_clone", product), "app");
    EXPECT_EQ(other_user(std::string(57, 'x'), product), std::string(57, 'x') + "_clone");
    EXPECT_THROW(static_cast<void>(other_user(std::string(58, 'x'), product)), StepFailed);  // 64 bytes
}

class Nothing final : public Function {
public:
    [[nodiscard]] std::string_view kind() const noexcept override { return "nothing"; }
    void run(Step, const StepContext&, SecretValues&) override {}
    [[nodiscard]] std::vector<Check> check(const StepContext&, SecretValues&) override { return {}; }
};

TEST(FunctionSet, FindsByTheArnWithOrWithoutAVersion) {
    FunctionSet set;
    for (const char* name : {"b", "a", "ab"}) {
        set.add({.name = name,
                 .arn = function_arn("eu-1", "111122223333", name),
                 .description = "",
                 .function = std::make_shared<Nothing>()});
    }
    EXPECT_EQ(set.all().front().name, "a");
    const std::string arn = "arn:aws:lambda:eu-1:111122223333:function:a";
    ASSERT_NE(set.find(arn), nullptr);
    EXPECT_EQ(set.find(arn)->name, "a");
    EXPECT_EQ(set.find(arn + ":PROD")->name, "a");
    EXPECT_EQ(set.find(arn + "b")->name, "ab");
    EXPECT_EQ(set.find(arn + "x"), nullptr);
    EXPECT_EQ(set.find("a"), nullptr);
    EXPECT_EQ(set.find(""), nullptr);
}

}  // namespace
}  // namespace coffer::rotation
