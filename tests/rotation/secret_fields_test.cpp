// Secrets that are JSON objects, read and changed without leaving locked memory.

#include "daemon/rotation/secret_fields.hpp"

#include <gtest/gtest.h>

#include <string>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/function_set.hpp"
#include "daemon/rotation/login_function.hpp"
#include "daemon/rotation/login_guards.hpp"

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
        R"({"username":"app","password":"n\"e\\w\n","deep":{"list":[1,2.5,true,null]},"port":"5432","added":"x"})");
}

// What is not set stays as it is written, byte for byte: no number is what a double makes of it.
TEST(SecretFields, KeepEveryByteOfWhatIsNotSet) {
    for (const char* member :
         {R"("account":340282366920938463463374607431768211455)", R"("timeout":0.5)", R"("n":1.10)",
          R"("n":1e-400)", R"("n":-0)", R"("n":12345678901234567890123)", R"("n":1e400)", R"("n":1E+2)",
          R"("t":"\ud800")", R"("t":"a\/b \u00f6 \u003c")", "\"t\" :\t[ 1.0 , {\"x\" : null} ]",
          R"("twice":1,"twice":1.0)", R"("deep":{"password":"deep","password":2})",
          R"("":"","\u0000":"\u0000")"}) {
        const auto with = [member](const std::string& password) {
            return std::string(" { ") + member + ", \"password\": " + password + " ,\n " + R"("z":0.10)" +
                   "\n} ";
        };
        auto changed = fields(with(R"("old")"));
        EXPECT_EQ(changed.text().text(), with(R"("old")"));
        changed.set("password", "new");
        EXPECT_EQ(changed.text().text(), with(R"("new")"));
    }
}

TEST(SecretFields, KeepWhatIsDeeperThanParsersGo) {
    const std::string deep = "{\"d\":" + std::string(20000, '[') + std::string(20000, ']') + ",\"password\":";
    auto changed = fields(deep + "1.0}");
    changed.set("password", "p");
    EXPECT_EQ(changed.text().text(), deep + "\"p\"}");
}

TEST(SecretFields, SetWhatIsThereUnderAnyKindAndSpelling) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({})", R"({"password":"p"})"},
        {"{ \n}", "{\"password\":\"p\" \n}"},
        {R"({"a":1 })", R"({"a":1,"password":"p" })"},
        {R"({"password":null})", R"({"password":"p"})"},
        {R"({"password":{"a":[1]},"b":2})", R"({"password":"p","b":2})"},
        {R"({"pass\u0077ord":"old"})", R"({"pass\u0077ord":"p"})"},
        {R"({"password\u0000":"other"})", R"({"password\u0000":"other","password":"p"})"},
    };
    for (const auto& [before, after] : cases) {
        auto changed = fields(before);
        changed.set("password", "q");
        changed.set("password", "p");
        EXPECT_EQ(changed.find("password"), "p");
        EXPECT_EQ(changed.text().text(), after);
    }
}

TEST(SecretFields, RefuseAFieldThatComesTwice) {
    for (const char* text : {R"({"a":"x","a":"x"})", R"({"a":"x","b":1,"\u0061":null})"}) {
        EXPECT_NE(refusal(text).find("\"a\" comes more than once"), std::string::npos);
        auto twice = fields(text);
        EXPECT_THROW(twice.set("a", "new"), StepFailed);
        EXPECT_THROW(static_cast<void>(twice.texts("a")), StepFailed);
        EXPECT_EQ(twice.find("c"), std::nullopt);
    }
    EXPECT_THROW(static_cast<void>(fields(R"({"d":{"a":1,"a":2}})").find_at("/d/a")), StepFailed);
}

TEST(SecretFields, RefuseHalfACharacterWhereItIsNeededAlone) {
    EXPECT_NE(refusal(R"({"a":"\ud800"})").find("\"a\""), std::string::npos);
    EXPECT_NE(refusal(R"({"a":"\udc00\ud800"})").find("\"a\""), std::string::npos);
    EXPECT_EQ(fields(R"({"a":"\ud83d\ude00\u00F6\b\/"})").require("a"), "\U0001F600\u00F6\b/");
}

// RFC 6901, section 5, and what is not there.
TEST(SecretFields, AreFoundByPointers) {
    const auto read =
        fields(R"({"foo":["bar","baz"],"":"0","a/b":"1","m~n":"8","k\"l":"6","o":{"p":[[1],{"q":12}]}})");
    EXPECT_EQ(read.find_at("/foo/0"), "bar");
    EXPECT_EQ(read.find_at("/foo/1"), "baz");
    EXPECT_EQ(read.find_at("/"), "0");
    EXPECT_EQ(read.find_at("/a~1b"), "1");
    EXPECT_EQ(read.find_at("/m~0n"), "8");
    EXPECT_EQ(read.find_at("/k\"l"), "6");
    EXPECT_EQ(read.find_at("/o/p/1/q"), "12");
    EXPECT_EQ(read.find_at("/o/p/0/0"), "1");
    for (const char* none :
         {"/foo/2", "/foo/00", "/foo/-", "/foo/x", "/foo/0/0", "/none", "foo", "/o/p/1/r"}) {
        EXPECT_EQ(read.find_at(none), std::nullopt) << none;
    }
}

// RFC 8259.
TEST(SecretFields, TakeJsonAndNothingElse) {
    for (const char* good : {"{}", " {\t} ", R"({"a":[]})", R"({"a":-0.0e+1,"b":[true,false,null]})",
                             R"({"a":"\"\\\/\b\f\n\r\t\u00eF"})"}) {
        EXPECT_EQ(fields(good).text().text(), good);
    }
    for (const char* bad : {"{",
                            "}",
                            "{]",
                            "{,}",
                            R"({"a"})",
                            R"({"a":})",
                            R"({"a":1,})",
                            R"({"a":1 "b":2})",
                            R"({a:1})",
                            R"({"a":[1,]})",
                            R"({"a":[,1]})",
                            R"({"a":[1 2]})",
                            R"({"a":01})",
                            R"({"a":1.})",
                            R"({"a":.5})",
                            R"({"a":+1})",
                            R"({"a":1e})",
                            R"({"a":-})",
                            R"({"a":NaN})",
                            R"({"a":truely})",
                            R"({"a":nul})",
                            R"({"a":"\x"})",
                            R"({"a":"\u12"})",
                            R"({"a":"\u12g4"})",
                            "{\"a\":\"\n\"}",
                            R"({"a":"x)",
                            R"({"a":1}})",
                            R"({"a":1}{})",
                            "{\"a\":\"\xff\"}",
                            "{\"a\":\"\xed\xa0\x80\"}",
                            "\xef\xbb\xbf{}",
                            R"({'a':1})",
                            R"({"a":1}//)"}) {
        EXPECT_NE(refusal(bad).find("not JSON"), std::string::npos) << bad;
    }
}

TEST(SecretFields, AreVisitedAtEveryDepth) {
    std::string seen;
    SecretFields::visit_texts(
        crypto::SecretBytes::copy_of(std::string_view(
            R"({"a":"x","a":["y",[12345,999,1234.5],{"b\u0062":"z"}],"c":{"d":-1234},"e":true})")),
        [&](std::string_view name, std::string_view text) {
            seen.append(name).append("=").append(text) += ' ';
        });
    EXPECT_EQ(seen, "a=x a=y a=12345 bb=z d=-1234 ");
    SecretFields::visit_texts(crypto::SecretBytes::copy_of(std::string_view("[\"x\"")),
                              [](std::string_view, std::string_view) { FAIL(); });
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

// What stands before a NUL character is another user's name to a library that ends texts there.
TEST(LoginFields, HaveNoControlCharacters) {
    const auto said = [](const char* text, const auto& read) -> std::string {
        try {
            static_cast<void>(read(fields(text)));
        } catch (const StepFailed& failed) {
            EXPECT_EQ(failed.kind(), StepFailed::Kind::hopeless);
            return failed.what();
        }
        return "";
    };
    const auto name = [](const SecretFields& read) { return std::string(require_name(read, "username")); };
    const auto password = [](const SecretFields& read) { return std::string(require_password(read)); };
    for (const char* text : {R"({"username":"nn\u0000x"})", R"({"username":"nn\n"})",
                             R"({"username":"\u001f"})", R"({"username":"n\u007f"})"}) {
        EXPECT_NE(said(text, name).find("\"username\" has a control character"), std::string::npos) << text;
    }
    EXPECT_EQ(said(R"({"username":"App \"x\" o'br\\ien \u00e9"})", name), "");
    EXPECT_NE(said(R"({"password":"a\u0000b"})", password).find("\"password\" has a NUL"), std::string::npos);
    EXPECT_EQ(said(R"({"password":"a\tb"})", password), "");
    EXPECT_NE(said(R"({"host":"a\u0000b"})", plain_host).find("\"host\""), std::string::npos);
    EXPECT_EQ(find_name(fields("{}"), "dbname"), std::nullopt);
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
