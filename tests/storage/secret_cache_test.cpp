// The cache serves what is true now, or says that it cannot: changes through other nodes, by hand, and while
// loads are under way; the LISTEN connection lost; the database away.

#include "storage/secret_cache.hpp"

#include <gmock/gmock.h>

#include <condition_variable>
#include <future>
#include <thread>

#include "storage/audit_outbox.hpp"
#include "storage/pg_connection.hpp"
#include "tests/storage/cutting_proxy.hpp"
#include "tests/storage/storage_fixture.hpp"

namespace coffer::storage {
namespace {

using namespace std::chrono_literals;

/// Lets a test hold the loads of a cache in the middle: after the row was read, before it is believed.
class GatedSealKeeper final : public SealKeeper {
public:
    Bytes make(Bytes message, Deadline deadline) override {
        return inner_.make(std::move(message), deadline);
    }
    bool check(Bytes message, ByteView seal, Deadline deadline) override {
        {
            std::unique_lock lock(mutex_);
            ++waiting_;
            stirred_.notify_all();
            stirred_.wait(lock, [this] { return open_; });
            --waiting_;
        }
        return inner_.check(std::move(message), seal, deadline);
    }
    void set_open(bool open) {
        const std::lock_guard lock(mutex_);
        open_ = open;
        stirred_.notify_all();
    }
    void await_waiting(int count) {
        std::unique_lock lock(mutex_);
        stirred_.wait(lock, [&] { return waiting_ >= count; });
    }
    [[nodiscard]] int checked() const { return inner_.checked; }

private:
    HmacSealKeeper inner_;
    std::mutex mutex_;
    std::condition_variable stirred_;
    bool open_ = true;
    int waiting_ = 0;
};

using SecretPtr = SecretCache::SecretPtr;
using PayloadPtr = SecretCache::PayloadPtr;

SecretPtr find_in(SecretCache& cache, const std::string& name, JobOptions options = {}) {
    return wait_for<SecretPtr>(
        [&](Completion<SecretPtr> done) { cache.find(name, options, std::move(done)); });
}

PayloadPtr payload_in(SecretCache& cache, const SecretPtr& secret, const VersionId& version,
                      JobOptions options = {}) {
    return wait_for<PayloadPtr>(
        [&](Completion<PayloadPtr> done) { cache.payload(secret, version, options, std::move(done)); });
}

std::future<SecretPtr> find_later(SecretCache& cache, const std::string& name, JobOptions options = {}) {
    auto promise = std::make_shared<std::promise<SecretPtr>>();
    cache.find(name, options, [promise](Outcome<SecretPtr> outcome) {
        if (outcome.has_value()) {
            promise->set_value(outcome.take());
        } else {
            promise->set_exception(outcome.error());
        }
    });
    return promise->get_future();
}

class SecretCacheTest : public StorageTest {
protected:
    void SetUp() override { insert(made_); }

    static void wait_until(const std::function<bool()>& done, const char* what) {
        const auto give_up = std::chrono::steady_clock::now() + 30s;
        while (!done()) {
            ASSERT_LT(std::chrono::steady_clock::now(), give_up) << what;
            std::this_thread::sleep_for(2ms);
        }
    }
    static void wait_until_listening(const SecretCache& cache) {
        wait_until([&] { return cache.statistics().listening; }, "listening");
    }

    static void describe(Database& database, const std::string& name, const std::string& text) {
        write_now<Done>(database, [&](WriteTransaction& tx) {
            auto secret = SecretRepository::lock(tx, name).value();
            secret.description = text;
            SecretRepository::update(tx, secret, {});
            return Done{};
        });
    }

    const NewSecret made_ = make_secret("app/db");
    const VersionId version_ = made_.secret.versions[0].id;
};

TEST_F(SecretCacheTest, SecondReadNeedsNoDatabase) {
    SecretCache cache(database(), {});
    wait_until_listening(cache);
    EXPECT_FALSE(cache.peek("app/db"));
    const auto secret = find_in(cache, "app/db");
    ASSERT_TRUE(secret);
    EXPECT_EQ(dump(*secret), dump(made_.secret));
    const auto payload = payload_in(cache, secret, version_);
    EXPECT_EQ(dump(*payload), dump(made_.payloads[0].second));

    const int jobs = observer_->jobs;
    EXPECT_EQ(cache.peek("app/db"), secret);
    EXPECT_EQ(find_in(cache, "app/db"), secret);
    EXPECT_EQ(cache.peek_payload(*secret, version_), payload);
    EXPECT_EQ(payload_in(cache, secret, version_), payload);
    EXPECT_EQ(observer_->jobs, jobs);
    const auto statistics = cache.statistics();
    EXPECT_EQ(statistics.hits, 4U);
    EXPECT_EQ(statistics.misses, 2U);
    EXPECT_EQ(statistics.entries, 1U);
}

TEST_F(SecretCacheTest, AReadersValueIsLoadedAlong) {
    SecretCache cache(database(), {});
    wait_until_listening(cache);
    const int jobs = observer_->jobs;
    const auto secret = wait_for<SecretPtr>([&](Completion<SecretPtr> done) {
        cache.find("app/db", {}, std::move(done), SecretCache::Wanted::value);
    });
    const auto payload = cache.peek_payload(*secret, version_);
    ASSERT_TRUE(payload);
    EXPECT_EQ(dump(*payload), dump(made_.payloads[0].second));
    EXPECT_EQ(observer_->jobs, jobs + 1);
}

TEST_F(SecretCacheTest, AbsenceIsNotCached) {
    SecretCache cache(database(), {});
    wait_until_listening(cache);
    EXPECT_FALSE(find_in(cache, "new"));
    insert(make_secret("new"));
    EXPECT_TRUE(find_in(cache, "new"));
    EXPECT_FALSE(payload_in(cache, find_in(cache, "new"), VersionId("no such version of the secret....")));
}

TEST_F(SecretCacheTest, OwnChangeIsSeenAtOnce) {
    SecretCache cache(database(), {});
    wait_until_listening(cache);
    for (int i = 0; i < 50; ++i) {
        static_cast<void>(find_in(cache, "app/db"));
        describe(database(), "app/db", std::to_string(i));
        EXPECT_EQ(find_in(cache, "app/db")->description, std::to_string(i));
    }
}

TEST_F(SecretCacheTest, ChangeThroughAnotherNodeIsSeen) {
    SecretCache cache(database(), {});
    wait_until_listening(cache);
    const auto other_node = open(1);
    for (int i = 0; i < 10; ++i) {
        ASSERT_TRUE(find_in(cache, "app/db"));
        ASSERT_TRUE(cache.peek("app/db"));
        describe(*other_node, "app/db", std::to_string(i));
        wait_until([&] { return cache.peek("app/db") == nullptr; }, "the change to be heard of");
        EXPECT_EQ(find_in(cache, "app/db")->description, std::to_string(i));
    }
    write_now<Done>(*other_node, [&](WriteTransaction& tx) {
        SecretRepository::purge(tx, made_.secret);
        return Done{};
    });
    wait_until([&] { return cache.peek("app/db") == nullptr; }, "the purge to be heard of");
    EXPECT_FALSE(find_in(cache, "app/db"));
}

/// The event of a change, as its transaction stores it.
OutboxRow event_of_change() {
    return {Uuid::random(), "other-node", "{}", Bytes(32, 1)};
}

TEST_F(SecretCacheTest, AChangeThatLeavesAnEventIsToldRightAfterItsCommit) {
    SecretCache cache(database(), {});
    wait_until_listening(cache);
    const auto other_node = open(1);
    ASSERT_TRUE(find_in(cache, "app/db"));
    auto told = PgConnection::connect(config().conninfo, std::chrono::steady_clock::now() + 10s);
    static_cast<void>(told.exec("LISTEN coffer_secret_changed", std::chrono::steady_clock::now() + 10s));
    const auto row = event_of_change();
    write_now<Done>(*other_node, [&](WriteTransaction& tx) {
        auto secret = SecretRepository::lock(tx, "app/db").value();
        secret.description = "changed";
        SecretRepository::update(tx, secret, {});
        AuditOutbox::store(tx, row);
        return Done{};
    });
    std::vector<std::string> names;
    const auto hear = [&] {
        names.clear();
        told.wait_for_notifications(std::chrono::steady_clock::now() + 5s,
                                    [&](const std::string& name) { names.push_back(name); });
    };
    hear();
    EXPECT_EQ(names, std::vector<std::string>{"app/db"});
    wait_until([&] { return cache.peek("app/db") == nullptr; }, "the change to be heard of");
    EXPECT_EQ(find_in(cache, "app/db")->description, "changed");

    // Whoever takes the event away tells once more: the node may have died before it told.
    write_now<Done>(*other_node, [&](WriteTransaction& tx) {
        AuditOutbox::remove(tx, {row.event_id});
        return Done{};
    });
    hear();
    EXPECT_EQ(names, std::vector<std::string>{"app/db"});
}

TEST_F(SecretCacheTest, AChangeWhoseNodeDiedBeforeItToldIsSeenByItsEvent) {
    SecretCache cache(database(), {});
    wait_until_listening(cache);
    ASSERT_TRUE(find_in(cache, "app/db"));
    // What such a node leaves behind. The row was not sealed anew, so who reads it says so.
    by_hand(
        "SET coffer.node = 'tells'; UPDATE secrets SET description = 'x' WHERE name = 'app/db'; "
        "INSERT INTO audit_outbox (event_id, node, event, mac, secrets) VALUES (gen_random_uuid(), 'dead', "
        "'{}', '', '{app/db}')");
    wait_until([&] { return cache.peek("app/db") == nullptr; }, "the change to be found");
    EXPECT_THROW(static_cast<void>(find_in(cache, "app/db")), IntegrityError);
}

TEST_F(SecretCacheTest, ChangeByHandIsFoundOut) {
    SecretCache cache(database(), {});
    wait_until_listening(cache);
    insert(make_secret("other"));
    const auto tamper = [&](const std::string& sql) {
        ASSERT_TRUE(find_in(cache, "app/db"));
        by_hand(sql);
        wait_until([&] { return cache.peek("app/db") == nullptr; }, "the change to be heard of");
        EXPECT_THROW(static_cast<void>(find_in(cache, "app/db")), IntegrityError);
        EXPECT_TRUE(find_in(cache, "other"));
        by_hand("DELETE FROM secrets WHERE name = 'app/db'; DELETE FROM last_access");
        insert(made_);
    };
    tamper("UPDATE secrets SET purge_due = now(), deleted = now() WHERE name = 'app/db'");
    tamper("UPDATE staging_labels SET label = 'AWSPENDING' WHERE version_id = '" + version_.value() + "'");
    tamper("DELETE FROM secret_versions WHERE version_id = '" + version_.value() + "'");

    // A ciphertext is no part of the seal; it is read anew, and its own encryption tells.
    const auto secret = find_in(cache, "app/db");
    ASSERT_TRUE(payload_in(cache, secret, version_));
    by_hand("UPDATE secret_versions SET ciphertext = 'forged' WHERE version_id = '" + version_.value() + "'");
    wait_until([&] { return cache.peek("app/db") == nullptr; }, "the change to be heard of");
    EXPECT_EQ(payload_in(cache, find_in(cache, "app/db"), version_)->ciphertext.size(), 6U);

    ASSERT_TRUE(find_in(cache, "other"));
    by_hand("TRUNCATE secrets CASCADE");
    wait_until([&] { return cache.peek("other") == nullptr; }, "the truncation to be heard of");
    EXPECT_FALSE(find_in(cache, "other"));
}

TEST_F(SecretCacheTest, OneLoadHoweverManyAsk) {
    auto gated = std::make_shared<GatedSealKeeper>();
    const auto node = Database::open(config(), gated, observer_);
    SecretCache cache(*node, {});
    wait_until_listening(cache);
    gated->set_open(false);
    std::vector<std::future<SecretPtr>> all;
    for (int i = 0; i < 100; ++i) all.push_back(find_later(cache, "app/db"));
    gated->await_waiting(1);
    gated->set_open(true);
    const auto first = all[0].get();
    ASSERT_TRUE(first);
    for (std::size_t i = 1; i < all.size(); ++i) EXPECT_EQ(all[i].get(), first);
    EXPECT_EQ(gated->checked(), 1);
    EXPECT_EQ(observer_->jobs, 2);  // the insertion and the load
}

TEST_F(SecretCacheTest, AChangeDuringALoadIsNotMissed) {
    auto gated = std::make_shared<GatedSealKeeper>();
    auto settings = config();
    settings.connections = 4;
    const auto node = Database::open(settings, gated, observer_);
    SecretCache cache(*node, {});
    wait_until_listening(cache);
    for (const bool by_other_node : {true, false}) {
        gated->set_open(false);
        auto before = find_later(cache, "app/db");
        gated->await_waiting(1);
        const auto invalidations = cache.statistics().invalidations;
        if (by_other_node) {
            describe(database(), "app/db", "new");
        } else {
            auto made = make_secret("app/db");
            made.secret.description = "newest";
            by_hand("DELETE FROM secrets");
            insert(made);
        }
        wait_until([&] { return cache.statistics().invalidations > invalidations; },
                   "the change to be heard of");
        auto after = find_later(cache, "app/db");
        gated->await_waiting(2);  // it did not join the load that began before
        gated->set_open(true);
        EXPECT_NE(before.get()->description, by_other_node ? "new" : "newest");
        EXPECT_EQ(after.get()->description, by_other_node ? "new" : "newest");
        // And the older one is not what was kept, in whichever order they ended.
        EXPECT_EQ(find_in(cache, "app/db")->description, by_other_node ? "new" : "newest");
        describe(database(), "app/db", "between");
        wait_until([&] { return cache.peek("app/db") == nullptr; }, "the change to be heard of");
    }
}

TEST_F(SecretCacheTest, WaitersOutliveTheFirstOnesDeadline) {
    auto gated = std::make_shared<GatedSealKeeper>();
    auto settings = config();
    settings.connections = 1;
    const auto node = Database::open(settings, gated, observer_);
    SecretCache cache(*node, {});
    wait_until_listening(cache);
    gated->set_open(false);
    std::promise<void> blocked;
    auto blocker = find_later(cache, "app/db");  // holds the only connection
    gated->await_waiting(1);
    insert(make_secret("other"));
    auto hasty = find_later(cache, "other", within(100ms));
    auto patient = find_later(cache, "other", within(30s));
    EXPECT_THROW(hasty.get(), DeadlineExceeded);
    gated->set_open(true);
    EXPECT_TRUE(patient.get());
    EXPECT_TRUE(blocker.get());
}

TEST_F(SecretCacheTest, LosingTheListenConnectionMeansTheDatabase) {
    SecretCache cache(database(), {});
    wait_until_listening(cache);
    ASSERT_TRUE(find_in(cache, "app/db"));
    // So that it cannot come back at once.
    server().query("postgres", "ALTER DATABASE " + database_name() + " ALLOW_CONNECTIONS false");
    server().query("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" +
                                   database_name() + "' AND (query LIKE 'LISTEN%' OR query = 'SELECT 1')");
    wait_until([&] { return !cache.statistics().listening; }, "the loss to be noticed");
    EXPECT_FALSE(cache.peek("app/db"));
    // The pool's own connections still stand: every read is a load, and sees what nobody told.
    const int jobs = observer_->jobs;
    EXPECT_TRUE(find_in(cache, "app/db"));
    EXPECT_TRUE(find_in(cache, "app/db"));
    EXPECT_EQ(observer_->jobs, jobs + 2);
    server().query("postgres", "ALTER DATABASE " + database_name() + " ALLOW_CONNECTIONS true");
    describe(database(), "app/db", "while deaf");
    EXPECT_EQ(find_in(cache, "app/db")->description, "while deaf");
    wait_until_listening(cache);
    EXPECT_EQ(find_in(cache, "app/db")->description, "while deaf");
    EXPECT_TRUE(cache.peek("app/db"));
}

TEST_F(SecretCacheTest, ASilentListenConnectionIsNoticed) {
    CuttingProxy proxy(server().socket_path());
    auto settings = config();
    settings.conninfo = "host=" + proxy.host() + " port=" + std::to_string(server().port()) +
                        " user=coffer dbname=" + database_name();
    const auto node = Database::open(settings, seals_, observer_);
    SecretCache cache(*node, {});
    wait_until_listening(cache);
    ASSERT_TRUE(find_in(cache, "app/db"));
    proxy.freeze(true);  // no FIN, no RST: only silence
    wait_until([&] { return !cache.statistics().listening; }, "the silence to be noticed");
    EXPECT_FALSE(cache.peek("app/db"));
    proxy.freeze(false);
    wait_until_listening(cache);
}

TEST_F(SecretCacheTest, ServesStaleOnlyWhileTheDatabaseIsAway) {
    SecretCache cache(database(), {.serve_stale_for = 60s});
    SecretCache strict(database(), {.serve_stale_for = 0ms});
    wait_until_listening(cache);
    wait_until_listening(strict);
    const auto secret = find_in(cache, "app/db");
    const auto payload = payload_in(cache, secret, version_);
    static_cast<void>(find_in(strict, "app/db"));
    server().stop();
    wait_until([&] { return !cache.statistics().listening && !strict.statistics().listening; }, "the loss");
    EXPECT_FALSE(cache.peek("app/db"));
    EXPECT_EQ(find_in(cache, "app/db"), secret);
    EXPECT_EQ(payload_in(cache, secret, version_), payload);
    EXPECT_EQ(cache.statistics().stale_served, 2U);
    EXPECT_THROW(static_cast<void>(find_in(cache, "never read")), Unavailable);
    EXPECT_THROW(static_cast<void>(find_in(strict, "app/db")), Unavailable);
    server().start();
    wait_until_listening(cache);
    EXPECT_TRUE(find_in(cache, "app/db"));
    EXPECT_EQ(cache.statistics().stale_served, 2U);
}

// A server that hangs answers nothing, and refuses nothing: each load waits for its deadline.
TEST_F(SecretCacheTest, ServesStaleWhileTheDatabaseHangs) {
    CuttingProxy proxy(server().socket_path());
    auto settings = config();
    settings.conninfo = "host=" + proxy.host() + " port=" + std::to_string(server().port()) +
                        " user=coffer dbname=" + database_name();
    const auto node = Database::open(settings, seals_, observer_);
    SecretCache cache(*node, {.serve_stale_for = 60s});
    SecretCache strict(*node, {.serve_stale_for = 0ms});
    wait_until_listening(cache);
    wait_until_listening(strict);
    const auto secret = find_in(cache, "app/db");
    const auto payload = payload_in(cache, secret, version_);
    static_cast<void>(find_in(strict, "app/db"));
    proxy.freeze(true);
    wait_until([&] { return !cache.statistics().listening && !strict.statistics().listening; },
               "the silence");
    // More than there are connections. The first of them are loads on connections that stand.
    std::vector<std::future<SecretPtr>> reads;
    for (int i = 0; i < 6; ++i) reads.push_back(find_later(cache, "app/db", within(8s)));
    for (auto& read : reads) EXPECT_EQ(read.get(), secret);
    EXPECT_EQ(payload_in(cache, secret, version_, within(8s)), payload);
    EXPECT_EQ(cache.statistics().stale_served, 7U);
    EXPECT_ANY_THROW(static_cast<void>(find_in(strict, "app/db", within(1s))));
    EXPECT_ANY_THROW(static_cast<void>(find_in(cache, "never read", within(1s))));
    // Who asked has time: where nothing stale is left meanwhile, the load is gone on with.
    auto patient = find_later(cache, "app/db", within(30s));
    cache.forget("app/db");
    proxy.freeze(false);
    EXPECT_TRUE(patient.get());
    wait_until_listening(cache);
    EXPECT_TRUE(find_in(cache, "app/db"));
}

TEST_F(SecretCacheTest, StaleEntriesEnd) {
    SecretCache cache(database(), {.serve_stale_for = 1ms});
    wait_until_listening(cache);
    ASSERT_TRUE(find_in(cache, "app/db"));
    server().stop();
    wait_until([&] { return !cache.statistics().listening; }, "the loss");
    std::this_thread::sleep_for(5ms);
    EXPECT_THROW(static_cast<void>(find_in(cache, "app/db")), Unavailable);
    server().start();
}

TEST_F(SecretCacheTest, StaysWithinItsBytes) {
    constexpr std::size_t kBytes = 256 * 1024;
    SecretCache cache(database(), {.max_bytes = kBytes});
    wait_until_listening(cache);
    std::vector<NewSecret> all;
    for (int i = 0; i < 40; ++i) {
        all.push_back(make_secret("big" + std::to_string(i)));
        all.back().payloads[0].second.ciphertext = Bytes(20'000, 0x11);
        insert(all.back());
    }
    for (int round = 0; round < 2; ++round) {
        for (const auto& made : all) {
            const auto secret = find_in(cache, made.secret.name);
            ASSERT_TRUE(payload_in(cache, secret, made.secret.versions[0].id));
            EXPECT_LE(cache.statistics().bytes, kBytes);
        }
    }
    // 20,000 bytes each: twelve of them fit, and the last ones read are those that stay.
    EXPECT_EQ(cache.statistics().entries, 12U);
    EXPECT_TRUE(cache.peek("big39"));
    EXPECT_TRUE(cache.peek("big28"));
    EXPECT_FALSE(cache.peek("big27"));

    // One that is larger than the whole cache is served, not kept.
    SecretCache tiny(database(), {.max_bytes = 10'000});
    wait_until_listening(tiny);
    const auto secret = find_in(tiny, "big0");
    EXPECT_TRUE(payload_in(tiny, secret, all[0].secret.versions[0].id));
    EXPECT_LE(tiny.statistics().bytes, 10'000U);
}

TEST_F(SecretCacheTest, APayloadBelongsToItsRevision) {
    SecretCache cache(database(), {});
    wait_until_listening(cache);
    const auto older = find_in(cache, "app/db");
    ASSERT_TRUE(payload_in(cache, older, version_));
    describe(database(), "app/db", "new");
    // Told by the node's own commit, and once or twice more by the server: what is loaded in between is not
    // kept.
    wait_until([&] { return cache.statistics().invalidations >= 2; }, "the notification");
    const auto newer = find_in(cache, "app/db");
    EXPECT_FALSE(cache.peek_payload(*newer, version_));
    const auto load_and_peek = [&] {
        return payload_in(cache, newer, version_) && cache.peek_payload(*newer, version_);
    };
    wait_until(load_and_peek, "the payload, once nobody tells of the change any more");
    EXPECT_FALSE(cache.peek_payload(*older, version_));
    EXPECT_TRUE(payload_in(cache, older, version_));  // loaded, not kept
    EXPECT_FALSE(cache.peek_payload(*older, version_));
}

TEST_F(SecretCacheTest, ReadersNeverSeeTheTimeBeforeAWriteThatWasAnswered) {
    auto settings = config();
    settings.connections = 4;
    const auto node = Database::open(settings, seals_, observer_);
    SecretCache cache(*node, {});
    wait_until_listening(cache);
    std::atomic<std::int64_t> acknowledged{0};
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::vector<std::thread> readers;
    for (int r = 0; r < 4; ++r) {
        readers.emplace_back([&] {
            while (!stop) {
                const auto at_least = acknowledged.load();
                auto secret = cache.peek("app/db");
                if (!secret) secret = find_in(cache, "app/db");
                if (secret->revision < at_least) ++wrong;
                static_cast<void>(payload_in(cache, secret, version_));
            }
        });
    }
    for (int i = 1; i <= 200; ++i) {
        describe(*node, "app/db", std::to_string(i));
        acknowledged = i;
    }
    stop = true;
    for (auto& reader : readers) reader.join();
    EXPECT_EQ(wrong, 0);
}

TEST_F(SecretCacheTest, GoesBeforeItsLoadsEnd) {
    auto gated = std::make_shared<GatedSealKeeper>();
    const auto node = Database::open(config(), gated, observer_);
    std::future<SecretPtr> pending;
    {
        SecretCache cache(*node, {});
        wait_until_listening(cache);
        gated->set_open(false);
        pending = find_later(cache, "app/db");
        gated->await_waiting(1);
    }
    gated->set_open(true);
    EXPECT_TRUE(pending.get());
}

}  // namespace
}  // namespace coffer::storage
