// Whose password is set when, by functions for logins of whatever product: a server in memory.

#include "daemon/rotation/login_function.hpp"

#include <gmock/gmock.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace coffer::rotation {
namespace {

using crypto::SecretBytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = StepFailed::Kind;

std::string value_of(const std::string& user, const std::string& password, const std::string& host = "h") {
    return R"({"host":")" + host + R"(","username":")" + user + R"(","password":")" + password + R"("})";
}

/// Values in memory; `moved`: AWSCURRENT is on the new version.
struct LoginValues final : SecretValues {
    SecretBytes current() override { return SecretBytes::copy_of(moved ? new_value : current_value); }
    std::optional<SecretBytes> pending() override { return SecretBytes::copy_of(new_value); }
    std::optional<SecretBytes> previous() override {
        if (previous_value.empty()) return std::nullopt;
        return SecretBytes::copy_of(previous_value);
    }
    std::vector<SecretBytes> left_behind() override { return {}; }
    void put_pending(SecretBytes /*value*/) override { throw Error("there is a value"); }
    bool new_is_current() override { return moved; }
    std::optional<SecretBytes> current_of(const std::string& /*name*/) override {
        if (!has_admin) return std::nullopt;
        return SecretBytes::copy_of(value_of("admin", "a"));
    }
    SecretBytes random(std::size_t size) override { return SecretBytes(size); }
    std::string mark_of(const Bytes& /*what*/) override { return ""; }
    bool is_mark_of(const std::string& /*mark*/, const Bytes& /*what*/) override { return false; }
    void begin_exchange() override {}
    void undo_exchange() override {}
    void put_exchanged(SecretBytes /*value*/) override {}

    std::string current_value = value_of("app", "p1");
    std::string new_value = value_of("app_clone", "p2");
    std::string previous_value{};
    bool moved = false;
    bool has_admin = true;
};

class MemoryFunction final : public LoginFunction {
public:
    explicit MemoryFunction(std::string admin_secret)
        : LoginFunction({.name = "Memory",
                         .engines = {},
                         .port = 1,
                         .database = "d",
                         .most_name_bytes = 63,
                         .refusal_may_mean = "what it does not like"},
                        PasswordPolicy(), std::move(admin_secret)) {}
    [[nodiscard]] std::string_view kind() const noexcept override { return "memory"; }

    std::map<std::string, std::string> passwords{{"app", "p1"}};
    std::vector<std::string> set_by_admin;
    /// Where it is not empty, each login breaks off so.
    std::string broken{};

protected:
    [[nodiscard]] bool logs_in(const SecretFields& login, Patience /*patience*/) override {
        if (!broken.empty()) throw StepFailed(Kind::retry, broken);
        const auto found = passwords.find(std::string(login.require("username")));
        return found != passwords.end() && found->second == login.require("password");
    }
    [[nodiscard]] bool change_own(const SecretFields& login, const SecretFields& pending,
                                  const StepContext& context) override {
        if (!logs_in(login, context.patience())) return false;
        passwords[std::string(pending.require("username"))] = pending.require("password");
        return true;
    }
    void change_other(const Turn& turn) override {
        const std::string user(turn.pending.require("username"));
        passwords[user] = turn.pending.require("password");
        set_by_admin.push_back(user + " for " + std::string(turn.current.require("username")));
    }
    void check_other(const Turn& /*turn*/) override {}
};

struct SetEnd {
    std::optional<Kind> kind{};
    std::string words = "it is set";
    bool without_effect = false;
};

SetEnd set(MemoryFunction& function, LoginValues& values) {
    try {
        function.run(Step::set, {.secret_arn = "a", .secret_name = "n", .token = "t", .deadline = {}},
                     values);
    } catch (const StepFailed& failed) {
        return {failed.kind(), failed.what(), failed.without_effect()};
    }
    return {};
}

TEST(LoginFunction, TwoUsersTakeTurns) {
    MemoryFunction function("admin");
    LoginValues values;
    EXPECT_EQ(set(function, values).words, "it is set");
    EXPECT_THAT(function.set_by_admin, ElementsAre("app_clone for app"));
    EXPECT_EQ(function.passwords["app_clone"], "p2");
    EXPECT_EQ(function.passwords["app"], "p1");
}

TEST(LoginFunction, OfTwoUsersTheNewVersionMayBeCurrentAlready) {
    MemoryFunction function("admin");
    function.passwords["app_clone"] = "p2";
    LoginValues values;
    values.moved = true;
    values.previous_value = value_of("app", "p1");
    EXPECT_EQ(set(function, values).words, "it is set");
    EXPECT_THAT(function.set_by_admin, IsEmpty()) << "the server has it";
    values.previous_value = "";
    EXPECT_EQ(set(function, values).words, "it is set");
}

TEST(LoginFunction, OfTwoUsersAwsPreviousSpeaksForTheNewVersionThatIsCurrent) {
    MemoryFunction function("admin");
    LoginValues values;
    values.moved = true;
    values.previous_value = value_of("app", "p1");
    EXPECT_EQ(set(function, values).words, "it is set");
    EXPECT_THAT(function.set_by_admin, ElementsAre("app_clone for app"));
    EXPECT_EQ(function.passwords["app_clone"], "p2");
}

TEST(LoginFunction, NobodyElseSpeaksForTheNewVersionThatIsCurrent) {
    for (const auto& previous : {std::string(), value_of("app_clone", "p1"), value_of("else", "p1"),
                                 value_of("app", "wrong"), value_of("app", "p1", "another-host")}) {
        MemoryFunction function("admin");
        LoginValues values;
        values.moved = true;
        values.previous_value = previous;
        const auto end = set(function, values);
        EXPECT_TRUE(end.without_effect) << previous << ": " << end.words;
        EXPECT_THAT(function.set_by_admin, IsEmpty()) << previous;
    }
    MemoryFunction function("admin");
    LoginValues values;
    values.moved = true;
    const auto end = set(function, values);
    EXPECT_EQ(end.kind, Kind::retry) << "AWSCURRENT may be moved back";
    EXPECT_THAT(end.words, HasSubstr("move AWSCURRENT back"));
}

TEST(LoginFunction, SameUserThatIsNotTheNewVersionTakesNoTurn) {
    MemoryFunction function("admin");
    LoginValues values;
    values.new_value = value_of("app", "p2");
    const auto end = set(function, values);
    EXPECT_EQ(end.kind, Kind::hopeless);
    EXPECT_THAT(end.words, HasSubstr("does not take turns with app"));
}

TEST(LoginFunction, WhatFailsBeforeThePasswordIsSetHasNoEffect) {
    const auto expect_no_effect = [](const std::string& admin_secret, const LoginValues& given,
                                     const std::string& words) {
        auto values = given;
        MemoryFunction function(admin_secret);
        function.broken = words == "the session broke" ? words : "";
        const auto end = set(function, values);
        EXPECT_THAT(end.words, HasSubstr(words));
        EXPECT_TRUE(end.without_effect) << words;
    };
    LoginValues two;
    expect_no_effect("admin", two, "the session broke");
    two.has_admin = false;
    expect_no_effect("admin", two, "does not exist or has no value");
    LoginValues one;
    one.new_value = value_of("app", "p2");
    expect_no_effect("", one, "the session broke");
    one.new_value = "no object";
    expect_no_effect("", one, "JSON");
    one.new_value = value_of("app", "p2");
    one.current_value = "{}";
    expect_no_effect("", one, "username");
    one.current_value = value_of("app", "wrong");
    one.previous_value = value_of("app", "p1", "another-host");
    expect_no_effect("", one, "AWSPREVIOUS names another host");
}

TEST(LoginFunction, OfOneUserTheNewVersionMayBeCurrentAlready) {
    LoginValues values;
    values.new_value = value_of("app", "p2");
    values.moved = true;
    values.previous_value = value_of("app", "p1");
    MemoryFunction has_it("");
    has_it.passwords["app"] = "p2";
    EXPECT_EQ(set(has_it, values).words, "it is set");
    MemoryFunction has_it_not("");
    EXPECT_EQ(set(has_it_not, values).words, "it is set");
    EXPECT_EQ(has_it_not.passwords["app"], "p2");
}

TEST(LoginFunction, RefusalsSayWhatElseTheyMayMean) {
    LoginValues values;
    values.new_value = value_of("app", "p2");
    MemoryFunction one("");
    one.passwords.clear();
    EXPECT_THAT(set(one, values).words, HasSubstr("It says the same of what it does not like"));
    values.new_value = value_of("app_clone", "p2");
    MemoryFunction two("admin");
    two.passwords.clear();
    const auto end = set(two, values);
    EXPECT_THAT(end.words, HasSubstr("refuses the login of app with the secret's password"));
    EXPECT_THAT(end.words, HasSubstr("It says the same of what it does not like"));
}

}  // namespace
}  // namespace coffer::rotation
