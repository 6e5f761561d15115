#include "daemon/secrets/random_password.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <random>

#include "daemon/secrets/errors.hpp"

namespace coffer::secrets {
namespace {

std::vector<std::uint8_t> random_bytes(std::size_t size, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::uint8_t> bytes(size);
    std::ranges::generate(bytes, [&] { return static_cast<std::uint8_t>(random()); });
    return bytes;
}

std::string generate(const v1::GetRandomPasswordRequest& request, unsigned seed = 1) {
    const PasswordRules rules(request);
    const auto password = rules.generate(random_bytes(rules.random_bytes_needed(), seed));
    return password ? std::string(password->text()) : "";
}

std::string refusal(const v1::GetRandomPasswordRequest& request) {
    try {
        const PasswordRules rules(request);
    } catch (const ServiceError& e) {
        EXPECT_EQ(e.code(), v1::INVALID_PARAMETER);
        return e.what();
    }
    return "accepted";
}

bool has(const std::string& text, int (*is_class)(int)) {
    return std::ranges::any_of(text, [&](unsigned char c) { return is_class(c) != 0; });
}

TEST(RandomPassword, HasEachClassAndThirtyTwoCharactersUnlessToldOtherwise) {
    for (unsigned seed = 0; seed < 200; ++seed) {
        const auto password = generate({}, seed);
        EXPECT_EQ(password.size(), 32U);
        EXPECT_TRUE(has(password, std::islower) && has(password, std::isupper) &&
                    has(password, std::isdigit) && has(password, std::ispunct))
            << password;
        EXPECT_EQ(password.find(' '), std::string::npos);
    }
}

TEST(RandomPassword, FourCharactersHoldTheFourClasses) {
    v1::GetRandomPasswordRequest request;
    request.set_password_length(4);
    for (unsigned seed = 0; seed < 50; ++seed) {
        const auto password = generate(request, seed);
        EXPECT_EQ(password.size(), 4U);
        EXPECT_TRUE(has(password, std::islower) && has(password, std::isupper) &&
                    has(password, std::isdigit) && has(password, std::ispunct));
    }
}

TEST(RandomPassword, LeavesOutWhatIsExcluded) {
    v1::GetRandomPasswordRequest request;
    request.set_password_length(4096);
    request.set_exclude_punctuation(true);
    request.set_exclude_characters("abcXYZ019");
    const auto password = generate(request);
    EXPECT_EQ(password.size(), 4096U);
    EXPECT_EQ(password.find_first_of("abcXYZ019"), std::string::npos);
    EXPECT_FALSE(has(password, std::ispunct));
}

TEST(RandomPassword, UsesEveryCharacterAboutEquallyOften) {
    v1::GetRandomPasswordRequest request;
    request.set_password_length(4096);
    request.set_include_space(true);
    std::map<char, int> counts;
    for (unsigned seed = 0; seed < 20; ++seed) {
        for (const char c : generate(request, seed)) ++counts[c];
    }
    EXPECT_EQ(counts.size(), 95U);  // 26 + 26 + 10 + 32 + space
    // 81,920 characters over 95: 862 each, standard deviation 29; six of them either way.
    for (const auto& [c, count] : counts) EXPECT_NEAR(count, 862, 176) << c;
}

TEST(RandomPassword, RefusesWhatCannotBe) {
    v1::GetRandomPasswordRequest too_short;
    too_short.set_password_length(3);
    EXPECT_EQ(refusal(too_short), "Password length is too short based on the required types.");
    too_short.set_require_each_included_type(false);
    EXPECT_EQ(generate(too_short).size(), 3U);

    v1::GetRandomPasswordRequest emptied;
    emptied.set_exclude_characters("0123456789");
    EXPECT_EQ(refusal(emptied), "All characters of the desired type have been excluded.");
    emptied.set_require_each_included_type(false);
    EXPECT_EQ(generate(emptied).size(), 32U);

    v1::GetRandomPasswordRequest nothing;
    nothing.set_exclude_lowercase(true);
    nothing.set_exclude_uppercase(true);
    nothing.set_exclude_numbers(true);
    nothing.set_exclude_punctuation(true);
    EXPECT_EQ(refusal(nothing), "All characters have been excluded from selection.");
    nothing.set_include_space(true);
    nothing.set_password_length(3);
    EXPECT_EQ(generate(nothing), "   ");
}

TEST(RandomPassword, AsksForMoreWhenTheRandomBytesRunOut) {
    const PasswordRules rules{v1::GetRandomPasswordRequest()};
    EXPECT_FALSE(rules.generate(random_bytes(10, 1)).has_value());
}

}  // namespace
}  // namespace coffer::secrets
