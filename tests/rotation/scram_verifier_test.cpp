// SCRAM-SHA-256 verifiers, by the example of RFC 7677, section 3, and by the definition of PBKDF2.

#include "daemon/rotation/scram_verifier.hpp"

#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <vector>

#include "daemon/rotation/password.hpp"

namespace coffer::rotation {
namespace {

using ::testing::MatchesRegex;

using Octets = std::vector<std::uint8_t>;

Octets octets_of(std::string_view text) {
    return {text.begin(), text.end()};
}

/// Without padding that the text does not have.
Octets from_base64(const std::string& text) {
    Octets bytes(text.size());
    const int size = EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
    const auto padding = static_cast<std::size_t>(std::count(text.begin(), text.end(), '='));
    bytes.resize(static_cast<std::size_t>(size) - padding);
    return bytes;
}

std::string to_base64(const Octets& bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    text.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                         bytes.data(), static_cast<int>(bytes.size()))));
    return text;
}

Octets hmac(const Octets& key, std::string_view text) {
    Octets mac(32);
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size);
    return mac;
}

Octets sha256(const Octets& bytes) {
    Octets digest(32);
    unsigned size = 0;
    EXPECT_EQ(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr), 1);
    return digest;
}

TEST(ScramVerifier, ServesTheExchangeOfTheRfc) {
    const auto verifier = scram_verifier("pencil", from_base64("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);
    const std::string head = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$";
    ASSERT_EQ(verifier.substr(0, head.size()), head);
    constexpr std::size_t kKeyCharacters = 44;  // 32 bytes
    ASSERT_EQ(verifier.size(), head.size() + 2 * kKeyCharacters + 1);
    const auto stored_key = from_base64(verifier.substr(head.size(), kKeyCharacters));
    const auto server_key = from_base64(verifier.substr(head.size() + kKeyCharacters + 1));

    const std::string exchange =
        "n=user,r=rOprNGfwEbeRWgbNEkqO,"
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    EXPECT_EQ(to_base64(hmac(server_key, exchange)), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    // The client's proof is its key under the signature (RFC 5802, section 3).
    auto client_key = from_base64("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    const auto signature = hmac(stored_key, exchange);
    for (std::size_t i = 0; i < client_key.size(); ++i) client_key[i] ^= signature.at(i);
    EXPECT_EQ(sha256(client_key), stored_key);
}

TEST(ScramVerifier, OfOneIterationIsOneHmacOfTheSalt) {
    // PBKDF2 of one iteration and one block: HMAC(password, salt and the number 1).
    const auto salted = hmac(octets_of("p"), std::string("salt\0\0\0\1", 8));
    EXPECT_EQ(scram_verifier("p", octets_of("salt"), 1), "SCRAM-SHA-256$1:c2FsdA==$" +
                                                             to_base64(sha256(hmac(salted, "Client Key"))) +
                                                             ":" + to_base64(hmac(salted, "Server Key")));
}

TEST(ScramVerifier, EachHasASaltOfItsOwn) {
    const auto one = scram_verifier("p", 2);
    EXPECT_THAT(one, MatchesRegex("SCRAM-SHA-256\\$2:[A-Za-z0-9+/]{22}==\\$[A-Za-z0-9+/]{43}=:"
                                  "[A-Za-z0-9+/]{43}="));
    EXPECT_NE(one, scram_verifier("p", 2));
}

TEST(ScramVerifier, IsMadeHereOfAsciiAlone) {
    EXPECT_TRUE(is_prepared("a ~!\t"));
    EXPECT_TRUE(is_prepared(""));
    EXPECT_FALSE(is_prepared("caf\xc3\xa9"));
    EXPECT_FALSE(is_prepared("a\xc2\xa0z"));
}

TEST(PasswordBits, AreThoseOfTheChoices) {
    // 26 lower, 26 upper and 26 punctuation characters (six of 32 are left out), 10 digits, one of each; then
    // 28 of all 88: 3 * 4.7004 + 3.3219 + 28 * 6.4594.
    EXPECT_NEAR(bits_of({}), 198.287, 0.01);
    PasswordSettings digits;
    digits.length = 10;
    digits.exclude_lowercase = digits.exclude_uppercase = digits.exclude_punctuation = true;
    EXPECT_NEAR(bits_of(digits), 33.219, 0.01);  // 10 * 3.3219
}

}  // namespace
}  // namespace coffer::rotation
