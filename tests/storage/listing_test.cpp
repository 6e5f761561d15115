// Listings: order, pages that return each secret exactly once, prefixes without wildcards.

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/storage/storage_fixture.hpp"

namespace coffer::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ListingTest : public StorageTest {
protected:
    ListResult page(const ListQuery& query) {
        return read_now<ListResult>(database(),
                                    [&](ReadTransaction& tx) { return SecretRepository::list(tx, query); });
    }
    std::vector<std::string> names(const ListQuery& query) {
        std::vector<std::string> result;
        for (const auto& secret : page(query).secrets) result.push_back(secret.name);
        return result;
    }
    /// All pages; `between` is called after each.
    std::vector<StoredSecret> all(ListQuery query, const std::function<void(int)>& between = nullptr) {
        std::vector<StoredSecret> result;
        for (int pages = 1;; ++pages) {
            auto got = page(query);
            result.insert(result.end(), got.secrets.begin(), got.secrets.end());
            EXPECT_LE(got.scanned, query.limit);
            if (!got.next) return result;
            EXPECT_EQ(got.scanned, query.limit);
            query.after = got.next;
            if (between) between(pages);
        }
    }
    void insert_many(const std::vector<NewSecret>& secrets) {
        write_now<Done>(database(), [&](WriteTransaction& tx) {
            for (const auto& made : secrets) {
                if (!SecretRepository::insert(tx, made.secret, made.payloads))
                    throw std::logic_error(made.secret.name);
            }
            return Done{};
        });
    }
};

TEST_F(ListingTest, EmptyDatabase) {
    const auto result = page({});
    EXPECT_THAT(result.secrets, IsEmpty());
    EXPECT_FALSE(result.next);
    EXPECT_EQ(result.scanned, 0U);
}

TEST_F(ListingTest, EveryOrderBothWays) {
    std::vector<NewSecret> made;
    for (int i = 0; i < 6; ++i) {
        made.push_back(
            make_secret(std::string(1, static_cast<char>('a' + i)), 1'000'000 + (i / 2) * 1000));  // ties
        made.back().secret.last_changed = Timestamp::from_millis(9'000'000 - (i / 3) * 1000);
    }
    insert_many(made);
    write_now<Done>(database(), [&](WriteTransaction& tx) {
        for (const int i : {1, 2, 4}) {  // the others were never read
            const auto& s = made[static_cast<std::size_t>(i)].secret;
            SecretRepository::record_accesses(
                tx, {{s.id, s.versions[0].id, Timestamp::from_millis(86'400'000LL * (i % 2 == 0 ? 5 : 3))}});
        }
        return Done{};
    });
    const auto key = [](const StoredSecret& s, SortKey sort_by) -> std::pair<std::int64_t, std::string> {
        switch (sort_by) {
            case SortKey::created:
                return {s.created.millis(), s.id.value().text()};
            case SortKey::last_changed:
                return {s.last_changed.millis(), s.id.value().text()};
            case SortKey::last_accessed:
                return {s.last_accessed ? s.last_accessed->millis() : -1, s.id.value().text()};
            default:
                return {0, s.name};
        }
    };
    for (const auto sort_by :
         {SortKey::created, SortKey::last_accessed, SortKey::last_changed, SortKey::name}) {
        for (const bool descending : {false, true}) {
            for (const std::size_t limit : {1U, 2U, 5U, 6U, 7U}) {
                ListQuery query;
                query.sort_by = sort_by;
                query.descending = descending;
                query.limit = limit;
                const auto listed = all(query);
                ASSERT_EQ(listed.size(), 6U);
                EXPECT_TRUE(std::is_sorted(listed.begin(), listed.end(),
                                           [&](const auto& a, const auto& b) {
                                               return descending ? key(a, sort_by) > key(b, sort_by)
                                                                 : key(a, sort_by) < key(b, sort_by);
                                           }))
                    << static_cast<int>(sort_by) << descending;
            }
        }
    }
}

TEST_F(ListingTest, LastPageSaysSo) {
    std::vector<NewSecret> made;
    for (int i = 0; i < 250; ++i) made.push_back(make_secret("s" + std::to_string(i), 1'000'000));
    insert_many(made);
    ListQuery query;
    query.limit = 50;
    int pages = 1;
    EXPECT_EQ(all(query, [&](int) { ++pages; }).size(), 250U);
    EXPECT_EQ(pages, 5);
}

TEST_F(ListingTest, ExactlyOnceWhileSecretsComeAndGo) {
    std::vector<NewSecret> made;
    for (int i = 0; i < 250; ++i) {
        // Ten of each moment, and names in another order than creation.
        made.push_back(make_secret("pg/" + std::to_string((i * 7919) % 250 + 1000), 1'000'000 + i / 10));
    }
    insert_many(made);
    int extra = 0;
    std::set<std::string> removed;
    for (const auto sort_by : {SortKey::created, SortKey::name}) {
        for (const bool descending : {false, true}) {
            ListQuery query;
            query.sort_by = sort_by;
            query.descending = descending;
            query.limit = 17;
            const auto listed = all(query, [&](int pages) {
                // Before, within and behind what was listed so far; ties included.
                ++extra;
                insert_many({make_secret("pg/0" + std::to_string(extra), 999'000),
                             make_secret("pg/9" + std::to_string(extra), 2'000'000),
                             make_secret("pg/11" + std::to_string(extra) + "x", 1'000'000 + extra % 25)});
                if (pages % 3 != 0) return;
                const auto& victim = made[static_cast<std::size_t>(extra * 31 % 250)].secret;
                if (!removed.insert(victim.name).second) return;
                by_hand("DELETE FROM secrets WHERE name = '" + victim.name + "'");
            });
            std::map<std::string, int> seen;
            for (const auto& secret : listed) ++seen[secret.name];
            for (const auto& [name, times] : seen) EXPECT_EQ(times, 1) << name;
            for (const auto& secret : made) {
                if (removed.contains(secret.secret.name)) continue;
                EXPECT_EQ(seen[secret.secret.name], 1) << secret.secret.name;
            }
        }
    }
}

TEST_F(ListingTest, PrefixesAreLiteral) {
    std::vector<NewSecret> made;
    for (const char* name : {"a_b/x", "aXb/x", "a.b/x", "a=b/x", "a+b/x", "a%b", "a\\b", "A_b", "a", "b",
                             "a_", "ä/x", "äz", "\U0010FFFF/x", "a_b"}) {
        made.push_back(make_secret(name));
    }
    insert_many(made);
    ListQuery query;
    query.sort_by = SortKey::name;
    const auto with = [&](std::vector<std::string> prefixes) {
        query.name_prefixes = std::move(prefixes);
        return names(query);
    };
    EXPECT_THAT(with({"a_b"}), ElementsAre("a_b", "a_b/x"));
    EXPECT_THAT(with({"a_"}), ElementsAre("a_", "a_b", "a_b/x"));
    EXPECT_THAT(with({"a."}), ElementsAre("a.b/x"));
    EXPECT_THAT(with({"a+b"}), ElementsAre("a+b/x"));
    EXPECT_THAT(with({"a%"}), ElementsAre("a%b"));
    EXPECT_THAT(with({"a\\"}), ElementsAre("a\\b"));
    EXPECT_THAT(with({"ä"}), ElementsAre("ä/x", "äz"));
    EXPECT_THAT(with({"\U0010FFFF"}), ElementsAre("\U0010FFFF/x"));
    EXPECT_THAT(with({"b", "A"}), ElementsAre("A_b", "b"));
    EXPECT_THAT(with({"c"}), IsEmpty());
    EXPECT_EQ(with({""}).size(), made.size());
    EXPECT_EQ(with({"", "b"}).size(), made.size());
    query.sort_by = SortKey::created;
    EXPECT_THAT(with({"a_b/"}), ElementsAre("a_b/x"));
    query.sort_by = SortKey::last_accessed;
    EXPECT_THAT(with({"a_b/"}), ElementsAre("a_b/x"));
}

TEST_F(ListingTest, OrderIsThatOfTheBytes) {
    // A locale's order would ignore the punctuation and the case.
    insert_many(
        {make_secret("a b"), make_secret("a-a"), make_secret("B"), make_secret("a"), make_secret("_")});
    ListQuery query;
    query.sort_by = SortKey::name;
    EXPECT_THAT(names(query), ElementsAre("B", "_", "a", "a b", "a-a"));
}

TEST_F(ListingTest, DeletedOnesOnlyWhenAskedFor) {
    auto deleted = make_secret("deleted");
    deleted.secret.deleted = deleted.secret.created;
    deleted.secret.purge_due = deleted.secret.created;
    insert_many({make_secret("kept"), deleted});
    ListQuery query;
    EXPECT_THAT(names(query), ElementsAre("kept"));
    query.include_deleted = true;
    EXPECT_EQ(names(query).size(), 2U);
}

TEST_F(ListingTest, PagesOfFilteredRowsGoOn) {
    std::vector<NewSecret> made;
    for (int i = 0; i < 30; ++i) made.push_back(make_secret("f" + std::to_string(i), i));
    insert_many(made);
    ListQuery query;
    query.limit = 10;
    query.matches = [](const StoredSecret& secret) { return secret.name == "f25"; };
    EXPECT_THAT(page(query).secrets, IsEmpty());
    EXPECT_TRUE(page(query).next);
    EXPECT_EQ(all(query).size(), 1U);
}

}  // namespace
}  // namespace coffer::storage
