#include "daemon/base/base64url.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "daemon/base/bytes.hpp"

namespace coffer {
namespace {

std::optional<std::string> decoded(std::string_view text) {
    const auto size = base64url_size(text);
    if (!size) return std::nullopt;
    Bytes bytes(*size);
    read_base64url(text, bytes);
    return std::string(as_text(bytes));
}

TEST(Base64UrlText, VectorsOfTheRfcs) {
    // RFC 4648, section 10, without padding.
    EXPECT_EQ(decoded(""), "");
    EXPECT_EQ(decoded("Zg"), "f");
    EXPECT_EQ(decoded("Zm8"), "fo");
    EXPECT_EQ(decoded("Zm9v"), "foo");
    EXPECT_EQ(decoded("Zm9vYg"), "foob");
    EXPECT_EQ(decoded("Zm9vYmE"), "fooba");
    EXPECT_EQ(decoded("Zm9vYmFy"), "foobar");
    // RFC 7515, appendix C.
    EXPECT_EQ(to_hex(as_bytes(*decoded("A-z_4ME"))), "03ecffe0c1");
}

TEST(Base64UrlText, OneTextForEachByte) {
    // Of the 4096 texts of two characters those 256 are one, whose four lowest bits are 0.
    constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::size_t taken = 0;
    for (const char first : kAlphabet) {
        for (const char second : kAlphabet) {
            const auto byte = decoded(std::string{first, second});
            if (!byte) continue;
            const auto value = kAlphabet.find(first) * 4 + kAlphabet.find(second) / 16;
            EXPECT_EQ(static_cast<std::uint8_t>(byte->front()), value);
            ++taken;
        }
    }
    EXPECT_EQ(taken, 256U);
}

TEST(Base64UrlText, NothingElse) {
    for (const auto* text : {"Zg==", "Zh", "Zm9", "Z", "Zm9vY", "Zm9vZ", "Zm 8", "Zm8\n", "+/+/", "A+z/4ME",
                             "=", "Zm9v=", "Zm9v====", "\xC3\xA9Zm"}) {
        EXPECT_FALSE(decoded(text)) << text;
    }
}

}  // namespace
}  // namespace coffer
