// Session tokens: what comes back is what went in, and nothing else is taken. The form of the ids is AWS's.

#include "daemon/sts/session_tokens.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "daemon/secrets/sealed_text.hpp"
#include "tests/sts/sts_fixture.hpp"

namespace coffer::sts {
namespace {

using testing::MatchesRegex;

class Tokens {
public:
    explicit Tokens(char seal_key = 'k', Timestamp now = kNow)
        : clock_(now), keys_(derive_with(seal_key), clock_), tokens_(keys_) {}
    [[nodiscard]] NewSession make(access::Session session) const { return tokens_.make(std::move(session)); }
    [[nodiscard]] std::optional<OpenedSession> open(std::string_view token) const {
        return tokens_.open(token);
    }
    [[nodiscard]] std::string made_up(std::string_view id) const {
        return std::string(tokens_.made_up(id).text());
    }

private:
    StillClock clock_;
    SessionKeys keys_;
    SessionTokens tokens_;
};

access::Session session() {
    access::Session session;
    session.issuer_id = "AROAAAAAAAAAAAAAAAAAA";
    session.issuer_arn = "arn:aws:iam::111122223333:role/deploy";
    session.name = "alice";
    session.origin = "AIDAAAAAAAAAAAAAAAAAA";
    session.issued = Timestamp::from_millis(1'790'000'000'123);
    session.expires = Timestamp::from_millis(1'790'003'600'123);
    session.policy = R"({"Version":"2012-10-17","Statement":[]})";
    session.policy_arns = {"arn:aws:iam::aws:policy/AWSDenyAll"};
    session.tags = {{"team", "b\"lue\xC3\xBC"}, {"empty", ""}};
    session.transitive_tag_keys = {"team"};
    session.source_identity = "alice@bank";
    return session;
}

TEST(SessionTokens, CarryTheWholeSession) {
    const Tokens tokens;
    const auto made = tokens.make(session());
    EXPECT_THAT(made.session->access_key_id, MatchesRegex("ASIA[A-Z2-7]{16}"));
    EXPECT_THAT(std::string(made.secret_access_key.text()), MatchesRegex("[A-Za-z0-9+/]{40}"));
    EXPECT_THAT(made.token, MatchesRegex("[A-Za-z0-9_-]+"));
    const auto opened = tokens.open(made.token);
    ASSERT_TRUE(opened);
    const auto& is = *opened->session;
    const auto was = session();
    EXPECT_EQ(is.issuer_arn, was.issuer_arn);
    EXPECT_EQ(is.access_key_id, made.session->access_key_id);
    EXPECT_EQ(is.type, access::PrincipalType::assumed_role);
    EXPECT_EQ(is.issuer_id, was.issuer_id);
    EXPECT_EQ(is.name, was.name);
    EXPECT_EQ(is.origin, was.origin);
    EXPECT_EQ(is.issued, was.issued);
    EXPECT_EQ(is.expires, was.expires);
    EXPECT_EQ(is.policy, was.policy);
    EXPECT_EQ(is.policy_arns, was.policy_arns);
    EXPECT_EQ(is.tags, was.tags);
    EXPECT_EQ(is.transitive_tag_keys, was.transitive_tag_keys);
    EXPECT_EQ(is.source_identity, was.source_identity);
    EXPECT_EQ(opened->secret_access_key.text(), made.secret_access_key.text());
}

TEST(SessionTokens, AreAllDifferentAndSoAreTheirSecrets) {
    const Tokens tokens;
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) {
        const auto made = tokens.make(session());
        seen.insert(made.token);
        seen.insert(made.session->access_key_id);
        seen.insert(std::string(made.secret_access_key.text()));
    }
    EXPECT_EQ(seen.size(), 300U);
}

TEST(SessionTokens, NothingElseIsTaken) {
    const Tokens tokens;
    const auto made = tokens.make(session());
    EXPECT_FALSE(Tokens('x').open(made.token));
    EXPECT_FALSE(tokens.open(""));
    EXPECT_FALSE(tokens.open("AAAA"));
    EXPECT_FALSE(tokens.open("not a token"));
    EXPECT_FALSE(tokens.open(std::string(kSessionTokenCharactersMax + 1, 'A')));
    const auto bytes = *secrets::from_base64url(made.token);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        auto altered = bytes;
        altered[i] ^= 1U;
        EXPECT_FALSE(tokens.open(secrets::to_base64url(altered))) << "byte " << i;
    }
    for (const std::size_t size : {std::size_t{16}, std::size_t{17}, std::size_t{33}, bytes.size() - 1}) {
        EXPECT_FALSE(tokens.open(secrets::to_base64url(ByteView(bytes).first(size)))) << size;
    }
}

TEST(SessionTokens, HaveOneForm) {
    const Tokens tokens;
    for (std::size_t size = 2; size < 8; ++size) {  // of every length beyond whole groups
        auto named = session();
        named.name = std::string(size, 'n');
        const auto token = tokens.make(std::move(named)).token;
        ASSERT_TRUE(tokens.open(token));
        for (const char c : std::string_view("ABCDQgw048-_+/=. \n")) {
            EXPECT_FALSE(tokens.open(token + c)) << c;
            EXPECT_FALSE(tokens.open(token + c + c)) << c;
            if (c != token.back()) {
                EXPECT_FALSE(tokens.open(token.substr(0, token.size() - 1) + c)) << c;
            }
        }
        auto other = token;
        std::ranges::replace(other, '-', '+');
        std::ranges::replace(other, '_', '/');
        if (other != token) {
            EXPECT_FALSE(tokens.open(other));
        }
    }
}

TEST(SessionTokens, MadeUpSecretsDependOnTheIdAlone) {
    const Tokens tokens;
    EXPECT_EQ(tokens.made_up("AKIAONE"), tokens.made_up("AKIAONE"));
    EXPECT_NE(tokens.made_up("AKIAONE"), tokens.made_up("AKIATWO"));
    EXPECT_EQ(tokens.made_up("AKIAONE").size(), 40U);
}

TEST(SessionTokens, ADayThatIsOverForAllTakesItsTokensAlong) {
    using std::chrono::hours;
    const auto token = Tokens().make(session()).token;
    EXPECT_TRUE(Tokens('k', kNow + hours(24)).open(token));
    EXPECT_TRUE(Tokens('k', kNow + hours(48)).open(token));
    EXPECT_FALSE(Tokens('k', kNow + hours(72)).open(token));
    // A node whose clock is a day behind.
    EXPECT_TRUE(Tokens('k', kNow - hours(24)).open(token));
    EXPECT_FALSE(Tokens('k', kNow - hours(48)).open(token));
}

TEST(SessionTokens, OfAKeyThatWasStolenLastNoLongerThanTheLongestSession) {
    const Tokens tokens;
    auto endless = session();
    endless.expires = endless.issued + std::chrono::hours(36);
    EXPECT_TRUE(tokens.open(tokens.make(endless).token));
    endless.expires = endless.expires + std::chrono::milliseconds(1);
    EXPECT_FALSE(tokens.open(tokens.make(endless).token));
}

TEST(SessionKeys, AreThoseOfFourDays) {
    StillClock clock(kNow);
    SessionKeys keys(derive_with('k'), clock);
    constexpr std::int64_t kToday = 20'717;  // 1'790'000'000 / 86'400
    for (const auto day : {kToday - 2, kToday - 1, kToday, kToday + 1}) EXPECT_TRUE(keys.of(day)) << day;
    EXPECT_FALSE(keys.of(kToday - 3));
    EXPECT_FALSE(keys.of(kToday + 2));
    const auto today = keys.of(kToday);
    EXPECT_NE(today->token.text(), today->secret.text());
    EXPECT_NE(today->token.text(), keys.of(kToday - 1)->token.text());
    clock.set(kNow + std::chrono::hours(24));
    keys.refresh();
    EXPECT_EQ(keys.of(kToday), today);
    EXPECT_TRUE(keys.of(kToday + 2));
    EXPECT_FALSE(keys.of(kToday - 2));
}

TEST(SessionTokens, LiveOnWhenTheSealKeyIsRotated) {
    StillClock clock(kNow);
    SealGenerations generations;
    SessionKeys keys(derive_with('k'), clock, [&] { return generations; });
    const SessionTokens tokens(keys);
    const auto before = tokens.make(session());

    generations.held = {1, 2};
    keys.refresh();
    EXPECT_TRUE(tokens.open(before.token));
    const auto meanwhile = tokens.make(session());
    generations.sealing = 2;
    const auto after = tokens.make(session());
    EXPECT_TRUE(tokens.open(before.token));
    EXPECT_TRUE(tokens.open(after.token));

    // Another node that knows generation 1 alone, and one for which it was destroyed.
    SessionKeys first(derive_with('k'), clock);
    EXPECT_TRUE(SessionTokens(first).open(meanwhile.token)) << "nothing is made with the new one yet";
    EXPECT_FALSE(SessionTokens(first).open(after.token));
    generations.held = {2};
    keys.refresh();
    EXPECT_FALSE(tokens.open(before.token));
    EXPECT_TRUE(tokens.open(after.token));
}

TEST(SessionTokens, CountWhatLimitsAndMarks) {
    access::Session plain;
    EXPECT_EQ(packed_bytes(plain), 0U);
    plain.tags = {{"a", "b"}};
    EXPECT_EQ(packed_bytes(plain), std::string_view(R"({"tags":[["a","b"]]})").size());
}

}  // namespace
}  // namespace coffer::sts
