// The matching rules are those recorded from the service; the secrets are this test's own.

#include "daemon/secrets/list_filter.hpp"

#include <gmock/gmock.h>

namespace coffer::secrets {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Filters = google::protobuf::RepeatedPtrField<v1::Filter>;

Filters filters(const std::vector<std::pair<std::string, std::vector<std::string>>>& wanted) {
    Filters result;
    for (const auto& [key, values] : wanted) {
        auto& filter = *result.Add();
        filter.set_key(key);
        for (const auto& value : values) filter.add_values(value);
    }
    return result;
}

storage::StoredSecret secret(const std::string& name, const std::string& description = "",
                             std::vector<storage::Tag> tags = {}) {
    storage::StoredSecret s;
    s.name = name;
    if (!description.empty()) s.description = description;
    if (!tags.empty()) s.tags = std::move(tags);
    return s;
}

bool matches(const std::string& key, const std::string& value, const storage::StoredSecret& s) {
    return ListFilter(filters({{key, {value}}})).matches(s);
}

TEST(ListFilter, NameIsAPrefixAndCaseSensitive) {
    EXPECT_TRUE(matches("name", "app/", secret("app/db")));
    EXPECT_FALSE(matches("name", "App/", secret("app/db")));
    EXPECT_FALSE(matches("name", "db", secret("app/db")));
    EXPECT_FALSE(matches("name", "!app", secret("app/db")));
    EXPECT_TRUE(matches("name", "!db", secret("app/db")));
}

TEST(ListFilter, CharactersOfLikeAreLiteral) {
    EXPECT_TRUE(matches("name", "a_b", secret("a_b/x")));
    EXPECT_FALSE(matches("name", "a_b", secret("aXb/x")));
    EXPECT_FALSE(matches("name", "a.", secret("a_b/x")));
}

// AWS refuses such values, so that these descriptions cannot be found there.
TEST(ListFilter, AnyTextIsLiteral) {
    EXPECT_TRUE(matches("description", "100%", secret("n", "100% of it")));
    EXPECT_FALSE(matches("description", "1%", secret("n", "100% of it")));
    EXPECT_TRUE(matches("description", R"(C:\keys)", secret("n", R"(under C:\keys\a)")));
    EXPECT_TRUE(matches("description", "größe", secret("n", "die größe")));
    EXPECT_TRUE(matches("tag-value", "(a|b)*", secret("n", "", {{"k", "(a|b)*c"}})));
    EXPECT_FALSE(matches("tag-value", "(a|b)*", secret("n", "", {{"k", "ab"}})));
}

TEST(ListFilter, DescriptionMatchesByBeginningsOfWords) {
    EXPECT_TRUE(matches("description", "a secret", secret("n", "a secret")));
    EXPECT_TRUE(matches("description", "a secret", secret("n", "an secret")));
    EXPECT_FALSE(matches("description", "a secret", secret("n", "asecret")));
    EXPECT_TRUE(matches("description", "o t", secret("n", "one and two")));
    EXPECT_TRUE(matches("description", "TWO one", secret("n", "one and two")));
    EXPECT_TRUE(matches("description", "!x", secret("n", "one and two")));
    EXPECT_FALSE(matches("description", "!o", secret("n", "one and two")));
    EXPECT_FALSE(matches("description", "one", secret("n")));
}

TEST(ListFilter, TagsMatchByPrefix) {
    const auto s = secret("n", "", {{"team", "payments"}, {"env", "prod"}});
    EXPECT_TRUE(matches("tag-key", "te", s));
    EXPECT_FALSE(matches("tag-key", "Te", s));
    EXPECT_TRUE(matches("tag-value", "pro", s));
    EXPECT_FALSE(matches("tag-value", "team", s));
    EXPECT_TRUE(matches("tag-key", "!x", s));
}

TEST(ListFilter, AllLooksAtNameDescriptionAndTagsByWords) {
    EXPECT_TRUE(matches("all", "Beta", secret("AppBeta")));
    EXPECT_TRUE(matches("all", "beta", secret("app/beta")));
    EXPECT_FALSE(matches("all", "eta", secret("AppBeta")));
    EXPECT_TRUE(matches("all", "pay", secret("n", "", {{"team", "payments"}})));
    EXPECT_TRUE(matches("all", "tea", secret("n", "", {{"team", "payments"}})));
    EXPECT_FALSE(matches("all", "/", secret("app/beta")));
}

TEST(ListFilter, NothingHereIsReplicatedOrOwned) {
    EXPECT_FALSE(matches("primary-region", "eu", secret("n")));
    EXPECT_TRUE(matches("owning-service", "!rds", secret("n")));
}

TEST(ListFilter, FiltersAndTogetherValuesOr) {
    const ListFilter both(filters({{"name", {"a"}}, {"name", {"ab"}}}));
    EXPECT_TRUE(both.matches(secret("abc")));
    EXPECT_FALSE(both.matches(secret("axc")));
    const ListFilter either(filters({{"name", {"a", "b"}}}));
    EXPECT_TRUE(either.matches(secret("b1")));
    EXPECT_TRUE(ListFilter({}).matches(secret("any")));
}

TEST(ListFilter, GivesTheDatabaseOnlyWhatNarrows) {
    EXPECT_THAT(ListFilter(filters({{"name", {"a", "b"}}})).name_prefixes(), ElementsAre("a", "b"));
    EXPECT_THAT(ListFilter(filters({{"name", {"a", "!b"}}})).name_prefixes(), IsEmpty());
    EXPECT_THAT(ListFilter(filters({{"name", {""}}})).name_prefixes(), IsEmpty());
    EXPECT_THAT(ListFilter(filters({{"all", {"a"}}})).name_prefixes(), IsEmpty());
}

TEST(SearchWords, SplitAtSeparatorsAndChangesOfCase) {
    EXPECT_THAT(search_words("AppBeta"), ElementsAre("app", "beta"));
    EXPECT_THAT(search_words("COMPANYthings"), ElementsAre("compan", "ythings"));
    EXPECT_THAT(search_words("a/b-c_d+e=f.g@h i"), ElementsAre("a", "b", "c", "d", "e", "f", "g", "h", "i"));
    EXPECT_THAT(search_words("//"), IsEmpty());
}

}  // namespace
}  // namespace coffer::secrets
