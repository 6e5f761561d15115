// What a database does to its clients: connections cut at COMMIT, restarts, standbys, hanging servers,
// contention.

#include <gmock/gmock.h>

#include <algorithm>
#include <future>
#include <pqxx/result>
#include <pqxx/transaction_base>
#include <set>
#include <thread>

#include "tests/storage/cutting_proxy.hpp"
#include "tests/storage/storage_fixture.hpp"

namespace coffer::storage {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::Pair;

class DatabaseTest : public StorageTest {
protected:
    /// A database whose connections go through `proxy`.
    std::unique_ptr<Database> open_through(const CuttingProxy& proxy, std::size_t connections = 2) {
        auto settings = config();
        settings.conninfo = "host=" + proxy.host() + " port=" + std::to_string(server().port()) +
                            " user=coffer dbname=" + database_name();
        settings.connections = connections;
        return Database::open(settings, seals_, observer_);
    }

    static bool insert_into(Database& target, const NewSecret& made,
                            JobOptions options = within(20s, Priority::write)) {
        return write_now<bool>(
            target,
            [&](WriteTransaction& tx) { return SecretRepository::insert(tx, made.secret, made.payloads); },
            options);
    }

    /// Waits until a write works again.
    void wait_until_it_works(Database& target) {
        const auto give_up = std::chrono::steady_clock::now() + 30s;
        while (std::chrono::steady_clock::now() < give_up) {
            try {
                insert_into(target, make_secret("again" + Uuid::random().text()));
                return;
            } catch (const Unavailable&) {
                std::this_thread::sleep_for(20ms);
            }
        }
        FAIL() << "the database did not come back";
    }
};

class CommitInDoubtTest : public DatabaseTest, public testing::WithParamInterface<Cut> {};

TEST_P(CommitInDoubtTest, EndsInExactlyOneOutcome) {
    CuttingProxy proxy(server().socket_path());
    const auto database = open_through(proxy);
    std::vector<std::string> changed;
    std::mutex mutex;
    database->on_secret_changed([&](const std::string& name) {
        const std::lock_guard lock(mutex);
        changed.push_back(name);
    });
    std::atomic<int> attempts{0};
    const auto made = make_secret("doubtful");
    proxy.cut_next_commit(GetParam());
    const bool stored = write_now<bool>(
        *database,
        [&](WriteTransaction& tx) {
            ++attempts;
            return SecretRepository::insert(tx, made.secret, made.payloads);
        },
        within(20s));
    EXPECT_EQ(proxy.cuts(), 1);
    EXPECT_TRUE(stored);
    // A commit that took place is not done again; one that did not, is.
    EXPECT_EQ(attempts, GetParam() == Cut::after_commit ? 1 : 2);
    EXPECT_EQ(find("doubtful")->id, made.secret.id);
    EXPECT_EQ(changed, std::vector<std::string>{"doubtful"});

    // The same for a change: raised once.
    proxy.cut_next_commit(GetParam());
    write_now<Done>(
        *database,
        [&](WriteTransaction& tx) {
            auto secret = SecretRepository::lock(tx, "doubtful").value();
            secret.description = secret.description.value_or("") + "x";
            SecretRepository::update(tx, secret, {});
            return Done{};
        },
        within(20s));
    EXPECT_EQ(proxy.cuts(), 2);
    EXPECT_EQ(find("doubtful")->description, "x");
    EXPECT_EQ(find("doubtful")->revision, 1);
}

INSTANTIATE_TEST_SUITE_P(Cuts, CommitInDoubtTest,
                         testing::Values(Cut::before_commit, Cut::before_commit_unnoticed, Cut::after_commit),
                         [](const auto& cut) {
                             return cut.param == Cut::before_commit             ? "BeforeCommit"
                                    : cut.param == Cut::before_commit_unnoticed ? "BeforeCommitUnnoticed"
                                                                                : "AfterCommit";
                         });

TEST_F(DatabaseTest, OutcomeThatCannotBeFoundOutIsUnavailable) {
    CuttingProxy proxy(server().socket_path());
    const auto database = open_through(proxy);
    proxy.cut_next_commit(Cut::after_commit);
    const auto made = make_secret("unknown");
    EXPECT_THROW(write_now<bool>(
                     *database,
                     [&](WriteTransaction& tx) {
                         const bool stored = SecretRepository::insert(tx, made.secret, made.payloads);
                         proxy.refuse(true);  // nobody to ask
                         return stored;
                     },
                     within(1s)),
                 Unavailable);
    proxy.refuse(false);
    wait_until_it_works(*database);
    // The client's second try finds what the first has done.
    EXPECT_FALSE(insert_into(*database, make_secret("unknown")));
    EXPECT_EQ(find("unknown")->id, made.secret.id);
}

// A job on a connection that stands would wait for its own deadline, and one without any for a minute.
TEST_F(DatabaseTest, JobsThatWaitForASilentServerEndWhenItIsKnownToBe) {
    CuttingProxy proxy(server().socket_path());
    auto settings = config();
    settings.conninfo = "host=" + proxy.host() + " port=" + std::to_string(server().port()) +
                        " user=coffer dbname=" + database_name();
    settings.connect_timeout = 500ms;
    const auto database = Database::open(settings, seals_, observer_);
    const auto count = [&] {
        return read_now<std::int64_t>(*database,
                                      [](ReadTransaction& tx) { return SecretRepository::count(tx); });
    };
    EXPECT_EQ(count(), 0);
    proxy.freeze(true);
    EXPECT_THROW(static_cast<void>(count()), Unavailable);
    EXPECT_FALSE(database->reachable());
    proxy.freeze(false);
    wait_until_it_works(*database);
}

TEST_F(DatabaseTest, BrokenIdleConnectionsAreReplaced) {
    CuttingProxy proxy(server().socket_path());
    const auto database = open_through(proxy, 4);
    for (int i = 0; i < 8; ++i) insert_into(*database, make_secret("before" + std::to_string(i)));
    proxy.cut_all();
    for (int i = 0; i < 8; ++i) EXPECT_TRUE(insert_into(*database, make_secret("after" + std::to_string(i))));
    by_hand(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'cofferd'");
    for (int i = 0; i < 8; ++i) EXPECT_TRUE(insert_into(*database, make_secret("later" + std::to_string(i))));
}

TEST_F(DatabaseTest, ARestartUnderLoadLosesNothing) {
    const auto database = open(4);
    std::mutex mutex;
    std::set<std::string> acknowledged;
    std::atomic<bool> stop{false};
    std::atomic<int> refused{0};
    std::vector<std::thread> clients;
    for (int c = 0; c < 4; ++c) {
        clients.emplace_back([&, c] {
            for (int i = 0; !stop; ++i) {
                const auto name = "load/" + std::to_string(c) + "/" + std::to_string(i);
                try {
                    insert_into(*database, make_secret(name), within(5s));
                    const std::lock_guard lock(mutex);
                    acknowledged.insert(name);
                } catch (const Unavailable&) {
                    ++refused;
                    std::this_thread::sleep_for(5ms);
                }  // anything else fails the test program
            }
        });
    }
    for (int round = 0; round < 3; ++round) {
        std::this_thread::sleep_for(300ms);
        if (round == 1) {
            server().kill();
        } else {
            server().stop();
        }
        std::this_thread::sleep_for(200ms);
        server().start();
        wait_until_it_works(*database);
    }
    stop = true;
    for (auto& client : clients) client.join();
    EXPECT_GT(acknowledged.size(), 0U);
    for (const auto& name : acknowledged) EXPECT_TRUE(find(name)) << name;
    EXPECT_TRUE(database->reachable());
    EXPECT_THAT(observer_->reachability(), Contains(Pair(false, testing::Not(""))));
    EXPECT_THAT(observer_->failures(), testing::IsEmpty());
}

TEST_F(DatabaseTest, UnreachableFailsAtOnceAndComesBack) {
    const auto database = open(2);
    insert_into(*database, make_secret("kept"));
    server().stop();
    // The first finds it out; from then on nobody waits for a connection.
    EXPECT_THROW(insert_into(*database, make_secret("no")), Unavailable);
    EXPECT_FALSE(database->reachable());
    for (int i = 0; i < 100; ++i) EXPECT_THROW(insert_into(*database, make_secret("no")), Unavailable);
    server().start();
    wait_until_it_works(*database);
    EXPECT_TRUE(database->reachable());
    const auto told = observer_->reachability();
    ASSERT_EQ(told.size(), 2U);
    EXPECT_FALSE(told[0].first);
    EXPECT_EQ(told[1], std::make_pair(true, std::string()));
}

TEST_F(DatabaseTest, AReadOnlyServerRefusesWritesOnly) {
    const auto database = open(2);
    insert_into(*database, make_secret("readable"));
    by_hand("ALTER DATABASE " + database_name() + " SET default_transaction_read_only = on");
    by_hand(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'cofferd'");
    EXPECT_THROW(insert_into(*database, make_secret("refused")), Unavailable);
    EXPECT_TRUE(database->reachable());
    EXPECT_TRUE(read_now<std::optional<StoredSecret>>(
        *database, [](ReadTransaction& tx) { return SecretRepository::find(tx, "readable"); }));
    EXPECT_THAT(observer_->reachability(), Contains(Pair(true, HasSubstr("only allows reads"))));
    server().query("postgres", "ALTER DATABASE " + database_name() + " RESET default_transaction_read_only");
    wait_until_it_works(*database);
}

TEST_F(DatabaseTest, AHangingServerDoesNotOutliveTheDeadline) {
    CuttingProxy proxy(server().socket_path());
    const auto database = open_through(proxy, 1);
    insert_into(*database, make_secret("before"));
    proxy.freeze(true);
    EXPECT_THROW(read_now<std::optional<StoredSecret>>(
                     *database, [](ReadTransaction& tx) { return SecretRepository::find(tx, "before"); },
                     within(300ms)),
                 DeadlineExceeded);
    // Queued behind a job that hangs: also in time.
    std::vector<std::future<void>> waiting;
    for (int i = 0; i < 3; ++i) {
        waiting.push_back(std::async(std::launch::async, [&, i] {
            EXPECT_THROW(insert_into(*database, make_secret("hangs"), within(i == 0 ? 2s : 200ms)), Error);
        }));
    }
    for (auto& each : waiting) each.get();
    proxy.freeze(false);
    wait_until_it_works(*database);
    EXPECT_FALSE(find("hangs"));
}

TEST_F(DatabaseTest, AStatementThatTakesTooLongEndsAtTheDeadline) {
    const auto database = open(1);
    EXPECT_THROW(write_now<Done>(
                     *database,
                     [](WriteTransaction& tx) {
                         tx.sql().exec("SELECT pg_sleep(30)");
                         return Done{};
                     },
                     within(300ms)),
                 DeadlineExceeded);
    EXPECT_TRUE(insert_into(*database, make_secret("next")));
}

TEST_F(DatabaseTest, AQueueThatIsFullSaysSo) {
    auto settings = config();
    settings.connections = 1;
    settings.queue_capacity = 2;
    const auto database = Database::open(settings, seals_, observer_);
    std::promise<void> release;
    std::promise<void> running;
    auto go_on = release.get_future().share();
    std::vector<std::future<Outcome<Done>>> results;
    const auto submit = [&](bool announce) {
        auto promise = std::make_shared<std::promise<Outcome<Done>>>();
        results.push_back(promise->get_future());
        database->read<Done>(
            {},
            [&, announce](ReadTransaction&) {
                if (announce) running.set_value();
                go_on.wait();
                return Done{};
            },
            [promise](Outcome<Done> outcome) { promise->set_value(std::move(outcome)); });
    };
    submit(true);
    running.get_future().wait();
    submit(false);
    submit(false);
    EXPECT_EQ(database->queued(), 2U);
    submit(false);
    EXPECT_THROW(static_cast<void>(results.back().get().take()), Overloaded);
    release.set_value();
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(results[i].get().has_value());
}

TEST_F(DatabaseTest, CloseFailsWhatIsQueued) {
    const auto database = open(1);
    std::promise<void> running;
    std::promise<void> release;
    std::promise<Outcome<Done>> first;
    std::promise<Outcome<Done>> second;
    database->read<Done>(
        {},
        [&](ReadTransaction&) {
            running.set_value();
            release.get_future().wait();
            return Done{};
        },
        [&](Outcome<Done> outcome) { first.set_value(std::move(outcome)); });
    running.get_future().wait();
    database->read<Done>(
        {}, [](ReadTransaction&) { return Done{}; },
        [&](Outcome<Done> outcome) { second.set_value(std::move(outcome)); });
    std::thread closing([&] { database->close(); });
    std::this_thread::sleep_for(50ms);
    release.set_value();
    closing.join();
    EXPECT_TRUE(first.get_future().get().has_value());
    EXPECT_THROW(static_cast<void>(second.get_future().get().take()), Unavailable);
    EXPECT_THROW(insert_into(*database, make_secret("late")), Unavailable);
}

TEST_F(DatabaseTest, AJobsOwnExceptionPassesAndRollsBack) {
    struct Mine : std::runtime_error {
        using std::runtime_error::runtime_error;
    };
    const auto database = open(1);
    const auto made = make_secret("rolled-back");
    EXPECT_THROW(
        write_now<bool>(*database,
                        [&](WriteTransaction& tx) -> bool {
                            static_cast<void>(SecretRepository::insert(tx, made.secret, made.payloads));
                            throw Mine("mine");
                        }),
        Mine);
    EXPECT_FALSE(find("rolled-back"));
    EXPECT_TRUE(insert_into(*database, made));
}

TEST_F(DatabaseTest, AJobThatHidesAFailureStoresNothing) {
    const auto database = open(1);
    EXPECT_THROW(write_now<Done>(*database,
                                 [&](WriteTransaction& tx) {
                                     tx.sql().exec("CREATE TABLE leftover (x int)");
                                     try {
                                         tx.sql().exec("SELECT 1 / 0");
                                     } catch (const std::exception&) {
                                     }
                                     return Done{};
                                 }),
                 Error);
    EXPECT_EQ(by_hand("SELECT to_regclass('leftover') IS NULL"), "t");
    EXPECT_TRUE(insert_into(*database, make_secret("next")));
}

TEST_F(DatabaseTest, MessagesShowNeitherSqlNorValues) {
    const auto database = open(1);
    try {
        write_now<Done>(*database, [](WriteTransaction& tx) {
            tx.sql().exec("SELECT 'S3CR3T-marker'::int");
            return Done{};
        });
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("22P02"));
        EXPECT_THAT(error.what(), testing::Not(HasSubstr("S3CR3T")));
        EXPECT_THAT(error.what(), testing::Not(HasSubstr("SELECT")));
    }
}

TEST_F(DatabaseTest, OneOfManyGetsTheName) {
    const auto database = open(8);
    constexpr int kClients = 64;
    for (int round = 0; round < 5; ++round) {
        const auto name = "race" + std::to_string(round);
        std::atomic<int> won{0};
        std::mutex mutex;
        SecretId winner;
        std::vector<std::thread> clients;
        for (int c = 0; c < kClients; ++c) {
            clients.emplace_back([&] {
                const auto made = make_secret(name);
                if (!insert_into(*database, made)) return;
                ++won;
                const std::lock_guard lock(mutex);
                winner = made.secret.id;
            });
        }
        for (auto& client : clients) client.join();
        EXPECT_EQ(won, 1);
        EXPECT_EQ(find(name)->id, winner);
    }
    EXPECT_EQ(by_hand("SELECT count(*) FROM secret_versions"), "5");
}

TEST_F(DatabaseTest, WritersOfOneSecretTakeTurns) {
    const auto database = open(8);
    insert_into(*database, make_secret("counter"));
    constexpr int kWriters = 8;
    constexpr int kRounds = 25;
    std::vector<std::thread> writers;
    for (int w = 0; w < kWriters; ++w) {
        writers.emplace_back([&, w] {
            for (int i = 0; i < kRounds; ++i) {
                auto payload = make_payload();
                auto version = make_version(payload, 1'700'000'000'500 + w * 1000 + i);
                version.labels = {StagingLabel("AWSCURRENT")};
                // Moves AWSCURRENT to a new version and lets the one before the previous go: what locks,
                // versions and labels would be mixed up by if a lock that was waited for returned an older
                // snapshot.
                write_now<Done>(
                    *database,
                    [&](WriteTransaction& tx) {
                        auto secret = SecretRepository::lock(tx, "counter").value();
                        std::erase_if(secret.versions, [](const auto& v) {
                            return std::find(v.labels.begin(), v.labels.end(), StagingLabel("AWSCURRENT")) ==
                                   v.labels.end();
                        });
                        for (auto& v : secret.versions) v.labels = {StagingLabel("AWSPREVIOUS")};
                        secret.versions.push_back(version);
                        SecretRepository::update(tx, secret, {{version.id, payload}});
                        return Done{};
                    },
                    within(60s, Priority::write));
            }
        });
    }
    for (auto& writer : writers) writer.join();
    const auto found = find("counter").value();
    EXPECT_EQ(found.revision, kWriters * kRounds);
    EXPECT_EQ(found.versions.size(), 2U);
    EXPECT_THAT(observer_->failures(), testing::IsEmpty());
}

TEST_F(DatabaseTest, DeadlocksAreRunAgain) {
    const auto database = open(2);
    insert_into(*database, make_secret("a"));
    insert_into(*database, make_secret("b"));
    std::atomic<int> attempts{0};
    const auto both = [&](const char* first, const char* second) {
        return std::async(std::launch::async, [&, first, second] {
            for (int i = 0; i < 10; ++i) {
                write_now<Done>(*database, [&](WriteTransaction& tx) {
                    ++attempts;
                    static_cast<void>(SecretRepository::lock(tx, first));
                    std::this_thread::sleep_for(5ms);
                    static_cast<void>(SecretRepository::lock(tx, second));
                    return Done{};
                });
            }
        });
    };
    by_hand("ALTER SYSTEM SET deadlock_timeout = '50ms'");
    server().reload();
    auto one = both("a", "b");
    auto other = both("b", "a");
    one.get();
    other.get();
    by_hand("ALTER SYSTEM RESET deadlock_timeout");
    server().reload();
    EXPECT_GE(attempts, 20);
}

}  // namespace
}  // namespace coffer::storage
