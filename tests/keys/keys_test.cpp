// Master keys made, rotated, retired and deleted, with what is wrapped under them: over real tokens and a
// real PostgreSQL, through the operations that the pipeline calls.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <pqxx/connection>
#include <pqxx/transaction>
#include <thread>

#include "crypto/hsm.hpp"
#include "daemon/access/access_denied.hpp"
#include "daemon/keys/key_keeper.hpp"
#include "daemon/keys/reseal_worker.hpp"
#include "daemon/keys/rewrap_worker.hpp"
#include "daemon/keys/service.hpp"
#include "daemon/secrets/errors.hpp"
#include "daemon/secrets/payloads.hpp"
#include "daemon/secrets/request_record.hpp"
#include "daemon/secrets/token_seal_keeper.hpp"
#include "storage/migrations.hpp"
#include "storage/secret_repository.hpp"
#include "tests/support/postgres.hpp"
#include "tests/support/rights.hpp"
#include "tests/support/run_coroutine.hpp"
#include "tests/support/tokens.hpp"

namespace coffer::keys {
namespace {

using namespace std::chrono_literals;
using storage::SecretRepository;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::TestToken;
using testing::TokenKind;

constexpr const char* kAccount = "111122223333";
const secrets::NodeIdentity kNode{"eu-test-1", kAccount};

Deadline soon() {
    return std::chrono::steady_clock::now() + 60s;
}

class MovableClock final : public Clock {
public:
    [[nodiscard]] Timestamp now() const override { return Timestamp::from_millis(millis); }
    void advance_days(std::int64_t days) { millis += days * kMillisPerDay; }
    std::atomic<std::int64_t> millis{1'790'000'000'000};
};

test::PostgresServer& server() {
    static test::PostgresServer the_server;
    static const bool migrated = [] {
        the_server.create_database("migrated");
        storage::migrate(the_server.conninfo("migrated"), nullptr);
        return true;
    }();
    static_cast<void>(migrated);
    return the_server;
}

/// Written by keepers' threads.
class Lines {
public:
    void add(std::string line) {
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
    }
    void clear() {
        const std::lock_guard lock(mutex_);
        lines_.clear();
    }
    [[nodiscard]] std::vector<std::string> all() const {
        const std::lock_guard lock(mutex_);
        return lines_;
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
};

class KeysTest : public ::testing::TestWithParam<TokenKind> {
protected:
    void SetUp() override {
        static int number = 0;
        name_ = "keys_" + std::to_string(++number);
        server().copy_database("migrated", name_);
        const auto conninfo = server().conninfo(name_);
        hsm_ = crypto::Hsm::open(token_.hsm_config(), nullptr);
        storage::DatabaseConfig config;
        config.conninfo = conninfo;
        database_ = storage::Database::open(config, std::make_shared<secrets::TokenSealKeeper>(hsm_->seals()),
                                            nullptr);
        ASSERT_THAT(secrets::verify_and_register_master_keys(*hsm_, *database_, clock_, {}, soon()),
                    IsEmpty());
        master_keys_ = std::make_unique<secrets::MasterKeys>(*hsm_, "main");
        principals_ = std::make_unique<iam::DirectoryKeeper>(
            *database_, kAccount, clock_,
            iam::KeeperEvents{[](const auto&) {}, [] {}, [](const auto&) {}, [](const auto&) {}},
            std::nullopt, soon());
        page_tokens_ = std::make_unique<secrets::PageTokens>(
            std::make_shared<const crypto::DerivedKeys>(crypto::SecretBytes::copy_of(Bytes(32, 7))));
        service_ = std::make_unique<KeyService>(KeyServiceParts{kNode, *hsm_, *database_, *master_keys_,
                                                                *principals_, *page_tokens_, clock_, [] {}});
    }

    // ---- secrets

    struct Written {
        storage::SecretId id;
        storage::VersionId version;
        std::string arn;
    };
    /// A secret whose value is its name, under the newest generation that this node knows.
    Written write_secret(const std::string& name, const std::string& key = "main") {
        storage::StoredSecret secret;
        secret.id = storage::SecretId(Uuid::random());
        secret.name = name;
        secret.arn = "arn:aws:secretsmanager:eu-test-1:111122223333:secret:" + name + "-AbCdEf";
        secret.created = secret.last_changed = clock_.now();
        if (key != "main") secret.kms_key_id = "alias/" + key;
        const storage::VersionId version(Uuid::random().text());
        auto sealed = wait_for<crypto::SealedPayload>([&](Completion<crypto::SealedPayload> done) {
            hsm_->envelope().seal({secret.arn, version.value(), crypto::PayloadKind::secret_string},
                                  crypto::SecretBytes::copy_of(name), hsm_->find_master_key(key).value().id,
                                  {Priority::write, soon()}, std::move(done));
        });
        const auto payload = secrets::to_stored(std::move(sealed));
        secret.versions.push_back({version,
                                   clock_.now(),
                                   storage::ValueKind::string,
                                   payload.master_key,
                                   {storage::StagingLabel("AWSCURRENT")},
                                   std::nullopt});
        insert(secret, payload);
        return {secret.id, version, secret.arn};
    }
    void insert(const storage::StoredSecret& secret, const storage::StoredPayload& payload) {
        EXPECT_TRUE(wait_for<bool>([&](Completion<bool> done) {
            database_->write<bool>(
                {Priority::write, soon()},
                [&](storage::WriteTransaction& tx) {
                    return SecretRepository::insert(tx, secret, {{secret.versions[0].id, payload}});
                },
                std::move(done));
        }));
    }
    std::string read_secret(const Written& written) {
        const auto payload = wait_for<std::optional<storage::StoredPayload>>(
            [&](Completion<std::optional<storage::StoredPayload>> done) {
                database_->read<std::optional<storage::StoredPayload>>(
                    {Priority::read, soon()},
                    [&](storage::ReadTransaction& tx) {
                        return SecretRepository::payload(tx, written.id, written.version);
                    },
                    std::move(done));
            });
        const auto value = wait_for<crypto::SecretBytes>([&](Completion<crypto::SecretBytes> done) {
            hsm_->envelope().open({written.arn, written.version.value(), crypto::PayloadKind::secret_string},
                                  secrets::to_sealed(payload.value()), {Priority::read, soon()},
                                  std::move(done));
        });
        return std::string(value.text());
    }
    std::vector<Written> write_secrets(int count) {
        std::vector<Written> all;
        for (int i = 0; i < count; ++i) all.push_back(write_secret("secret-" + std::to_string(i)));
        return all;
    }
    std::string by_hand(const std::string& sql) { return server().query(name_, sql); }
    std::string under(int generation) {
        return by_hand("SELECT count(*) FROM secret_versions WHERE key_generation = " +
                       std::to_string(generation));
    }

    // ---- operations

    template <class Ask>
    v1::Response ask(const Ask& set_request, const std::string& caller = "admin") {
        secrets::CallContext context;
        context.caller.principal = caller;
        context.caller.source_address = "127.0.0.1";
        context.caller.rights = test::usual_rights(caller, kAccount);
        context.deadline = soon();
        context.record = std::make_shared<secrets::RequestRecord>();
        auto request = std::make_shared<v1::Request>();
        set_request(*request);
        EXPECT_TRUE(service_->has(request->operation_case()));
        v1::Response response;
        test::run_coroutine(service_->perform(
            std::make_shared<const secrets::CallContext>(std::move(context)), request, response));
        return response;
    }
    std::int64_t rotate(const std::string& key = "") {
        return ask([&](v1::Request& request) {
                   auto& asked = *request.mutable_rotate_key_on_demand();
                   if (!key.empty()) asked.set_key_id(key);
               })
            .rotate_key_on_demand()
            .generation();
    }
    v1::KeyMetadata describe(const std::string& key = "") {
        return ask([&](v1::Request& request) {
                   auto& asked = *request.mutable_describe_key();
                   if (!key.empty()) asked.set_key_id(key);
               })
            .describe_key()
            .key_metadata();
    }
    v1::RetireKeyGenerationsResponse retire(
        const std::function<void(v1::RetireKeyGenerationsRequest&)>& set) {
        return ask([&](v1::Request& request) { set(*request.mutable_retire_key_generations()); })
            .retire_key_generations();
    }
    v1::RetireKeyGenerationsResponse retire_by_force() {
        return retire([](auto& request) { request.set_force(true); });
    }
    v1::VerifyKeysResponse verify(std::int64_t page, bool values) {
        v1::VerifyKeysResponse all;
        std::string token;
        do {
            const auto response = ask([&](v1::Request& request) {
                auto& asked = *request.mutable_verify_keys();
                asked.set_max_results(page);
                asked.set_values(values);
                if (!token.empty()) asked.set_next_token(token);
            });
            const auto& answer = response.verify_keys();
            if (answer.has_total()) all.set_total(answer.total());
            all.set_checked(all.checked() + answer.checked());
            all.mutable_failures()->MergeFrom(answer.failures());
            token = answer.next_token();
        } while (!token.empty());
        return all;
    }
    std::unique_ptr<RewrapWorker> make_worker(const std::string& node, std::size_t batch = 7) {
        RewrapOptions options;
        options.node = node;
        options.batch = batch;
        options.pause = 10ms;
        return std::make_unique<RewrapWorker>(
            RewrapParts{*hsm_, *database_, *principals_, clock_, {}}, options, 0,
            RewrapEvents{[](const auto&, auto) {}, [](const auto&, auto, auto) {},
                         [](const std::string& reason) { ADD_FAILURE() << reason; }});
    }
    std::unique_ptr<KeyKeeper> make_keeper() {
        KeyEvents events;
        events.changed = [] {};
        events.rotated = [this](const auto&, auto) { ++rotated_; };
        events.deleted = [this](const auto&) { ++deleted_; };
        events.missing = [this](const auto& key, auto generation, const std::string& under) {
            missing_.add(key + " " + std::to_string(generation) + ": " + under);
        };
        events.token_key_missing = [](const auto&, auto) {};
        events.kept = [this](const auto& key, const std::string& why) { kept_.add(key + ": " + why); };
        events.failed = [this](const std::string& what, const std::string& reason) {
            if (!failures_are_expected_) ADD_FAILURE() << what << ": " << reason;
            failures_.add(what + ": " + reason);
        };
        return std::make_unique<KeyKeeper>(
            KeeperParts{*hsm_,
                        *database_,
                        *master_keys_,
                        *principals_,
                        clock_,
                        [this](storage::WriteTransaction&, const secrets::ServiceAction& action) {
                            left_events_.add(action.name);
                        },
                        "node-1",
                        [this]() -> std::optional<storage::AuditSigner> {
                            const std::uint32_t signing = signing_;
                            if (signing == 0) return std::nullopt;
                            return storage::AuditSigner{"node-1", journal_, signing, clock_.now()};
                        },
                        {}},
            std::move(events));
    }
    std::vector<std::uint32_t> in_token(const std::string& name = "main") {
        const auto id = hsm_->find_master_key(name);
        std::vector<std::uint32_t> generations;
        hsm_->key_changes().refresh(soon());
        for (const auto& ref : hsm_->key_changes().generations()) {
            if (id && ref.id == id->id) generations.push_back(ref.generation);
        }
        return generations;
    }

    std::unique_ptr<ResealWorker> make_reseal_worker(std::function<void(const std::string&)> paused =
                                                         [](const std::string& reason) {
                                                             ADD_FAILURE() << reason;
                                                         }) {
        if (!paused) paused = [](const std::string&) {};
        return std::make_unique<ResealWorker>(
            ResealParts{*hsm_, *database_, *principals_, clock_, {}, "node-1"}, 0,
            ResealEvents{[](auto) {}, [](auto, auto) {}, std::move(paused)});
    }
    /// Another revision of the manifest, without changes, in force on this node.
    void change_principals() {
        principals_->publish(wait_for<iam::DirectoryPtr>([&](Completion<iam::DirectoryPtr> done) {
            database_->write<iam::DirectoryPtr>(
                {Priority::write, soon()},
                [&](storage::WriteTransaction& tx) -> iam::DirectoryPtr {
                    const auto before = principals_->lock(tx);
                    return iam::Directory::build(storage::IamRepository::store(tx, before->stored(), {}),
                                                 kAccount, before.get());
                },
                std::move(done));
        }));
    }
    v1::RetireKeyGenerationsResponse retire_seal(bool force, std::optional<Timestamp> proven = {}) {
        return retire([&](auto& request) {
            request.set_key_id("alias/coffer/seal");
            request.set_force(force);
            if (proven) request.set_backup_proven(static_cast<double>(proven->seconds()));
        });
    }
    /// Everything is sealed under the next generation, and this node says so.
    void rotate_seal_key_and_reseal(KeyKeeper& keeper) {
        rotate("alias/coffer/seal");
        keeper.run_once();
        keeper.run_once();
        EXPECT_TRUE(make_reseal_worker()->run_once());
    }
    std::string sealed_under(int generation) {
        return by_hand(
            "SELECT count(*) FROM (SELECT seal FROM secrets UNION ALL SELECT seal FROM iam_entities UNION "
            "ALL SELECT seal FROM iam_manifest UNION ALL SELECT seal FROM set_seals) s WHERE "
            "seal_generation(seal) = " +
            std::to_string(generation));
    }
    std::vector<std::uint32_t> audit_keys_in_token() {
        hsm_->key_changes().refresh(soon());
        std::vector<std::uint32_t> generations;
        for (const auto& key : hsm_->audit_key().generations()) generations.push_back(key.generation);
        return generations;
    }

    TestToken token_ = TestToken::make(GetParam());
    std::string name_;
    MovableClock clock_;
    std::unique_ptr<crypto::Hsm> hsm_;
    std::unique_ptr<storage::Database> database_;
    std::unique_ptr<secrets::MasterKeys> master_keys_;
    std::unique_ptr<iam::DirectoryKeeper> principals_;
    std::unique_ptr<secrets::PageTokens> page_tokens_;
    std::unique_ptr<KeyService> service_;
    std::atomic<int> rotated_{0};
    std::atomic<int> deleted_{0};
    std::atomic<bool> failures_are_expected_{false};
    /// What keepers have told, and the names of the events that they left.
    Lines kept_, missing_, failures_, left_events_;
    const Uuid journal_ = Uuid::random();
    std::atomic<std::uint32_t> signing_{
        0};  ///< the generation of the audit key that this node's journal is signed with
};

INSTANTIATE_TEST_SUITE_P(Tokens, KeysTest, ::testing::ValuesIn(testing::all_token_kinds()),
                         [](const auto& parameter) {
                             return std::string(testing::to_text(parameter.param));
                         });

template <class Work>
std::string message_of(const Work& work) {
    try {
        work();
    } catch (const std::exception& error) {
        return error.what();
    }
    return {};
}

TEST_P(KeysTest, ARotationBringsEverythingUnderTheNewGeneration) {
    const auto written = write_secrets(100);
    EXPECT_FALSE(describe().has_rewrap());
    EXPECT_EQ(rotate(), 2);
    EXPECT_THAT(in_token(), ElementsAre(1, 2));
    EXPECT_EQ(describe().rewrap().state(), "Waiting");
    const auto fresh = write_secret("fresh");
    EXPECT_EQ(under(2), "1") << "new writes use it at once";
    EXPECT_EQ(describe().generations(0).versions(), 100);

    const auto worker = make_worker("node-1");
    EXPECT_TRUE(worker->run_once());
    EXPECT_EQ(under(1), "0");
    EXPECT_EQ(under(2), "101");
    EXPECT_EQ(worker->counters().done, 100U) << "what was under it already is left alone";
    const auto key = describe();
    EXPECT_EQ(key.rewrap().state(), "Done");
    EXPECT_EQ(key.rewrap().done(), 100);
    EXPECT_EQ(key.rewrap().total(), 100);
    EXPECT_EQ(key.current_generation(), 2);
    EXPECT_EQ(key.generations(0).versions(), 0);
    EXPECT_EQ(key.generations(1).versions(), 101);
    for (std::size_t i = 0; i < written.size(); ++i) {
        EXPECT_EQ(read_secret(written[i]), "secret-" + std::to_string(i));
    }
    EXPECT_EQ(read_secret(fresh), "fresh");
}

TEST_P(KeysTest, NodesShareTheWorkAndNoVersionIsWrappedTwice) {
    static_cast<void>(write_secrets(150));
    rotate();
    const auto first = make_worker("node-1", 3);
    const auto second = make_worker("node-2", 3);
    std::jthread other([&] { second->run_once(); });
    EXPECT_TRUE(first->run_once());
    other.join();
    EXPECT_EQ(under(1), "0");
    EXPECT_EQ(first->counters().done + second->counters().done, 150U);
    EXPECT_EQ(describe().rewrap().done(), 150);
}

TEST_P(KeysTest, WhatANodeThatDiedHadBegunIsTakenOver) {
    static_cast<void>(write_secrets(40));
    rotate();
    const auto key = hsm_->find_master_key("main").value().id.value();
    // It leased all parts and wrote nothing; its leases have run out.
    by_hand(
        "INSERT INTO rewraps (master_key, generation, started, total) VALUES ('" + key.text() +
        "', 2, now(), 40); INSERT INTO rewrap_slices (master_key, slice, node, lease, end_block) SELECT '" +
        key.text() +
        "', n, 'dead', now() - interval '1 second', CASE n WHEN 0 THEN 1000 ELSE 0 END FROM "
        "generate_series(0, 63) n");
    EXPECT_TRUE(make_worker("node-1")->run_once());
    EXPECT_EQ(under(1), "0");
    EXPECT_EQ(by_hand("SELECT pass FROM rewraps"), "1") << "the parts were gone through, not begun anew";
}

TEST_P(KeysTest, WhatIsStoredUnderTheOldGenerationMeanwhileIsFoundByAnotherPass) {
    static_cast<void>(write_secrets(20));
    rotate();
    const auto key = hsm_->find_master_key("main").value().id.value();
    // All parts are finished as far as the table says, and nothing was done.
    by_hand("INSERT INTO rewraps (master_key, generation, started, total) VALUES ('" + key.text() +
            "', 2, now(), 0); INSERT INTO rewrap_slices (master_key, slice, finished) SELECT '" + key.text() +
            "', n, true FROM generate_series(0, 63) n");
    EXPECT_TRUE(make_worker("node-1")->run_once());
    EXPECT_EQ(under(1), "0");
    EXPECT_EQ(describe().rewrap().state(), "Done");
}

TEST_P(KeysTest, ADataKeyThatDoesNotOpenIsNamedAndDoesNotStopTheOthers) {
    const auto written = write_secrets(30);
    by_hand(
        "UPDATE secret_versions SET wrapped_key = set_byte(wrapped_key, 5, get_byte(wrapped_key, 5) # 1) "
        "WHERE secret_id = '" +
        written[4].id.value().text() + "'");
    rotate();
    const auto worker = make_worker("node-1");
    EXPECT_FALSE(worker->run_once());
    EXPECT_EQ(under(1), "1");
    EXPECT_EQ(under(2), "29");
    const auto key = describe();
    EXPECT_EQ(key.rewrap().state(), "Failed");
    EXPECT_THAT(key.rewrap().message(), HasSubstr(written[4].arn));
    EXPECT_THAT(key.rewrap().message(), HasSubstr("was altered"));
    EXPECT_THAT(retire_by_force().retired(), IsEmpty());
    EXPECT_THAT(in_token(), ElementsAre(1, 2));
    const auto verified = verify(7, false);
    EXPECT_EQ(verified.checked(), 30);
    EXPECT_EQ(verified.total(), 30);
    ASSERT_EQ(verified.failures_size(), 1);
    EXPECT_EQ(verified.failures(0).secret_arn(), written[4].arn);
    EXPECT_EQ(verified.failures(0).version_id(), written[4].version.value());
}

TEST_P(KeysTest, ANumberThatIsNoGenerationDoesNotStopTheOthers) {
    const auto written = write_secrets(30);
    by_hand("ALTER TABLE secret_versions DROP CONSTRAINT secret_versions_generation_is_one");
    by_hand("UPDATE secret_versions SET key_generation = -1 WHERE secret_id = '" +
            written[4].id.value().text() + "'");
    EXPECT_EQ(describe().generations(0).versions(), 29);
    rotate();
    const auto worker = make_worker("node-1");
    EXPECT_FALSE(worker->run_once());
    EXPECT_EQ(under(2), "29");
    const auto key = describe();
    EXPECT_EQ(key.rewrap().state(), "Failed");
    EXPECT_THAT(key.rewrap().message(), HasSubstr(written[4].arn));
    // Its data key is wrapped under the first generation, which only the number does not say any more.
    EXPECT_THAT(retire_by_force().retired(), IsEmpty());
    EXPECT_THAT(in_token(), ElementsAre(1, 2));
    const auto verified = verify(7, true);
    EXPECT_EQ(verified.checked(), 30);
    ASSERT_EQ(verified.failures_size(), 1);
    EXPECT_EQ(verified.failures(0).version_id(), written[4].version.value());
    // And with the right number again all is well.
    by_hand("UPDATE secret_versions SET key_generation = 1 WHERE key_generation = -1");
    EXPECT_EQ(verify(7, true).failures_size(), 0);
}

TEST_P(KeysTest, AGenerationThatADeadNodeMadeIsTakenOver) {
    const auto id = hsm_->find_master_key("main").value().id;
    hsm_->key_changes().make_generation("main", {id, 2}, soon());  // and the node dies before its commit
    EXPECT_EQ(rotate(), 2) << "adopted, not made again";
    EXPECT_THAT(in_token(), ElementsAre(1, 2));
    EXPECT_EQ(by_hand("SELECT count(*) FROM master_keys"), "2");
    // Without another attempt it is the keeper that registers it.
    hsm_->key_changes().make_generation("main", {id, 3}, soon());
    make_keeper()->run_once();
    EXPECT_EQ(by_hand("SELECT max(generation) FROM master_keys"), "3");
    EXPECT_EQ(rotate(), 4);
}

TEST_P(KeysTest, RetiringNeedsAProvenBackupOrForceAndNothingUnderIt) {
    static_cast<void>(write_secrets(5));
    rotate();
    const auto early = retire_by_force();
    ASSERT_EQ(early.kept_size(), 1);
    EXPECT_THAT(early.kept(0).reason(), HasSubstr("wrapped anew"));
    EXPECT_TRUE(make_worker("node-1")->run_once());
    const double end = clock_.now().seconds();
    clock_.advance_days(1);

    const auto without = retire([](auto&) {});
    ASSERT_EQ(without.kept_size(), 1);
    EXPECT_THAT(without.kept(0).reason(), HasSubstr("no proven backup"));
    const auto older = retire([&](auto& request) { request.set_backup_proven(end - 1); });
    ASSERT_EQ(older.kept_size(), 1);
    EXPECT_THAT(older.kept(0).reason(), HasSubstr("older than the end"));
    EXPECT_THAT(
        message_of([&] { retire([&](auto& request) { request.set_backup_proven(end + 3 * 86'400); }); }),
        HasSubstr("BackupProven: lies in the future"));
    EXPECT_THAT(message_of([&] { retire([](auto& request) { request.set_generation(2); }); }),
                HasSubstr("is the newest"));
    EXPECT_THAT(message_of([&] { retire([](auto& request) { request.set_generation(9); }); }),
                HasSubstr("has no generation 9"));
    EXPECT_THAT(in_token(), ElementsAre(1, 2));

    const auto done = retire([&](auto& request) { request.set_backup_proven(end + 1); });
    EXPECT_THAT(done.retired(), ElementsAre(1));
    EXPECT_THAT(done.kept(), IsEmpty());
    EXPECT_THAT(in_token(), ElementsAre(2));
    EXPECT_EQ(by_hand("SELECT string_agg(generation::text, ' ') FROM master_keys"), "2");
    EXPECT_EQ(verify(2, true).failures_size(), 0);
    EXPECT_THAT(retire_by_force().retired(), IsEmpty()) << "nothing to do";
    EXPECT_EQ(rotate(), 3) << "no number is used twice";
}

TEST_P(KeysTest, NothingCanBeStoredUnderARetiredGeneration) {
    const auto written = write_secret("a");
    const auto old = by_hand("SELECT encode(wrapped_key, 'hex') FROM secret_versions");
    rotate();
    EXPECT_TRUE(make_worker("node-1")->run_once());
    EXPECT_THAT(retire_by_force().retired(), ElementsAre(1));
    // As a node would that has not heard of it.
    EXPECT_ANY_THROW(
        by_hand("UPDATE secret_versions SET key_generation = 1, wrapped_key = decode('" + old + "', 'hex')"));
    EXPECT_ANY_THROW(by_hand(
        "INSERT INTO secret_versions SELECT secret_id, 'other', created, kind, master_key, 1, wrapped_key, "
        "ciphertext FROM secret_versions"));
    EXPECT_EQ(read_secret(written), "a");
}

TEST_P(KeysTest, AStragglerKeepsItsGenerationAndIsWrappedAnew) {
    const auto late = write_secret("late");
    const auto row = by_hand("SELECT encode(wrapped_key, 'hex') FROM secret_versions");
    rotate();
    EXPECT_TRUE(make_worker("node-1")->run_once());
    // A slow node stored it under the old generation after everything had been done.
    by_hand("UPDATE secret_versions SET key_generation = 1, wrapped_key = decode('" + row + "', 'hex')");
    const auto kept = retire_by_force();
    EXPECT_THAT(kept.retired(), IsEmpty());
    ASSERT_EQ(kept.kept_size(), 1);
    EXPECT_EQ(kept.kept(0).reason(), "1 version is wrapped under it");
    EXPECT_THAT(in_token(), ElementsAre(1, 2));
    EXPECT_EQ(read_secret(late), "late");
    EXPECT_EQ(by_hand("SELECT count(*) FROM retired_generations"), "0");
    EXPECT_TRUE(make_worker("node-1")->run_once());
    EXPECT_EQ(under(1), "0");
    EXPECT_THAT(retire_by_force().retired(), ElementsAre(1));
    EXPECT_EQ(read_secret(late), "late");
}

TEST_P(KeysTest, ARetirementThatWasCutOffIsFinishedOrTakenBack) {
    static_cast<void>(write_secret("a"));
    rotate();
    EXPECT_TRUE(make_worker("node-1")->run_once());
    const auto id = hsm_->find_master_key("main").value().id;
    EXPECT_THAT(retire_by_force().retired(), ElementsAre(1));
    // The node died before the token had destroyed it.
    hsm_->key_changes().make_generation("main", {id, 1}, soon());
    EXPECT_THAT(in_token(), ElementsAre(1, 2));
    make_keeper()->run_once();
    EXPECT_THAT(in_token(), ElementsAre(2));
    EXPECT_EQ(by_hand("SELECT count(*) FROM master_keys"), "1") << "and it was not registered again";
}

TEST_P(KeysTest, AScheduleRotatesOnceHoweverManyNodesThereAre) {
    ask([](v1::Request& request) { request.mutable_enable_key_rotation()->set_rotation_period_in_days(90); });
    auto key = describe();
    EXPECT_TRUE(key.rotation_enabled());
    EXPECT_EQ(key.rotation_period_in_days(), 90);
    EXPECT_EQ(key.next_rotation_date(), clock_.now().seconds() + 90 * 86'400);
    const auto first = make_keeper();
    const auto second = make_keeper();
    clock_.advance_days(89);
    first->run_once();
    EXPECT_THAT(in_token(), ElementsAre(1));
    clock_.advance_days(1);
    std::jthread other([&] { second->run_once(); });
    first->run_once();
    other.join();
    EXPECT_THAT(in_token(), ElementsAre(1, 2));
    EXPECT_EQ(rotated_, 1);
    EXPECT_EQ(describe().next_rotation_date(), clock_.now().seconds() + 90 * 86'400);
    ask([](v1::Request& request) { request.mutable_disable_key_rotation(); });
    clock_.advance_days(400);
    first->run_once();
    EXPECT_EQ(rotated_, 1);
}

TEST_P(KeysTest, AKeyIsDeletedWhenItsTimeHasComeAndNothingIsUnderIt) {
    const auto created = ask([](v1::Request& request) {
                             request.mutable_create_key()->set_alias("alias/other");
                             request.mutable_create_key()->set_description("for a test");
                         })
                             .create_key()
                             .key_metadata();
    EXPECT_EQ(created.alias(), "alias/other");
    EXPECT_EQ(created.description(), "for a test");
    EXPECT_EQ(created.key_state(), "Enabled");
    EXPECT_THAT(message_of([&] {
                    ask([](v1::Request& request) { request.mutable_create_key()->set_alias("other"); });
                }),
                HasSubstr("alias/other already exists"));
    const auto schedule = [&](const std::string& key) {
        return ask([&](v1::Request& request) {
                   request.mutable_schedule_key_deletion()->set_key_id(key);
                   request.mutable_schedule_key_deletion()->set_pending_window_in_days(7);
               })
            .schedule_key_deletion();
    };
    EXPECT_THAT(message_of([&] { schedule("alias/main"); }), HasSubstr("is the default key"));
    const auto under_it = write_secret("under-other", "other");
    EXPECT_THAT(message_of([&] { schedule("alias/other"); }),
                HasSubstr("1 secret (under-other) and 0 access keys are under it"));
    by_hand("DELETE FROM secrets WHERE name = 'under-other'");
    const auto scheduled = schedule("alias/other");
    EXPECT_EQ(scheduled.deletion_date(), clock_.now().seconds() + 7 * 86'400);
    EXPECT_EQ(describe("alias/other").key_state(), "PendingDeletion");
    const auto keeper = make_keeper();
    keeper->run_once();
    EXPECT_THAT(message_of([&] { static_cast<void>(master_keys_->resolve("alias/other")); }),
                HasSubstr("is pending deletion"));
    EXPECT_THAT(message_of([&] { rotate("alias/other"); }), HasSubstr("is pending deletion"));

    ask([](v1::Request& request) { request.mutable_cancel_key_deletion()->set_key_id("alias/other"); });
    keeper->run_once();
    EXPECT_NO_THROW(static_cast<void>(master_keys_->resolve("alias/other")));
    static_cast<void>(schedule("alias/other"));
    clock_.advance_days(6);
    keeper->run_once();
    EXPECT_THAT(in_token("other"), ElementsAre(1));
    clock_.advance_days(1);
    keeper->run_once();
    EXPECT_EQ(deleted_, 1);
    EXPECT_FALSE(hsm_->find_master_key("other"));
    EXPECT_EQ(by_hand("SELECT count(*) FROM master_keys"), "1");
    EXPECT_THAT(message_of([&] { describe("alias/other"); }), HasSubstr("does not exist"));
}

/// A version that was sealed under it before its deletion was asked for, and stored afterwards.
TEST_P(KeysTest, AKeyThatIsToBeDeletedAndIsInUseStaysAndThatIsToldOnce) {
    ask([](v1::Request& request) { request.mutable_create_key()->set_alias("alias/other"); });
    ask([](v1::Request& request) {
        request.mutable_schedule_key_deletion()->set_key_id("alias/other");
        request.mutable_schedule_key_deletion()->set_pending_window_in_days(7);
    });
    const auto late = write_secret("late", "other");
    const auto first = make_keeper();
    first->stop();
    const auto second = make_keeper();
    second->stop();
    clock_.advance_days(8);
    first->run_once();
    first->run_once();
    EXPECT_THAT(kept_.all(), ElementsAre("other: generation 1: 1 version is wrapped under it"));
    second->run_once();
    EXPECT_EQ(kept_.all().size(), 2U) << "each node tells it";
    EXPECT_THAT(left_events_.all(), IsEmpty()) << "nothing was deleted";
    EXPECT_EQ(deleted_, 0);
    EXPECT_EQ(read_secret(late), "late");
    EXPECT_NO_THROW(write_secret("later", "other")) << "no generation is left marked as retired";

    by_hand("DELETE FROM secrets");
    const auto third = make_keeper();
    third->stop();
    third->run_once();
    EXPECT_EQ(deleted_, 1);
    EXPECT_THAT(left_events_.all(), ElementsAre("DeleteKey"));
}

/// Somebody destroyed the old generation before everything was under the new one.
TEST_P(KeysTest, WhatIsUnderAGenerationThatTheTokenLostIsCountedAndTold) {
    const auto old = write_secrets(3);
    rotate();
    write_secret("new");
    hsm_->key_changes().destroy_generation({hsm_->find_master_key("main").value().id, 1}, soon());
    const auto looking = make_keeper();
    looking->stop();
    looking->run_once();
    EXPECT_THAT(missing_.all(), ElementsAre("main 1: 3 versions are wrapped under it"));
    EXPECT_EQ(looking->missing(), 1U);
    EXPECT_EQ(looking->unreadable_versions(), 3);
}

TEST_P(KeysTest, AKeyThatCannotBeRotatedHoldsUpNoOther) {
    ask([](v1::Request& request) { request.mutable_create_key()->set_alias("alias/other"); });
    for (const auto* key : {"alias/main", "alias/other"}) {
        ask([&](v1::Request& request) {
            request.mutable_enable_key_rotation()->set_key_id(key);
            request.mutable_enable_key_rotation()->set_rotation_period_in_days(90);
        });
    }
    const auto id_of = [&](const std::string& name) { return hsm_->find_master_key(name).value().id; };
    // The one that a keeper comes to first.
    const bool main_is_first = id_of("main").value() < id_of("other").value();
    const std::string broken = main_is_first ? "main" : "other";
    hsm_->key_changes().destroy_generation({id_of(broken), 1}, soon());
    failures_are_expected_ = true;
    const auto keeper = make_keeper();
    keeper->stop();
    failures_.clear();
    clock_.advance_days(91);
    keeper->run_once();
    keeper->run_once();
    EXPECT_EQ(rotated_, 1);
    EXPECT_THAT(in_token(main_is_first ? "other" : "main"), ElementsAre(1, 2));
    EXPECT_THAT(failures_.all(), ElementsAre(HasSubstr("rotating alias/" + broken + " by its schedule: ")));
}

TEST_P(KeysTest, SettingsChangedByHandAreNotBelieved) {
    ask([](v1::Request& request) { request.mutable_enable_key_rotation(); });
    EXPECT_EQ(describe().rotation_period_in_days(), 365);
    for (const char* sql :
         {"UPDATE master_key_settings SET rotation_days = 1",
          "UPDATE master_key_settings SET deletion_due = now()", "DELETE FROM master_key_settings",
          "UPDATE set_seals SET revision = revision + 1"}) {
        by_hand("CREATE TABLE k AS TABLE master_key_settings; CREATE TABLE s AS TABLE set_seals");
        by_hand(sql);
        EXPECT_THROW(describe(), IntegrityError) << sql;
        by_hand(
            "TRUNCATE master_key_settings, set_seals; INSERT INTO master_key_settings TABLE k; "
            "INSERT INTO set_seals TABLE s; DROP TABLE k, s");
        EXPECT_EQ(describe().rotation_period_in_days(), 365);
    }
}

TEST_P(KeysTest, TheAuditKeyIsRotatedAndItsOldGenerationGoesWhenNoJournalNeedsIt) {
    const std::string audit = "alias/coffer/audit";
    const auto keeper = make_keeper();
    signing_ = 1;
    keeper->run_once();
    EXPECT_THAT(describe(audit).generations(0).nodes(), ElementsAre("node-1"));

    EXPECT_EQ(rotate(audit), 2);
    EXPECT_THAT(audit_keys_in_token(), ElementsAre(1, 2));
    auto key = describe(audit);
    EXPECT_EQ(key.key_usage(), "SIGN_VERIFY");
    EXPECT_EQ(key.current_generation(), 2);
    EXPECT_EQ(key.arn(), "arn:aws:kms:eu-test-1:111122223333:alias/coffer/audit");
    EXPECT_THAT(key.generations(1).public_key(), HasSubstr("-----BEGIN PUBLIC KEY-----"));
    EXPECT_NE(key.generations(0).public_key_sha256(), key.generations(1).public_key_sha256());

    const auto retire_audit = [&](bool force) {
        return retire([&](auto& request) {
            request.set_key_id(audit);
            request.set_force(force);
        });
    };
    const auto kept = retire_audit(false);
    ASSERT_THAT(kept.kept(), SizeIs(1));
    EXPECT_THAT(kept.kept(0).reason(), HasSubstr("signs the journal of node-1"));
    signing_ = 2;
    keeper->run_once();
    EXPECT_THAT(retire_audit(false).retired(), ElementsAre(1));
    EXPECT_THAT(audit_keys_in_token(), ElementsAre(2));
    EXPECT_THAT(describe(audit).generations(), SizeIs(1));
    EXPECT_THAT(message_of([&] {
                    (void)retire([&](auto& request) {
                        request.set_key_id(audit);
                        request.set_generation(2);
                    });
                }),
                HasSubstr("is the newest"));

    EXPECT_EQ(rotate(audit), 3);
    EXPECT_THAT(retire_audit(true).retired(), ElementsAre(2)) << "by force, whatever it signs";
}

TEST_P(KeysTest, AnAuditKeyThatADeadNodeMadeIsTakenOver) {
    const std::string audit = "alias/coffer/audit";
    EXPECT_EQ(rotate(audit), 2);
    hsm_->key_changes().make_audit_generation(3, soon());
    EXPECT_EQ(rotate(audit), 3) << "it is there already";
    EXPECT_THAT(audit_keys_in_token(), ElementsAre(1, 2, 3));
    hsm_->key_changes().make_audit_generation(4, soon());
    make_keeper()->run_once();
    EXPECT_EQ(by_hand("SELECT max(generation) FROM token_keys"), "4");
}

TEST_P(KeysTest, TheSealKeyIsRotatedAndEveryRowSealedAnew) {
    const std::string seal = "alias/coffer/seal";
    const auto written = write_secrets(50);
    EXPECT_EQ(sealed_under(1), "51") << "the secrets, and the set of master keys";
    EXPECT_EQ(rotate(seal), 2);
    EXPECT_EQ(describe(seal).rewrap().state(), "Waiting");
    EXPECT_THAT(describe(seal).rewrap().message(), HasSubstr("not in use before all nodes know it"));
    EXPECT_EQ(hsm_->seals().sealing_generation(), 1U);
    const auto keeper = make_keeper();
    keeper->run_once();
    keeper->run_once();
    EXPECT_EQ(hsm_->seals().sealing_generation(), 2U);
    const auto fresh = write_secret("fresh");
    EXPECT_EQ(sealed_under(2), "1") << "new seals are under it at once";
    EXPECT_THAT(retire_seal(true).kept(0).reason(), HasSubstr("sealed anew"));

    const auto worker = make_reseal_worker();
    EXPECT_TRUE(worker->run_once());
    EXPECT_EQ(sealed_under(1), "0");
    EXPECT_EQ(sealed_under(2), "52");
    EXPECT_EQ(worker->counters().done, 51U) << "what was under it already is left alone";
    const auto key = describe(seal);
    EXPECT_EQ(key.rewrap().state(), "Done");
    EXPECT_EQ(key.rewrap().done(), 51);
    EXPECT_EQ(key.generations(1).rows(), 52);
    for (const auto& each : written) EXPECT_FALSE(read_secret(each).empty());

    EXPECT_THAT(retire_seal(false).kept(0).reason(), HasSubstr("sessions that were begun before live until"));
    const auto sealed_anew = clock_.now();
    clock_.advance_days(2);
    EXPECT_THAT(retire_seal(false).kept(0).reason(), HasSubstr("no proven backup was named"));
    EXPECT_THAT(retire_seal(false, sealed_anew).kept(0).reason(),
                HasSubstr("older than the end of the sealing"));
    EXPECT_THAT(retire_seal(false, clock_.now()).retired(), ElementsAre(1));
    EXPECT_THAT(hsm_->seals().generations(), ElementsAre(2));
    EXPECT_THAT(describe(seal).generations(), SizeIs(1));
    EXPECT_EQ(by_hand("SELECT retired FROM token_keys WHERE purpose = 'seal' AND generation = 1"), "t");
    EXPECT_FALSE(read_secret(fresh).empty());
    EXPECT_EQ(rotate(seal), 3);
}

TEST_P(KeysTest, ANodeThatDoesNotKnowTheSealKeyIsWaitedFor) {
    by_hand("INSERT INTO seal_holders (node, generation, seen) VALUES ('slow', 1, now())");
    EXPECT_EQ(rotate("alias/coffer/seal"), 2);
    const auto keeper = make_keeper();
    keeper->run_once();
    keeper->run_once();
    EXPECT_EQ(hsm_->seals().sealing_generation(), 1U);
    EXPECT_THAT(message_of([&] { (void)rotate("alias/coffer/seal"); }), HasSubstr("do not know it: slow"));
    by_hand("UPDATE seal_holders SET seen = now() - interval '10 minutes' WHERE node = 'slow'");
    keeper->run_once();
    keeper->run_once();
    EXPECT_EQ(hsm_->seals().sealing_generation(), 2U) << "it does not run any more";
}

TEST_P(KeysTest, ABrokenSealIsLeftNamedAndNeverRepaired) {
    const auto written = write_secrets(30);
    by_hand("UPDATE secrets SET description = 'forged' WHERE name = 'secret-7'");
    const auto keeper = make_keeper();
    keeper->run_once();
    EXPECT_EQ(rotate("alias/coffer/seal"), 2);
    keeper->run_once();
    keeper->run_once();
    const auto worker = make_reseal_worker();
    EXPECT_FALSE(worker->run_once());
    EXPECT_EQ(sealed_under(1), "1");
    const auto key = describe("alias/coffer/seal");
    EXPECT_EQ(key.rewrap().state(), "Failed");
    EXPECT_THAT(key.rewrap().message(), HasSubstr("secrets secret-7"));
    clock_.advance_days(2);
    const auto kept = retire_seal(true);
    ASSERT_THAT(kept.kept(), SizeIs(1));
    EXPECT_THAT(kept.kept(0).reason(), HasSubstr("1 row is sealed under it"));
    EXPECT_EQ(by_hand("SELECT description FROM secrets WHERE name = 'secret-7'"), "forged");
}

TEST_P(KeysTest, PrincipalsThatWerePutBackAreNotSealedAnew) {
    change_principals();
    by_hand("CREATE TABLE kept AS TABLE iam_manifest");
    change_principals();
    const auto keeper = make_keeper();
    keeper->run_once();
    EXPECT_EQ(rotate("alias/coffer/seal"), 2);
    keeper->run_once();
    keeper->run_once();
    by_hand("CREATE TABLE newer AS TABLE iam_manifest");
    by_hand("UPDATE iam_manifest m SET revision = k.revision, seal = k.seal FROM kept k");
    const auto manifest = [&] { return by_hand("SELECT seal_generation(seal) FROM iam_manifest"); };
    auto worker = make_reseal_worker({});
    EXPECT_THAT(message_of([&] { (void)worker->run_once(); }), HasSubstr("put back to an earlier time"));
    EXPECT_EQ(manifest(), "1");
    EXPECT_NE(describe("alias/coffer/seal").rewrap().state(), "Done");
    by_hand("UPDATE iam_manifest m SET revision = k.revision, seal = k.seal FROM newer k");
    EXPECT_TRUE(worker->run_once());
    EXPECT_EQ(manifest(), "2");
    EXPECT_EQ(by_hand("SELECT revision FROM iam_manifest"), "3");
}

TEST_P(KeysTest, TheDatabaseReadsTheGenerationsOfSeals) {
    const auto generation = [&](const std::string& seal) {
        return by_hand("SELECT seal_generation(decode('" + seal + "', 'hex'))");
    };
    const std::string mac(64, 'f');
    EXPECT_EQ(generation(mac), "1");
    EXPECT_EQ(generation("00000102" + mac), "258");
    EXPECT_EQ(generation("ffffffff" + mac), "4294967295");
    EXPECT_EQ(generation("00" + mac), "0");
    EXPECT_EQ(storage::seal_generation(from_hex("00000102" + mac)), 258U);
    EXPECT_EQ(storage::seal_generation(from_hex(mac)), 1U);
    EXPECT_EQ(storage::seal_generation(from_hex("00" + mac)), 0U);
}

TEST_P(KeysTest, NothingCanBeSealedUnderARetiredSealKey) {
    const auto keeper = make_keeper();
    keeper->run_once();
    by_hand("UPDATE token_keys SET marked = now(), retirement = gen_random_uuid() WHERE purpose = 'seal'");
    EXPECT_THAT(message_of([&] { (void)write_secret("late"); }), ::testing::Not(IsEmpty()));
    EXPECT_ANY_THROW(
        by_hand("INSERT INTO audit_outbox (event_id, node, event, mac) VALUES (gen_random_uuid(), 'node-1', "
                "'{}', '')"));
    // Whoever marked it died.
    by_hand("UPDATE token_keys SET marked = now() - interval '1 hour' WHERE purpose = 'seal'");
    keeper->run_once();
    EXPECT_EQ(by_hand("SELECT count(*) FROM token_keys WHERE marked IS NOT NULL"), "0");
    EXPECT_FALSE(read_secret(write_secret("later")).empty());
}

TEST_P(KeysTest, ANodesOwnTokenLosesWhatWasRetiredElsewhere) {
    const auto keeper = make_keeper();
    keeper->run_once();
    rotate_seal_key_and_reseal(*keeper);
    rotate("alias/coffer/audit");
    // By somebody who can write in the database, and no more.
    failures_are_expected_ = true;
    by_hand("UPDATE token_keys SET retired = true WHERE generation = 1");
    keeper->run_once();
    EXPECT_THAT(hsm_->seals().generations(), ElementsAre(1, 2));
    EXPECT_THAT(audit_keys_in_token(), ElementsAre(1, 2));
    by_hand("UPDATE token_keys SET retired = false");
    keeper->run_once();
    failures_are_expected_ = false;
    // As another node leaves it, whose token is another one.
    const auto retirement = Uuid::random();
    EXPECT_TRUE(wait_for<bool>([&](Completion<bool> done) {
        database_->write<bool>(
            {Priority::write, soon()},
            [&](storage::WriteTransaction& tx) {
                storage::TokenKeyRepository::retire_audit_key(tx, 1, clock_.now());
                return storage::SealKeyRepository::mark(tx, 1, retirement) &&
                       storage::SealKeyRepository::retire(tx, 1, retirement);
            },
            std::move(done));
    }));
    keeper->run_once();
    EXPECT_THAT(hsm_->seals().generations(), ElementsAre(2));
    EXPECT_THAT(audit_keys_in_token(), ElementsAre(2));
    EXPECT_EQ(by_hand("SELECT count(*) FROM token_keys"), "4") << "and nothing is told anew";
}

TEST_P(KeysTest, ABrokenSetOfMasterKeysDoesNotKeepANodeFromTheOtherKeys) {
    const auto keeper = make_keeper();
    keeper->run_once();
    failures_are_expected_ = true;
    by_hand("UPDATE set_seals SET revision = revision + 1");
    EXPECT_EQ(rotate("alias/coffer/seal"), 2);
    signing_ = 1;
    keeper->run_once();
    keeper->run_once();
    EXPECT_EQ(hsm_->seals().sealing_generation(), 2U);
    EXPECT_EQ(by_hand("SELECT generation || ' ' || sealing FROM seal_holders"), "2 2");
    EXPECT_EQ(by_hand("SELECT count(*) FROM audit_signers"), "1");
}

TEST_P(KeysTest, ASealKeyStaysWhileANodeThatRunsWorksWithIt) {
    const auto keeper = make_keeper();
    keeper->run_once();
    rotate_seal_key_and_reseal(*keeper);
    by_hand("INSERT INTO seal_holders (node, generation, sealing, seen) VALUES ('slow', 2, 1, now())");
    clock_.advance_days(2);
    EXPECT_THAT(retire_seal(true).kept(0).reason(), HasSubstr("do not work with generation 2 yet: slow"));
    // It went over late: sessions that it began live longer.
    const auto late = std::to_string(clock_.now().seconds());
    by_hand("UPDATE seal_holders SET sealing = 2, changed = to_timestamp(" + late + ") WHERE node = 'slow'");
    clock_.advance_days(1);
    EXPECT_THAT(retire_seal(false, clock_.now()).kept(0).reason(), HasSubstr("live until"));
    clock_.advance_days(1);
    EXPECT_THAT(retire_seal(false, clock_.now()).retired(), ElementsAre(1));
}

TEST_P(KeysTest, ASealKeyStaysWhileEventsUnderItWaitForTheirNode) {
    const auto keeper = make_keeper();
    keeper->run_once();
    by_hand(
        "INSERT INTO audit_outbox (event_id, node, event, mac) VALUES (gen_random_uuid(), 'away', '{}', '')");
    rotate_seal_key_and_reseal(*keeper);
    clock_.advance_days(2);
    EXPECT_THAT(retire_seal(false, clock_.now()).kept(0).reason(), HasSubstr("events of away"));
    EXPECT_EQ(by_hand("SELECT count(*) FROM token_keys WHERE marked IS NOT NULL"), "0");
    // A node that runs is only slow; nobody gives up what it has done.
    by_hand("INSERT INTO seal_holders (node, generation, sealing, seen) VALUES ('away', 2, 2, now())");
    EXPECT_THAT(retire_seal(true).kept(0).reason(), HasSubstr("Ask again then"));
    by_hand("UPDATE seal_holders SET stopped = true WHERE node = 'away'");
    EXPECT_THAT(retire_seal(true).retired(), ElementsAre(1));
    EXPECT_EQ(by_hand("SELECT count(*) FROM audit_outbox"), "1");
}

TEST_P(KeysTest, ARetirementWaitsForAWriterThatHasOnlyLockedARowSoFar) {
    const auto keeper = make_keeper();
    keeper->run_once();
    const auto written = write_secret("a");
    by_hand("CREATE TABLE kept AS SELECT seal, revision FROM secrets");
    rotate_seal_key_and_reseal(*keeper);
    clock_.advance_days(2);
    pqxx::connection connection(server().conninfo(name_));
    pqxx::work writer(connection);
    writer.exec("SELECT 1 FROM secrets FOR UPDATE");
    std::jthread retirement([&] { EXPECT_THAT(retire_seal(true).retired(), ElementsAre(1)); });
    while (by_hand("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'ExclusiveLock'") == "0")
        std::this_thread::sleep_for(10ms);
    EXPECT_ANY_THROW(writer.exec("UPDATE secrets SET seal = (SELECT seal FROM kept)"));
    writer.abort();
    retirement.join();
    EXPECT_FALSE(read_secret(written).empty());
}

TEST_P(KeysTest, TwoNodesRetireASealKeyAtOnce) {
    const auto keeper = make_keeper();
    keeper->run_once();
    rotate_seal_key_and_reseal(*keeper);
    clock_.advance_days(2);
    by_hand(
        "UPDATE token_keys SET marked = now(), retirement = gen_random_uuid() WHERE purpose = 'seal' AND "
        "generation = 1");
    EXPECT_THAT(retire_seal(true).kept(0).reason(), HasSubstr("being retired already"));
    EXPECT_EQ(by_hand("SELECT count(*) FROM token_keys WHERE marked IS NOT NULL"), "1") << "the other's mark";
}

TEST_P(KeysTest, AnotherNodeThatTookTheSealingAnewOverIsLeftAlone) {
    static_cast<void>(write_secrets(3));
    const auto keeper = make_keeper();
    keeper->run_once();
    rotate("alias/coffer/seal");
    keeper->run_once();
    keeper->run_once();
    by_hand(
        "INSERT INTO reseals (generation, started, total, node, lease) VALUES (2, now(), 4, 'other', "
        "now() + interval '1 hour')");
    const auto write = [&](const std::function<bool(storage::WriteTransaction&)>& job) {
        return wait_for<bool>([&](Completion<bool> done) {
            database_->write<bool>(
                {Priority::write, soon()}, [&](storage::WriteTransaction& tx) { return job(tx); },
                std::move(done));
        });
    };
    using storage::ResealRepository;
    EXPECT_FALSE(write([&](auto& tx) { return ResealRepository::advance(tx, 2, "node-1", {}, 1, 1s); }));
    EXPECT_FALSE(write([&](auto& tx) { return ResealRepository::rewind(tx, 2, "node-1"); }));
    EXPECT_FALSE(write([&](auto& tx) { return ResealRepository::end(tx, 2, "node-1", 0, clock_.now()); }));
    EXPECT_FALSE(make_reseal_worker()->run_once());
    EXPECT_EQ(sealed_under(1), "4");
    by_hand("UPDATE reseals SET lease = now() - interval '1 second'");
    EXPECT_TRUE(make_reseal_worker()->run_once());
    EXPECT_EQ(sealed_under(1), "0");
}

TEST_P(KeysTest, TheTokensOtherKeysAreListedAndTheirNamesReserved) {
    const auto listed = ask([](v1::Request& request) { request.mutable_list_keys(); }).list_keys();
    ASSERT_THAT(listed.keys(), SizeIs(3));
    EXPECT_EQ(listed.keys(0).key_usage(), "ENCRYPT_DECRYPT");
    EXPECT_EQ(listed.keys(1).alias(), "alias/coffer/audit");
    EXPECT_EQ(listed.keys(2).alias(), "alias/coffer/seal");
    EXPECT_EQ(listed.keys(2).key_usage(), "GENERATE_VERIFY_MAC");
    EXPECT_THAT(message_of([&] {
                    (void)ask([](v1::Request& request) {
                        request.mutable_create_key()->set_alias("alias/coffer/audit");
                    });
                }),
                HasSubstr("are reserved"));
}

TEST_P(KeysTest, WhoMayNotIsToldSo) {
    for (const auto& set : std::vector<std::function<void(v1::Request&)>>{
             [](v1::Request& request) { request.mutable_create_key()->set_alias("x"); },
             [](v1::Request& request) { request.mutable_list_keys(); },
             [](v1::Request& request) { request.mutable_describe_key(); },
             [](v1::Request& request) { request.mutable_rotate_key_on_demand(); },
             [](v1::Request& request) { request.mutable_enable_key_rotation(); },
             [](v1::Request& request) { request.mutable_disable_key_rotation(); },
             [](v1::Request& request) { request.mutable_retire_key_generations(); },
             [](v1::Request& request) { request.mutable_schedule_key_deletion()->set_key_id("alias/none"); },
             [](v1::Request& request) { request.mutable_cancel_key_deletion()->set_key_id("alias/none"); },
             [](v1::Request& request) { request.mutable_verify_keys(); }}) {
        EXPECT_THROW(ask(set, "nobody"), access::AccessDenied);
    }
    EXPECT_THAT(in_token(), ElementsAre(1));
}

}  // namespace
}  // namespace coffer::keys
