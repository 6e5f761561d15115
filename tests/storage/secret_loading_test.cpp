// Many secrets in one statement, and reads that wait for a connection at the same time being done together.

#include <gmock/gmock.h>

#include <future>
#include <numeric>
#include <pqxx/result>
#include <pqxx/transaction_base>
#include <thread>

#include "tests/storage/storage_fixture.hpp"

namespace coffer::storage {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SecretLoadingTest : public StorageTest {
protected:
    std::vector<Outcome<LoadedSecret>> find_all(std::vector<std::string> names,
                                                std::optional<StagingLabel> value_of = std::nullopt) {
        return read_now<std::vector<Outcome<LoadedSecret>>>(
            database(), [&](ReadTransaction& tx) { return SecretRepository::find_all(tx, names, value_of); });
    }
};

TEST_F(SecretLoadingTest, InTheOrderAskedForWithWhatIsMissing) {
    const auto one = make_secret("app/one");
    const auto two = make_secret("app/two");
    ASSERT_TRUE(insert(one));
    ASSERT_TRUE(insert(two));
    auto found = find_all({"app/two", "no/such", std::string("app\0one", 7), "app/one", "app/two"});
    ASSERT_EQ(found.size(), 5U);
    EXPECT_EQ(dump(found[0].take().secret.value()), dump(two.secret));
    EXPECT_FALSE(found[1].take().secret);
    EXPECT_FALSE(found[2].take().secret);
    const auto first = found[3].take();
    EXPECT_EQ(dump(first.secret.value()), dump(one.secret));
    EXPECT_FALSE(first.value) << "no value was asked for";
    EXPECT_EQ(dump(found[4].take().secret.value()), dump(two.secret));
    EXPECT_TRUE(find_all({}).empty());
}

TEST_F(SecretLoadingTest, ValuesComeAlongUnlessTheyAreLong) {
    const auto limit = SecretRepository::kLongestValueAlong;
    auto fits = make_secret("fits");
    fits.payloads[0].second = make_payload(std::string(limit, 'f'));
    fits.secret.versions[0].master_key = fits.payloads[0].second.master_key;
    auto longer = make_secret("longer");
    longer.payloads[0].second = make_payload(std::string(limit + 1, 'l'));
    longer.secret.versions[0].master_key = longer.payloads[0].second.master_key;
    auto without = make_secret("without");
    without.secret.versions.clear();
    without.payloads.clear();
    for (const auto* made : {&fits, &longer, &without}) ASSERT_TRUE(insert(*made));

    auto found = find_all({"fits", "longer", "without"}, StagingLabel("AWSCURRENT"));
    const auto value = found[0].take().value;
    ASSERT_TRUE(value);
    EXPECT_EQ(value->first, fits.secret.versions[0].id);
    EXPECT_EQ(dump(value->second), dump(fits.payloads[0].second));
    EXPECT_FALSE(found[1].take().value);
    EXPECT_FALSE(found[2].take().value);
    EXPECT_FALSE(find_all({"fits"}, StagingLabel("AWSPENDING"))[0].take().value);
}

TEST_F(SecretLoadingTest, AnAlteredRowIsRefusedAndTheOthersAreNot) {
    ASSERT_TRUE(insert(make_secret("good")));
    ASSERT_TRUE(insert(make_secret("victim")));
    by_hand(
        "UPDATE staging_labels SET label = 'AWSPREVIOUS' FROM secrets "
        "WHERE secret_id = id AND name = 'victim'");
    auto found = find_all({"victim", "good"});
    EXPECT_THROW(static_cast<void>(found[0].take()), IntegrityError);
    EXPECT_TRUE(found[1].take().secret);
    EXPECT_THAT(observer_->failures(), ElementsAre(HasSubstr("'victim'")));
}

TEST_F(SecretLoadingTest, WhatIsKnownAlreadyIsNotCheckedAgain) {
    ASSERT_TRUE(insert(make_secret("app/db")));
    const auto known = find("app/db").value();
    const auto lock = [&] {
        return write_now<std::optional<StoredSecret>>(
            database(), [&](WriteTransaction& tx) { return SecretRepository::lock(tx, "app/db", &known); });
    };
    const int checked = seals_->checked;
    EXPECT_EQ(dump(lock().value()), dump(known));
    EXPECT_EQ(seals_->checked, checked);

    // The same record under another seal, and another record under the same seal.
    by_hand("UPDATE secrets SET seal = set_byte(seal, 31, get_byte(seal, 31) # 1)");
    EXPECT_THROW(lock(), IntegrityError);
    by_hand("UPDATE secrets SET seal = set_byte(seal, 31, get_byte(seal, 31) # 1)");
    by_hand("UPDATE secrets SET purge_due = now() + interval '1 day', deleted = now()");
    EXPECT_THROW(lock(), IntegrityError);
}

TEST_F(SecretLoadingTest, OnlySoManyGoAtOnceAndTheOthersWaitTogether) {
    using Texts = std::vector<std::string>;
    const auto database = open(4);
    std::promise<void> gate;
    const auto opened = gate.get_future().share();
    std::mutex mutex;
    std::vector<std::size_t> sizes;
    const auto what = std::make_shared<const TogetherRead<std::string, std::string>>(
        8, [&](ReadTransaction&, const Texts& inputs) {
            {
                const std::lock_guard lock(mutex);
                sizes.push_back(inputs.size());
            }
            opened.wait();
            return std::vector<Outcome<std::string>>(inputs.begin(), inputs.end());
        });
    std::vector<std::future<Outcome<std::string>>> answers;
    const auto ask = [&] {
        auto promise = std::make_shared<std::promise<Outcome<std::string>>>();
        answers.push_back(promise->get_future());
        database->read_together<std::string, std::string>(
            {}, what, "x",
            [promise](Outcome<std::string> outcome) { promise->set_value(std::move(outcome)); });
    };
    const auto begun = [&] {
        const std::lock_guard lock(mutex);
        return sizes.size();
    };
    // Three may go at once, each alone since nobody else waits; the fourth connection is for other work.
    for (std::size_t i = 1; i <= what->at_once; ++i) {
        ask();
        while (begun() < i) std::this_thread::yield();
    }
    for (int i = 0; i < 8; ++i) ask();
    EXPECT_EQ(read_now<int>(*database, [](ReadTransaction&) { return 7; }), 7);
    EXPECT_EQ(begun(), 3U);
    gate.set_value();
    for (auto& answer : answers) EXPECT_EQ(answer.get().take(), "x");
    // Usually {1, 1, 1, 8}: the three that end at the same moment may share what waits.
    EXPECT_LE(sizes.size(), 2 * what->at_once);
    EXPECT_EQ(std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}), 3U + 8U);
    database->close();
}

/// One connection, held by a read until release(): what comes meanwhile waits together.
class ReadTogetherTest : public SecretLoadingTest {
protected:
    using Texts = std::vector<std::string>;
    using Read = TogetherRead<std::string, std::string>;

    ReadTogetherTest() : busy_(open(1)) {
        std::promise<void> running;
        busy_->read<Done>(
            {},
            [&](ReadTransaction&) {
                running.set_value();
                released_.get_future().wait();
                return Done{};
            },
            [](const Outcome<Done>&) {});
        running.get_future().wait();
    }
    ~ReadTogetherTest() override { busy_->close(); }

    void release() { released_.set_value(); }

    std::shared_ptr<const Read> make_read(std::size_t most) {
        return std::make_shared<const Read>(most, [this](ReadTransaction& tx, const Texts& inputs) {
            batches_.push_back(inputs);
            return answer_(tx, inputs);
        });
    }
    std::future<Outcome<std::string>> ask(const std::shared_ptr<const Read>& what, std::string input,
                                          JobOptions options = {}) {
        auto promise = std::make_shared<std::promise<Outcome<std::string>>>();
        auto future = promise->get_future();
        busy_->read_together<std::string, std::string>(
            options, what, std::move(input),
            [promise](Outcome<std::string> outcome) { promise->set_value(std::move(outcome)); });
        return future;
    }

    std::unique_ptr<Database> busy_;
    std::vector<Texts> batches_;
    /// Answers "<input>!", and an error for "bad".
    std::function<std::vector<Outcome<std::string>>(ReadTransaction&, const Texts&)> answer_ =
        [](ReadTransaction&, const Texts& inputs) {
            std::vector<Outcome<std::string>> outcomes;
            for (const auto& input : inputs) {
                outcomes.push_back(input == "bad"
                                       ? Outcome<std::string>(std::make_exception_ptr(Error("bad")))
                                       : Outcome<std::string>(input + "!"));
            }
            return outcomes;
        };

private:
    std::promise<void> released_;
};

TEST_F(ReadTogetherTest, ThoseThatWaitAreDoneInOneGo) {
    const auto what = make_read(3);
    const auto other = make_read(3);
    auto a = ask(what, "a");
    auto x = ask(other, "x");
    auto bad = ask(what, "bad");
    auto b = ask(what, "b");
    auto c = ask(what, "c");
    release();
    EXPECT_EQ(a.get().take(), "a!");
    EXPECT_EQ(x.get().take(), "x!");
    EXPECT_THROW(static_cast<void>(bad.get().take()), Error);
    EXPECT_EQ(b.get().take(), "b!");
    EXPECT_EQ(c.get().take(), "c!");
    EXPECT_THAT(batches_, ElementsAre(Texts{"a", "bad", "b"}, Texts{"x"}, Texts{"c"}));
}

TEST_F(ReadTogetherTest, AnErrorOfTheWholeIsEverybodys) {
    const auto what = make_read(8);
    answer_ = [](ReadTransaction&, const Texts&) -> std::vector<Outcome<std::string>> {
        throw Unavailable("not now");
    };
    auto a = ask(what, "a");
    auto b = ask(what, "b");
    release();
    EXPECT_THROW(static_cast<void>(a.get().take()), Unavailable);
    EXPECT_THROW(static_cast<void>(b.get().take()), Unavailable);
}

TEST_F(ReadTogetherTest, AShortDeadlineDoesNotShortenAnothersTime) {
    const auto what = make_read(8);
    answer_ = [slow = true, answer = answer_](ReadTransaction& tx, const Texts& inputs) mutable {
        if (std::exchange(slow, false)) tx.sql().exec("SELECT pg_sleep(30)");
        return answer(tx, inputs);
    };
    auto hurried = ask(what, "hurried", within(1500ms));
    auto patient = ask(what, "patient", within(60s));
    auto sooner = ask(what, "sooner", within(1000ms));
    release();
    EXPECT_THROW(static_cast<void>(hurried.get().take()), DeadlineExceeded);
    EXPECT_THROW(static_cast<void>(sooner.get().take()), DeadlineExceeded);
    EXPECT_EQ(patient.get().take(), "patient!");
    EXPECT_THAT(batches_, ElementsAre(Texts{"hurried", "patient"}, Texts{"patient"}));
}

TEST_F(ReadTogetherTest, ABrokenConnectionIsReplacedForAll) {
    const auto what = make_read(8);
    answer_ = [this, first = true, answer = answer_](ReadTransaction& tx, const Texts& inputs) mutable {
        if (std::exchange(first, false)) {
            by_hand(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cofferd'");
        }
        tx.sql().exec("SELECT 1");
        return answer(tx, inputs);
    };
    auto a = ask(what, "a", within(60s));
    auto b = ask(what, "b", within(60s));
    release();
    EXPECT_EQ(a.get().take(), "a!");
    EXPECT_EQ(b.get().take(), "b!");
    EXPECT_THAT(batches_, ElementsAre(Texts{"a", "b"}, Texts{"a", "b"}));
}

}  // namespace
}  // namespace coffer::storage
