#include "daemon/secrets/page_token.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "daemon/secrets/errors.hpp"
#include "daemon/secrets/position.hpp"

namespace coffer::secrets {
namespace {

PageTokens tokens(std::uint8_t fill) {
    crypto::SecretBytes key(32);
    for (auto& b : key.writable()) b = fill;
    return PageTokens(std::make_shared<const crypto::DerivedKeys>(std::move(key)));
}

bool opens(const PageTokens& with, const std::string& token, std::string_view context) {
    try {
        static_cast<void>(with.open(token, as_bytes(context)));
        return true;
    } catch (const ServiceError& e) {
        EXPECT_EQ(e.code(), v1::INVALID_NEXT_TOKEN);
        return false;
    }
}

TEST(PageTokens, OpenOnlyForTheirContextAndKey) {
    const auto mine = tokens(1);
    const auto token = mine.make(as_bytes("where/it/goes/on"), as_bytes("alice, by name"));
    EXPECT_EQ(as_text(mine.open(token, as_bytes("alice, by name"))), "where/it/goes/on");
    EXPECT_FALSE(opens(mine, token, "bob, by name"));
    EXPECT_FALSE(opens(tokens(2), token, "alice, by name"));
}

TEST(PageTokens, TellNothingAndAreNeverTheSame) {
    const auto mine = tokens(1);
    const auto token = mine.make(as_bytes("app/db"), as_bytes("c"));
    EXPECT_EQ(token.find("app"), std::string::npos);
    EXPECT_NE(token, mine.make(as_bytes("app/db"), as_bytes("c")));
    EXPECT_EQ(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
              std::string::npos);
}

TEST(PageTokens, RefuseEveryOtherText) {
    const auto mine = tokens(1);
    const auto token = mine.make(as_bytes("position"), as_bytes("c"));
    for (const std::string text : {"", "garbage", "%%%%", "====", "A", "AAAA", "\xFF\xFE"})
        EXPECT_FALSE(opens(mine, text, "c"));
    for (std::size_t i = 0; i < token.size(); ++i) {
        std::string altered = token;
        altered[i] = altered[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(opens(mine, altered, "c")) << i;
        EXPECT_FALSE(opens(mine, token.substr(0, i), "c")) << i;
    }
}

TEST(PageTokens, HaveOneForm) {
    const auto mine = tokens(1);
    constexpr std::string_view kCharacters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. ";
    for (std::size_t size = 0; size < 6; ++size) {  // each length beyond whole groups, twice
        const auto token = mine.make(Bytes(size, 1), as_bytes("c"));
        ASSERT_TRUE(opens(mine, token, "c"));
        for (const char c : kCharacters) {
            EXPECT_FALSE(opens(mine, token + c, "c")) << c;
            EXPECT_FALSE(opens(mine, token + c + c, "c")) << c;
            if (c != token.back()) {
                EXPECT_FALSE(opens(mine, token.substr(0, token.size() - 1) + c, "c")) << c;
            }
        }
    }
    // The other alphabet of RFC 4648, section 4.
    auto token = mine.make(as_bytes("position"), as_bytes("c"));
    while (token.find_first_of("-_") == std::string::npos)
        token = mine.make(as_bytes("position"), as_bytes("c"));
    std::ranges::replace(token, '-', '+');
    std::ranges::replace(token, '_', '/');
    EXPECT_FALSE(opens(mine, token, "c"));
}

TEST(Cursor, ComesBackAsItWas) {
    const storage::ListCursor cursor{Timestamp::from_millis(1523477145729), "app/db",
                                     storage::SecretId(Uuid::random())};
    const auto back = decode_cursor(encode_cursor(cursor));
    EXPECT_EQ(back.time, cursor.time);
    EXPECT_EQ(back.name, cursor.name);
    EXPECT_EQ(back.id, cursor.id);
    EXPECT_FALSE(decode_cursor(encode_cursor({std::nullopt, "", cursor.id})).time.has_value());
    EXPECT_THROW(static_cast<void>(decode_cursor(Bytes(5))), ServiceError);
}

}  // namespace
}  // namespace coffer::secrets
