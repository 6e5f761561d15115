// The operations over a real token and a real PostgreSQL, through the pipeline's interface; and what becomes
// of principals when somebody changes the tables by hand. COFFER_TEST_TOKEN in the environment says which
// module: softhsm2 (the default) or nss.

#include "daemon/iam/service.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "crypto/hsm.hpp"
#include "daemon/iam/accept.hpp"
#include "daemon/iam/bootstrap.hpp"
#include "daemon/iam/remove_listener_policy.hpp"
#include "daemon/secrets/request_record.hpp"
#include "daemon/secrets/token_seal_keeper.hpp"
#include "daemon/sts/callers.hpp"
#include "daemon/sts/identity_providers.hpp"
#include "daemon/sts/service.hpp"
#include "daemon/sts/session_origin.hpp"
#include "daemon/sts/token_access_keys.hpp"
#include "storage/migrations.hpp"
#include "storage/secret_repository.hpp"
#include "tests/iam/iam_fixture.hpp"
#include "tests/support/postgres.hpp"
#include "tests/support/run_coroutine.hpp"
#include "tests/support/tokens.hpp"

namespace coffer::iam {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

coffer::testing::TokenKind kind_from_environment() {
    const char* wanted = std::getenv("COFFER_TEST_TOKEN");
    return wanted != nullptr && std::string_view(wanted) == "nss" ? coffer::testing::TokenKind::nss
                                                                  : coffer::testing::TokenKind::softhsm2;
}

Deadline patience() {
    return std::chrono::steady_clock::now() + std::chrono::seconds(60);
}

/// What operators are told. Thread-safe.
class Alarms final : public storage::DatabaseObserver {
public:
    void reachable_changed(bool /*reachable*/, std::string /*reason*/) override {}
    void job_done(std::chrono::nanoseconds /*queued*/, std::chrono::nanoseconds /*ran*/) override {}
    void integrity_failure(std::string what) override { add(std::move(what)); }
    void add(std::string what) {
        const std::lock_guard lock(mutex_);
        all_.push_back(std::move(what));
    }
    [[nodiscard]] std::vector<std::string> all() const {
        const std::lock_guard lock(mutex_);
        return all_;
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::string> all_;
};

/// The token and the server of the program.
class Environment final : public ::testing::Environment {
public:
    void SetUp() override {
        token = std::make_unique<coffer::testing::TestToken>(
            coffer::testing::TestToken::make(kind_from_environment()));
        server = std::make_unique<test::PostgresServer>();
        hsm = crypto::Hsm::open(token->hsm_config(), nullptr);
        server->create_database("migrated");
        storage::migrate(server->conninfo("migrated"), nullptr);
    }
    void TearDown() override {
        hsm.reset();
        server.reset();
        token.reset();
    }

    std::unique_ptr<coffer::testing::TestToken> token;
    std::unique_ptr<test::PostgresServer> server;
    std::unique_ptr<crypto::Hsm> hsm;
};
auto* const environment = static_cast<Environment*>(
    ::testing::AddGlobalTestEnvironment(new Environment));  // NOLINT: GoogleTest owns it

crypto::SecretBytes derived(const std::string& purpose, std::uint32_t generation) {
    return wait_for<crypto::SecretBytes>([&](Completion<crypto::SecretBytes> done) {
        environment->hsm->seals().derive(purpose, generation, {Priority::read, patience()}, std::move(done));
    });
}

/// The system's, moved.
class MovedClock final : public Clock {
public:
    [[nodiscard]] Timestamp now() const override { return system_.now() + std::chrono::hours(hours_.load()); }
    void advance_days(int days) { hours_ += 24 * days; }

private:
    SystemClock system_;
    std::atomic<int> hours_{0};
};

/// The token's, which can be away although the database is not.
class SealsThatGo final : public storage::SealKeeper {
public:
    explicit SealsThatGo(crypto::Seals& seals) : seals_(seals) {}
    Bytes make(Bytes message, Deadline deadline) override {
        require_there();
        return seals_.make(std::move(message), deadline);
    }
    bool check(Bytes message, ByteView seal, Deadline deadline) override {
        require_there();
        return seals_.check(std::move(message), seal, deadline);
    }
    std::vector<bool> check_all(std::vector<storage::Sealed> sealed, Deadline deadline) override {
        require_there();
        return seals_.check_all(std::move(sealed), deadline);
    }
    std::atomic<bool> away{false};
    std::atomic<int> refused{0};

private:
    void require_there() {
        if (!away) return;
        ++refused;
        throw Unavailable("the token cannot be used now");
    }
    secrets::TokenSealKeeper seals_;
};

/// One node: directory, services, credentials.
class Node {
public:
    explicit Node(const std::string& conninfo, std::optional<SeenManifestFile> seen = std::nullopt)
        : seen_file(std::move(seen)) {
        storage::DatabaseConfig config;
        config.conninfo = conninfo;
        config.connections = 2;
        database = storage::Database::open(config, seals, alarms);
        start();
    }
    ~Node() {
        uses->close();
        keeper->close();
        database->close();
    }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    void start() {
        KeeperEvents events;
        events.not_read = [this](const std::string& reason) { readings->add("not read: " + reason); };
        events.read_again = [this] { readings->add("read again"); };
        keeper = std::make_unique<DirectoryKeeper>(*database, kAccount, clock, events, seen_file, patience());
        service =
            std::make_unique<IamService>(*database, *keeper, access_keys, clock, NodeFacts{"eu-test-1", {}});
        sts_service = std::make_unique<sts::StsService>(*keeper, tokens, providers, clock);
        uses = std::make_unique<storage::AccessKeyRecorder>(*database, std::chrono::hours(1));
        callers =
            std::make_unique<sts::Callers>(sts::CallersParts{*keeper, tokens, access_keys, *uses, clock});
    }

    [[nodiscard]] access::Recognition recognise(const std::string& spiffe_id) const {
        access::Recognition known;
        keeper->recognise(spiffe(spiffe_id), known);
        return known;
    }

    v1::Response call(const v1::Request& request, const std::string& spiffe_id = "spiffe://t/admin") {
        const auto known = recognise(spiffe_id);
        if (!known.rights) throw access::AccessDenied(known.refusal);
        return call_as(request, known, spiffe_id);
    }

    /// By a session token over the certificate's connection.
    v1::Response call_in_session(const v1::Request& request, const std::string& token,
                                 const std::string& spiffe_id) {
        access::Recognition known;
        callers->recognise_session(token, spiffe(spiffe_id), recognise(spiffe_id), known);
        if (!known.rights) throw access::AccessDenied(known.refusal);
        return call_as(request, known, spiffe_id);
    }

    v1::Response call_as(const v1::Request& request, const access::Recognition& known,
                         const std::string& spiffe_id) {
        auto context = std::make_shared<secrets::CallContext>();
        context->caller.session = known.session;
        context->record = std::make_shared<secrets::RequestRecord>();
        context->caller.rights = known.rights;
        context->caller.certificate = std::make_shared<const access::CertificateIdentity>(spiffe(spiffe_id));
        context->caller.listener = listener;
        context->caller.stored_listener = keeper->stored_listener(listener);
        context->deadline = patience();
        v1::Response response;
        response.set_id(7);
        secrets::OperationSet* set = service.get();
        if (sts_service->has(request.operation_case())) set = sts_service.get();
        test::run_coroutine(set->perform(context, std::make_shared<const v1::Request>(request), response));
        EXPECT_EQ(response.id(), 7U);
        return response;
    }

    Credential find(const std::string& access_key_id, std::optional<std::string> token = std::nullopt) {
        return test::run_coroutine(callers->find(access_key_id, std::move(token), patience()));
    }

    /// Through which calls come.
    std::string listener = "local";
    std::optional<SeenManifestFile> seen_file;
    std::shared_ptr<Alarms> alarms = std::make_shared<Alarms>();
    /// What the keeper told of its loads.
    std::shared_ptr<Alarms> readings = std::make_shared<Alarms>();
    std::shared_ptr<SealsThatGo> seals = std::make_shared<SealsThatGo>(environment->hsm->seals());
    MovedClock clock;
    sts::TokenAccessKeys access_keys{*environment->hsm, environment->hsm->master_keys().front().id};
    sts::SessionKeys session_keys{derived, clock};
    sts::SessionTokens tokens{session_keys};
    const sts::IdentityProviders providers{std::vector<sts::IdentityProvider>{}};
    std::unique_ptr<storage::Database> database;
    std::unique_ptr<DirectoryKeeper> keeper;
    std::unique_ptr<IamService> service;
    std::unique_ptr<sts::StsService> sts_service;
    std::unique_ptr<storage::AccessKeyRecorder> uses;
    std::unique_ptr<sts::Callers> callers;
};

class ServiceTest : public ::testing::Test {
protected:
    ServiceTest() {
        static int number = 0;
        name_ = "test" + std::to_string(++number);
        environment->server->copy_database("migrated", name_);
        node_ = std::make_unique<Node>(conninfo());
        EXPECT_EQ(first("admin"), "arn:aws:iam::111122223333:user/admin");
        wait_until([&] { return node_->recognise("spiffe://t/admin").rights != nullptr; });
    }

    [[nodiscard]] std::string conninfo() const { return environment->server->conninfo(name_); }
    std::string by_hand(const std::string& sql) { return environment->server->query(name_, sql); }

    std::string first(const std::string& name, bool recover = false) {
        return bootstrap(*node_->database, kAccount, name,
                         {IdentityKind::spiffe, "spiffe://t/" + name, std::nullopt}, recover,
                         Timestamp::from_millis(1'790'000'000'000), seen_, {}, patience());
    }

    static void wait_until(const std::function<bool()>& condition) {
        for (int i = 0; i < 6'000; ++i) {
            if (condition()) return;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        FAIL() << "not within a minute";
    }

    void user(const std::string& name) {
        v1::Request create;
        create.mutable_create_user()->set_user_name(name);
        static_cast<void>(node_->call(create));
        v1::Request add;
        add.mutable_add_user_identity()->set_user_name(name);
        add.mutable_add_user_identity()->mutable_identity()->set_kind("spiffe");
        add.mutable_add_user_identity()->mutable_identity()->set_value("spiffe://t/" + name);
        static_cast<void>(node_->call(add));
    }
    void attach(const std::string& name, const std::string& arn) {
        v1::Request request;
        request.mutable_attach_user_policy()->set_user_name(name);
        request.mutable_attach_user_policy()->set_policy_arn(arn);
        static_cast<void>(node_->call(request));
    }
    std::string policy(const std::string& name, const std::string& document) {
        v1::Request request;
        request.mutable_create_policy()->set_policy_name(name);
        request.mutable_create_policy()->set_policy_document(document);
        return node_->call(request).create_policy().policy().arn();
    }
    void put_listener_policy(const std::string& listener, const std::string& document) {
        v1::Request request;
        request.mutable_put_listener_policy()->set_listener_name(listener);
        request.mutable_put_listener_policy()->set_policy_document(document);
        static_cast<void>(node_->call(request));
    }
    static v1::Request list_users() {
        v1::Request request;
        request.mutable_list_users();
        return request;
    }
    std::string refusal(Node& node, const std::string& name) {
        return refusal_of([&] { static_cast<void>(node.call(list_users(), "spiffe://t/" + name)); });
    }

    /// Keeps what the tables have, and puts it back.
    void keep_tables() {
        by_hand(
            "CREATE TABLE old_manifest AS SELECT * FROM iam_manifest; CREATE TABLE old_rows AS SELECT * FROM "
            "iam_entities");
    }
    void put_tables_back() {
        by_hand(
            "BEGIN; TRUNCATE iam_entities; INSERT INTO iam_entities SELECT * FROM old_rows; DELETE FROM "
            "iam_manifest; INSERT INTO iam_manifest SELECT * FROM old_manifest; COMMIT");
    }

    std::string name_;
    std::optional<SeenManifest> seen_;
    std::unique_ptr<Node> node_;
};

TEST_F(ServiceTest, TheFirstAdministratorIsMadeOnce) {
    EXPECT_EQ(refusal(*node_, "admin"), "done");
    EXPECT_THROW(static_cast<void>(first("other")), Error);
    EXPECT_THROW(static_cast<void>(first("admin", true)), Error);
    EXPECT_EQ(first("rescue", true), "arn:aws:iam::111122223333:user/rescue");
}

TEST_F(ServiceTest, AChangeIsInForceWhenItIsAnswered) {
    user("alice");
    EXPECT_THAT(refusal(*node_, "alice"), HasSubstr("iam:ListUsers"));
    attach("alice", "arn:aws:iam::aws:policy/IAMReadOnlyAccess");
    EXPECT_EQ(refusal(*node_, "alice"), "done");
    EXPECT_THAT(node_->alarms->all(), IsEmpty());
}

TEST_F(ServiceTest, AndOnOtherNodesSoonAfter) {
    Node other(conninfo());
    user("alice");
    wait_until([&] { return other.recognise("spiffe://t/alice").rights != nullptr; });
    v1::Request disable;
    disable.mutable_disable_user()->set_user_name("alice");
    static_cast<void>(other.call(disable));
    wait_until([&] { return node_->recognise("spiffe://t/alice").refusal == "user 'alice' is disabled"; });
}

// The change is told once, and the next reread is a minute away: in which there are not as many tries.
TEST_F(ServiceTest, AChangeIsTakenOverSoonAfterATokenThatWasAwayIsBack) {
    Node other(conninfo());
    user("alice");
    wait_until([&] { return other.recognise("spiffe://t/alice").rights != nullptr; });
    other.seals->away = true;
    v1::Request disable;
    disable.mutable_disable_user()->set_user_name("alice");
    static_cast<void>(node_->call(disable));
    wait_until([&] { return other.keeper->load_pending(); });
    EXPECT_NE(other.recognise("spiffe://t/alice").rights, nullptr) << "what was there stays in force";
    wait_until([&] { return other.seals->refused >= 6; });
    other.seals->away = false;
    wait_until([&] { return other.recognise("spiffe://t/alice").refusal == "user 'alice' is disabled"; });
    wait_until([&] { return !other.keeper->load_pending(); });
    wait_until([&] { return other.readings->all().size() == 2; });
    EXPECT_THAT(other.readings->all(), ElementsAre("not read: the token cannot be used now", "read again"));
    EXPECT_THAT(other.alarms->all(), IsEmpty()) << "nothing was altered";
}

TEST_F(ServiceTest, AKnownRecognitionIsKeptUntilSomethingChanges) {
    access::Recognition known;
    node_->keeper->recognise(spiffe("spiffe://t/admin"), known);
    const auto rights = known.rights;
    node_->keeper->recognise(spiffe("spiffe://t/admin"), known);
    EXPECT_EQ(known.rights, rights);
    const auto generation = known.generation;
    user("alice");
    node_->keeper->recognise(spiffe("spiffe://t/admin"), known);
    EXPECT_GT(known.generation, generation);
}

TEST_F(ServiceTest, WhatIsChangedByHandGrantsNothing) {
    const auto limit = policy("no-list", deny("iam:ListUsers"));
    user("alice");
    user("bob");
    attach("alice", "arn:aws:iam::aws:policy/IAMReadOnlyAccess");
    attach("alice", limit);
    EXPECT_THAT(refusal(*node_, "alice"), HasSubstr("explicit deny"));
    // The explicit deny is deleted: she is refused everything instead.
    by_hand("DELETE FROM iam_entities WHERE kind = 'policy' AND name = 'no-list'");
    wait_until([&] { return node_->recognise("spiffe://t/alice").rights == nullptr; });
    EXPECT_THAT(node_->recognise("spiffe://t/alice").refusal, HasSubstr("is gone from the database"));
    // Her row is put back from before the deny was attached ... by copying bob's, who never had it.
    by_hand(
        "UPDATE iam_entities SET document = (SELECT document FROM iam_entities WHERE name = 'bob') WHERE "
        "name = 'alice'");
    wait_until([&] {
        return node_->recognise("spiffe://t/alice")
            .refusal.starts_with("user 'alice', who has it, was altered");
    });
    EXPECT_THAT(node_->alarms->all(), AllOf(Contains(HasSubstr("policy 'no-list' is gone")),
                                            Contains(HasSubstr("user 'alice' was altered"))));
    // Others go on, and an administrator can put it right.
    EXPECT_TRUE(node_->recognise("spiffe://t/bob").rights);
    v1::Request remove;
    remove.mutable_delete_user()->set_user_name("alice");
    static_cast<void>(node_->call(remove));
    user("alice");
    EXPECT_TRUE(node_->recognise("spiffe://t/alice").rights);
}

TEST_F(ServiceTest, YesterdaysRowIsNotBelieved) {
    user("alice");
    attach("alice", std::string(kAdministratorAccess));
    by_hand("CREATE TABLE yesterday AS SELECT * FROM iam_entities WHERE name = 'alice'");
    v1::Request detach;
    detach.mutable_detach_user_policy()->set_user_name("alice");
    detach.mutable_detach_user_policy()->set_policy_arn(std::string(kAdministratorAccess));
    static_cast<void>(node_->call(detach));
    by_hand(
        "DELETE FROM iam_entities WHERE name = 'alice'; INSERT INTO iam_entities SELECT * FROM yesterday");
    wait_until([&] { return node_->recognise("spiffe://t/alice").rights == nullptr; });
    Node fresh(conninfo());
    EXPECT_FALSE(fresh.recognise("spiffe://t/alice").rights);
    EXPECT_THAT(fresh.alarms->all(), Contains(HasSubstr("user 'alice' was altered")));
}

TEST_F(ServiceTest, ABrokenManifestLeavesARunningNodeWhatItHadAndANewOneNothing) {
    user("alice");
    by_hand("UPDATE iam_manifest SET entries = '[]'");
    wait_until([&] { return node_->keeper->distrust().has_value(); });
    EXPECT_TRUE(node_->recognise("spiffe://t/alice").rights);
    EXPECT_THAT(node_->alarms->all(), Contains(HasSubstr("table iam_manifest")));
    v1::Request create;
    create.mutable_create_user()->set_user_name("bob");
    EXPECT_THAT(refusal_of([&] { static_cast<void>(node_->call(create)); }),
                StartsWith("IntegrityFailureException"));
    v1::Request lint;
    lint.mutable_lint_policies();
    const auto findings = node_->call(lint).lint_policies();
    ASSERT_GT(findings.findings_size(), 0);
    EXPECT_EQ(findings.findings(0).code(), "DATABASE_NOT_BELIEVED");
    EXPECT_THAT(findings.findings(0).message(), HasSubstr("iam_manifest"));
    EXPECT_EQ(node_->keeper->nobody_known(), std::nullopt) << "what was in force stays";
    Node fresh(conninfo());
    EXPECT_THAT(fresh.recognise("spiffe://t/admin").refusal, HasSubstr("cannot be believed"));
    EXPECT_THAT(fresh.keeper->nobody_known().value_or(""), HasSubstr("table iam_manifest"));
    EXPECT_THROW(static_cast<void>(first("rescue", true)), IntegrityError);
}

TEST_F(ServiceTest, AManifestOlderThanSeenIsRefused) {
    keep_tables();
    user("alice");
    v1::Request disable;
    disable.mutable_disable_user()->set_user_name("alice");
    static_cast<void>(node_->call(disable));
    put_tables_back();
    wait_until([&] { return node_->keeper->distrust().has_value(); });
    EXPECT_THAT(*node_->keeper->distrust(), HasSubstr("put back to an earlier time"));
    EXPECT_EQ(node_->recognise("spiffe://t/alice").refusal, "user 'alice' is disabled");
    EXPECT_EQ(node_->keeper->nobody_known(), std::nullopt);
}

/// Nodes that keep what they have seen in a file, each of its own.
class SeenTest : public ServiceTest {
protected:
    SeenTest()
        : folder_(std::filesystem::temp_directory_path() / ("coffer-" + name_ + Uuid::random().text())) {
        std::filesystem::create_directory(folder_);
    }
    ~SeenTest() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] SeenManifestFile file() const { return SeenManifestFile(folder_ / "principals.seen"); }
    [[nodiscard]] std::string revision() { return by_hand("SELECT revision FROM iam_manifest"); }
    /// A change that a node with a file has seen, undone while no such node runs.
    void put_back_while_all_are_down() {
        keep_tables();
        user("alice");
        {
            Node node(conninfo(), file());
            EXPECT_TRUE(node.recognise("spiffe://t/alice").rights);
        }
        node_->keeper->close();
        put_tables_back();
    }

    const std::filesystem::path folder_;
};

TEST_F(SeenTest, EachNodeKeepsTheNewestManifest) {
    Node node(conninfo(), file());
    const auto kept = [&] { return file().load(); };
    ASSERT_TRUE(kept());
    EXPECT_EQ(std::to_string(kept()->revision), revision());
    user("alice");
    wait_until([&] { return std::to_string(kept()->revision) == revision(); });
    EXPECT_EQ(to_hex(kept()->seal), by_hand("SELECT encode(seal, 'hex') FROM iam_manifest"));
}

TEST_F(SeenTest, TablesPutBackWhileAllNodesWereDownAreRefusedAtTheNextStart) {
    put_back_while_all_are_down();
    Node restarted(conninfo(), file());
    EXPECT_THAT(restarted.recognise("spiffe://t/admin").refusal, HasSubstr("cannot be believed"));
    EXPECT_THAT(*restarted.keeper->distrust(),
                AllOf(HasSubstr("put back to an earlier time"), HasSubstr("cofferd accept-principals")));
    EXPECT_EQ(restarted.keeper->nobody_known(), restarted.keeper->distrust());
    // Reading it a second time makes it no better.
    by_hand("NOTIFY coffer_iam_changed");
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_FALSE(restarted.recognise("spiffe://t/admin").rights);
    // Nor does making an administrator on top of it.
    seen_ = file().load();
    EXPECT_THROW(static_cast<void>(first("rescue", true)), IntegrityError);
    // The right tables are believed again.
    by_hand("DELETE FROM iam_manifest; INSERT INTO iam_manifest (revision, entries) VALUES (0, '[]')");
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_FALSE(restarted.recognise("spiffe://t/admin").rights);
}

TEST_F(SeenTest, ARestoredBackupIsAcceptedByHand) {
    put_back_while_all_are_down();
    Node restarted(conninfo(), file());
    const auto seen = file().load();
    const auto state = stored_state(*restarted.database, seen, patience());
    EXPECT_TRUE(state.older);
    EXPECT_EQ(std::to_string(state.revision), revision());
    EXPECT_EQ(state.believed, 1U);  // the administrator
    EXPECT_THROW(
        static_cast<void>(accept_stored(*restarted.database, seen, state.revision + 1, {}, patience())),
        Error);
    EXPECT_FALSE(restarted.recognise("spiffe://t/admin").rights);
    const auto accepted = accept_stored(*restarted.database, seen, state.revision, {}, patience());
    EXPECT_EQ(accepted.revision, seen->revision + 1);
    wait_until([&] { return restarted.recognise("spiffe://t/admin").rights != nullptr; });
    EXPECT_FALSE(restarted.recognise("spiffe://t/alice").rights);
    EXPECT_FALSE(stored_state(*restarted.database, accepted, patience()).older);
    wait_until([&] { return file().load() == accepted; });
}

TEST_F(SeenTest, ADamagedFileRefusesUntilItIsPutRight) {
    { Node node(conninfo(), file()); }
    const auto good = file().load();
    {
        std::fstream out(file().path(), std::ios::in | std::ios::out);
        out.seekp(25);  // the revision, behind "coffer-principals-seen/1 "
        out.put('9');
    }
    EXPECT_THROW(static_cast<void>(file().load()), SeenManifestDamaged);
    Node node(conninfo(), file());
    EXPECT_FALSE(node.recognise("spiffe://t/admin").rights);
    EXPECT_THAT(*node.keeper->distrust(), HasSubstr("principals.seen is damaged"));
    file().save(*good);
    wait_until([&] { return node.recognise("spiffe://t/admin").rights != nullptr; });
}

TEST_F(ServiceTest, TrustComesBackWithTheRows) {
    user("alice");
    by_hand("CREATE TABLE good AS SELECT * FROM iam_manifest");
    by_hand("DELETE FROM iam_manifest");
    wait_until([&] { return node_->keeper->distrust().has_value(); });
    by_hand("INSERT INTO iam_manifest SELECT * FROM good");
    wait_until([&] { return !node_->keeper->distrust().has_value(); });
    EXPECT_EQ(refusal(*node_, "admin"), "done");
}

TEST_F(ServiceTest, AListenersPolicyIsInForceOnAllNodes) {
    Node other(conninfo());
    put_listener_policy("public", for_everybody("Allow", "secretsmanager:*"));
    ASSERT_TRUE(node_->keeper->stored_listener("public").policy);
    EXPECT_FALSE(node_->keeper->stored_listener("local").policy);
    wait_until([&] { return other.keeper->stored_listener("public").policy != nullptr; });
    other.listener = "public";
    EXPECT_THAT(refusal(other, "admin"),
                HasSubstr("because no VPC endpoint policy allows the iam:ListUsers"));
    other.listener = "local";
    EXPECT_EQ(refusal(other, "admin"), "done");
}

TEST_F(ServiceTest, AListenersPolicyThatIsChangedByHandClosesTheListener) {
    put_listener_policy("public", for_everybody("Deny", "secretsmanager:DeleteSecret"));
    by_hand("DELETE FROM iam_entities WHERE kind = 'listener'");
    const auto refusal_now = [&] { return node_->keeper->stored_listener("public").refusal; };
    wait_until([&] { return !refusal_now().empty(); });
    EXPECT_EQ(refusal_now(), "the policy of listener 'public' is gone from the database");
    EXPECT_THAT(node_->alarms->all(), Contains(HasSubstr("listener 'public' is gone")));
    // From the machine, when there is no other listener to come through.
    remove_listener_policy(*node_->database, "public", std::nullopt, {}, patience());
    wait_until([&] { return refusal_now().empty(); });
    EXPECT_THROW(remove_listener_policy(*node_->database, "public", std::nullopt, {}, patience()), Error);
}

TEST_F(ServiceTest, NobodyClosesHisOwnListenerBehindHim) {
    node_->listener = "public";
    const auto put = [&](const std::string& document) {
        return refusal_of([&] { put_listener_policy("public", document); });
    };
    EXPECT_THAT(put(for_everybody("Allow", "secretsmanager:*")), HasSubstr("would lock you out"));
    EXPECT_FALSE(node_->keeper->stored_listener("public").policy);
    EXPECT_EQ(put(for_everybody("Allow", "coffer:*")), "done");
    EXPECT_THAT(refusal(*node_, "admin"), HasSubstr("VPC endpoint policy"));
    // What is in force for the listener does not keep others from being changed.
    v1::Request remove;
    remove.mutable_delete_listener_policy()->set_listener_name("public");
    static_cast<void>(node_->call(remove));
    EXPECT_EQ(refusal(*node_, "admin"), "done");
    // Through another one whatever is wanted may be put.
    node_->listener = "local";
    EXPECT_EQ(put(for_everybody("Deny", "*")), "done");
}

TEST_F(ServiceTest, NobodyLocksHimselfOut) {
    user("alice");
    v1::Request pattern;
    pattern.mutable_add_user_identity()->set_user_name("alice");
    pattern.mutable_add_user_identity()->mutable_identity()->set_kind("subject");
    pattern.mutable_add_user_identity()->mutable_identity()->set_value(
        "CN=*");  // matches the administrator's as well
    EXPECT_THAT(refusal_of([&] { static_cast<void>(node_->call(pattern)); }),
                AllOf(HasSubstr("would lock you out"), HasSubstr("user 'admin' and user 'alice'")));
    v1::Request disable;
    disable.mutable_disable_user()->set_user_name("admin");
    EXPECT_THAT(refusal_of([&] { static_cast<void>(node_->call(disable)); }),
                HasSubstr("would lock you out"));
    // A dry run tells the same, and what would change.
    v1::Request apply;
    auto& dry = *apply.mutable_apply_access_configuration();
    dry.set_dry_run(true);
    auto& everybody = *dry.mutable_configuration()->add_users();
    everybody.set_user_name("everybody");
    *everybody.add_identities() = pattern.add_user_identity().identity();
    const auto answer = node_->call(apply).apply_access_configuration();
    EXPECT_EQ(answer.changes_size(), 1);
    EXPECT_THAT(answer.would_be_refused(), HasSubstr("would lock you out"));
    dry.set_dry_run(false);
    EXPECT_THAT(refusal_of([&] { static_cast<void>(node_->call(apply)); }), HasSubstr("would lock you out"));
    // A new name is no other principal.
    v1::Request rename;
    rename.mutable_update_user()->set_user_name("admin");
    rename.mutable_update_user()->set_new_user_name("chief");
    static_cast<void>(node_->call(rename));
    EXPECT_EQ(refusal(*node_, "admin"), "done");
}

TEST_F(ServiceTest, ConcurrentChangesOfSeveralNodesAllTakeEffect) {
    Node other(conninfo());
    wait_until([&] { return other.recognise("spiffe://t/admin").rights != nullptr; });
    const auto make = [](Node& node, const std::string& prefix) {
        for (int i = 0; i < 10; ++i) {
            v1::Request create;
            create.mutable_create_group()->set_group_name(prefix + std::to_string(i));
            static_cast<void>(node.call(create));
        }
    };
    std::thread second([&] { make(other, "b"); });
    make(*node_, "a");
    second.join();
    wait_until([&] { return node_->keeper->directory()->records().groups.size() == 20; });
    EXPECT_THAT(node_->alarms->all(), IsEmpty());
    EXPECT_THAT(other.alarms->all(), IsEmpty());
}

TEST_F(ServiceTest, ADryRunChangesNothing) {
    const auto before = by_hand("SELECT revision FROM iam_manifest");
    v1::Request apply;
    apply.mutable_apply_access_configuration()->set_dry_run(true);
    apply.mutable_apply_access_configuration()->mutable_configuration()->add_groups()->set_group_name("g");
    const auto answer = node_->call(apply).apply_access_configuration();
    EXPECT_EQ(answer.changes_size(), 1);
    EXPECT_FALSE(answer.has_would_be_refused());
    EXPECT_EQ(by_hand("SELECT revision FROM iam_manifest"), before);
    apply.mutable_apply_access_configuration()->set_dry_run(false);
    EXPECT_EQ(node_->call(apply).apply_access_configuration().revision(), 2);
    EXPECT_EQ(node_->call(apply).apply_access_configuration().changes_size(), 0);
    EXPECT_EQ(by_hand("SELECT revision FROM iam_manifest"), "2");
}

/// Access that nobody used, by counts of requests that the test makes up.
class UnusedTest : public ServiceTest {
protected:
    UnusedTest() {
        user("alice");
        user("bob");
        v1::Request put;
        put.mutable_put_user_policy()->set_user_name("alice");
        put.mutable_put_user_policy()->set_policy_name("own");
        put.mutable_put_user_policy()->set_policy_document(
            R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["secretsmanager:GetSecretValue",)"
            R"("secretsmanager:DescribeSecret","secretsmanager:PutSecretValue","kms:Decrypt"],"Resource":"*"}]})");
        static_cast<void>(node_->call(put));
        v1::Request role;
        role.mutable_create_role()->set_role_name("app");
        role.mutable_create_role()->set_assume_role_policy_document(trust());
        static_cast<void>(node_->call(role));
        node_->clock.advance_days(200);
        user("newcomer");
    }
    void counted(int days_ago, const std::string& principal, const std::string& operation, int count,
                 int errors = 0) {
        by_hand("INSERT INTO usage_requests VALUES (" + day(days_ago) + ", 'n', '" + principal + "', '" +
                operation + "', " + std::to_string(count) + ", " + std::to_string(errors) + ")");
    }
    /// That day as SQL has it.
    [[nodiscard]] std::string day(int days_ago) const {
        return "date '1970-01-01' + " + std::to_string(node_->clock.now().millis() / 86'400'000 - days_ago);
    }
    v1::LintPoliciesResponse lint() {
        v1::Request request;
        request.mutable_lint_policies()->set_unused_days(90);
        return node_->call(request).lint_policies();
    }
    /// "CODE MESSAGE" of what is said of the user or role; empty for nothing.
    static std::string said_of(const v1::LintPoliciesResponse& response, const std::string& arn) {
        for (const auto& finding : response.findings()) {
            if (finding.policy() == arn) return finding.code() + " " + finding.message();
        }
        return {};
    }
    const std::string alice_ = "arn:aws:iam::111122223333:user/alice";
    const std::string bob_ = "arn:aws:iam::111122223333:user/bob";
};

TEST_F(UnusedTest, IsFoundByPrincipalAndAction) {
    counted(150, "(nobody)", "GetSecretValue", 1);
    counted(89, alice_, "GetSecretValue", 5, 4);
    counted(10, alice_, "DescribeSecret", 3, 3);  // never served
    counted(91, alice_, "PutSecretValue", 7);     // too long ago
    counted(100, bob_, "GetSecretValue", 7);
    counted(5, "arn:aws:iam::111122223333:role/app", "GetSecretValue", 1);
    const auto found = lint();
    EXPECT_EQ(said_of(found, alice_),
              "UNUSED_ACTIONS Its policies allow 2 actions that it did not use in the last 90 days: "
              "secretsmanager:DescribeSecret, secretsmanager:PutSecretValue.");
    EXPECT_EQ(said_of(found, bob_), "UNUSED_PRINCIPAL It was served nothing in the last 90 days.");
    EXPECT_EQ(said_of(found, "arn:aws:iam::111122223333:role/app"), "");
    EXPECT_EQ(said_of(found, "arn:aws:iam::111122223333:user/newcomer"), "");
    EXPECT_EQ(std::to_string(static_cast<std::int64_t>(found.used_since()) / 86'400),
              by_hand("SELECT " + day(150) + " - date '1970-01-01'"));
}

TEST_F(UnusedTest, SaysSinceWhenThereAreCounts) {
    EXPECT_THAT(said_of(lint(), "usage"), StartsWith("NO_USE_COUNTED"));
    EXPECT_FALSE(lint().has_used_since());
    counted(10, "(others)", "GetSecretValue", 1);
    const auto found = lint();
    EXPECT_EQ(said_of(found, bob_), "UNUSED_PRINCIPAL It was served nothing since " +
                                        by_hand("SELECT " + day(10)) + ", when counting began.");
    EXPECT_THAT(said_of(found, "usage"), StartsWith("USE_NOT_ALL_COUNTED"));
    v1::Request plain;
    plain.mutable_lint_policies();
    EXPECT_EQ(node_->call(plain).lint_policies().findings_size(), 0);
}

/// Own policies of secrets, which the test stores.
class SecretLintTest : public ServiceTest {
protected:
    static std::string arn(const std::string& name) {
        return "arn:aws:secretsmanager:eu-test-1:111122223333:secret:" + name + "-Qw34Er";
    }
    /// Without `ids` as before there were any.
    void secret(const std::string& name, const std::optional<std::string>& policy, bool deleted = false,
                const PrincipalIds& ids = {}) {
        storage::StoredSecret made;
        made.id = storage::SecretId(Uuid::random());
        made.name = name;
        made.arn = arn(name);
        made.created = made.last_changed = Timestamp::from_millis(1'790'000'000'000);
        made.resource_policy = policy;
        made.policy_principals = ids;
        if (deleted) made.deleted = made.purge_due = made.created;
        EXPECT_TRUE(wait_for<bool>([&](Completion<bool> done) {
            node_->database->write<bool>(
                {Priority::write, patience()},
                [made](storage::WriteTransaction& tx) {
                    return storage::SecretRepository::insert(tx, made, {});
                },
                std::move(done));
        }));
    }
    /// One statement, about this account unless `principal` says otherwise.
    static std::string own(const std::string& elements,
                           const std::string& principal = R"({"AWS":"111122223333"})") {
        return R"({"Version":"2012-10-17","Statement":[{"Sid":"Own","Principal":)" + principal + "," +
               elements + "}]}";
    }
    v1::LintPoliciesResponse page(const std::string& marker, std::int64_t secrets) {
        v1::Request request;
        if (!marker.empty()) request.mutable_lint_policies()->set_marker(marker);
        request.mutable_lint_policies()->set_max_items(secrets);
        return node_->call(request).lint_policies();
    }
    [[nodiscard]] std::string user_id(const std::string& name) const {
        return node_->keeper->directory()->records().find<User>(name)->id;
    }
    /// "SECRET SID CODE" of each finding about a secret, of all pages.
    std::vector<std::string> lint(std::int64_t secrets_of_page = 200) {
        std::vector<std::string> found;
        std::string marker;
        do {
            const auto answer = page(marker, secrets_of_page);
            for (const auto& finding : answer.findings()) {
                found.push_back(finding.policy() + " " + finding.sid() + " " + finding.code());
                said_ += finding.message() + "\n";
            }
            marker = answer.marker();
            EXPECT_EQ(answer.is_truncated(), !marker.empty());
        } while (!marker.empty());
        return found;
    }
    std::string said_;
};

TEST_F(SecretLintTest, EachFindingNamesTheSecretAndTheStatement) {
    user("alice");
    const std::string read = R"("Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":)";
    const std::string about_alice = own(read + R"("*")", R"({"AWS":"arn:aws:iam::111122223333:user/alice"})");
    const std::string alice_arn = "arn:aws:iam::111122223333:user/alice";
    secret("good", about_alice, false, {{alice_arn, user_id("alice")}});
    secret("none", std::nullopt);
    secret("going", own(read + R"("*")", R"("*")"), true);
    EXPECT_THAT(lint(), IsEmpty());
    secret("action", own(R"("Effect":"Deny","Action":"secretsmanager:GetSecret","Resource":"*")"));
    secret("key", own(R"("Effect":"Deny","Action":"secretsmanager:GetSecretValue","Resource":"*",)"
                      R"("Condition":{"StringEquals":{"aws:NoSuchKey":"x"}})"));
    secret("name", own(read + R"("*")", R"({"AWS":"arn:aws:iam::111122223333:user/alicia"})"));
    secret("id", own(read + R"("*")", R"({"AWS":"AIDAAAAAAAAAAAAAAAAAA"})"));
    secret("other", own(read + "\"" + arn("good") + "\""));
    secret("public", own(read + R"("*")", R"("*")"));
    secret(
        "shadow",
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"},)"
        R"({"Sid":"Own","Effect":"Allow","Principal":{"AWS":"111122223333"},)"
        R"("Action":"secretsmanager:GetSecretValue","Resource":"*"}]})");
    EXPECT_THAT(lint(),
                ElementsAre(arn("action") + " Own INVALID_ACTION", arn("id") + " Own UNKNOWN_PRINCIPAL",
                            arn("key") + " Own INVALID_CONDITION_KEY", arn("name") + " Own UNKNOWN_PRINCIPAL",
                            arn("other") + " Own OTHER_SECRET", arn("public") + " Own PUBLIC_ACCESS",
                            arn("shadow") + " Own SHADOWED_ALLOW"));
    EXPECT_THAT(said_,
                HasSubstr("There is no arn:aws:iam::111122223333:user/alicia: whoever is made under that "
                          "name is allowed this"));
    EXPECT_THAT(said_, HasSubstr("Nobody has the unique id AIDAAAAAAAAAAAAAAAAAA"));
    // A user who is made again has another id.
    v1::Request get;
    get.mutable_get_user()->set_user_name("alice");
    const auto id = node_->call(get).get_user().user().user_id();
    ASSERT_THAT(id, StartsWith("AIDA"));
    secret("alice", own(read + R"("*")", R"({"AWS":")" + id + "\"}"));
    EXPECT_THAT(lint(), ::testing::Not(Contains(StartsWith(arn("alice")))));
    // Whom a policy means.
    secret("by-name", about_alice);
    secret("gone", about_alice, false, {{alice_arn, "AIDAGONE"}});
    secret("nobody", about_alice, false, {{alice_arn, ""}});
    const auto found = lint();
    EXPECT_THAT(found, Contains(arn("by-name") + " Own PRINCIPAL_BY_NAME"));
    EXPECT_THAT(found, Contains(arn("gone") + " Own UNKNOWN_PRINCIPAL"));
    EXPECT_THAT(found, Contains(arn("nobody") + " Own PRINCIPAL_NOT_BOUND"));
    EXPECT_THAT(said_,
                HasSubstr("Who was " + alice_arn +
                          " when the policy was put, AIDAGONE, is gone: the principal matches nobody"));
}

// bob's policies name secrets that are not there: what he may make is shown all the same.
TEST_F(SecretLintTest, SecretsThatMayBeMadeAreInWhatSomebodyCan) {
    user("bob");
    attach("bob",
           policy("make", R"({"Version":"2012-10-17","Statement":[{"Sid":"Make","Effect":"Allow","Action":)"
                          R"(["secretsmanager:CreateSecret","secretsmanager:GetSecretValue"],"Resource":[)"
                          R"("arn:aws:secretsmanager:*:111122223333:secret:new/*",)"
                          R"("arn:aws:secretsmanager:*:*:secret:${aws:username}/*",)"
                          R"("arn:aws:secretsmanager:*:999999999999:secret:foreign/*"]},)"
                          R"({"Effect":"Deny","Action":"*","Resource":)"
                          R"("arn:aws:secretsmanager:*:*:secret:new/root*"}]})"));
    const auto can = [&](const std::vector<std::string>& resources) {
        v1::Request request;
        request.mutable_what_can()->set_policy_source_arn("bob");
        for (const auto& resource : resources) request.mutable_what_can()->add_resources(resource);
        std::vector<std::string> out;
        const auto answer = node_->call(request);
        for (const auto& grant : answer.what_can().grants()) {
            const auto name = grant.resource().substr(grant.resource().rfind(':') + 1);
            out.push_back(grant.action().substr(grant.action().find(':') + 1) + " " + name);
        }
        return out;
    };
    EXPECT_THAT(can({}), ElementsAre("CreateSecret bob/*", "CreateSecret new/*"));
    EXPECT_THAT(can({"new/1"}), ElementsAre("CreateSecret new/1-??????"));
    EXPECT_THAT(can({"new/root"}), IsEmpty());
    EXPECT_THAT(can({"old/1"}), IsEmpty());
    // Once it is there, it can be read and not made.
    secret("new/1", std::nullopt);
    const auto there = arn("new/1");
    EXPECT_THAT(can({"new/1"}), ElementsAre("GetSecretValue " + there.substr(there.rfind(':') + 1)));
    EXPECT_THAT(can({}), ElementsAre("CreateSecret bob/*", "CreateSecret new/*",
                                     "GetSecretValue " + there.substr(there.rfind(':') + 1)));
    // A boundary that says less says what can be made.
    attach("bob", policy("all", allow("secretsmanager:*")));
    v1::Request bound;
    bound.mutable_put_user_permissions_boundary()->set_user_name("bob");
    bound.mutable_put_user_permissions_boundary()->set_permissions_boundary(policy(
        "edge", R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":)"
                R"("secretsmanager:CreateSecret","Resource":"arn:aws:secretsmanager:*:*:secret:edge/*"}})"));
    static_cast<void>(node_->call(bound));
    EXPECT_THAT(can({}), ElementsAre("CreateSecret edge/*"));
}

TEST_F(SecretLintTest, ComesInPages) {
    const auto everybody =
        own(R"("Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*")", R"("*")");
    std::vector<std::string> expected;
    for (const char name : {'a', 'b', 'c', 'd', 'e'}) {
        secret(std::string(1, name), everybody);
        secret(std::string(1, name) + "-without", std::nullopt);
        expected.push_back(arn(std::string(1, name)) + " Own PUBLIC_ACCESS");
    }
    for (const int secrets_of_page : {1, 2, 4, 5, 6}) {
        EXPECT_THAT(lint(secrets_of_page), ::testing::ElementsAreArray(expected)) << secrets_of_page;
    }
    const auto first = page("", 2);
    EXPECT_EQ(first.findings_size(), 2);
    EXPECT_TRUE(first.is_truncated());
    // What goes and comes between two pages moves nothing else.
    by_hand("DELETE FROM secrets WHERE name = 'b'");
    const auto second = page(first.marker(), 2);
    ASSERT_EQ(second.findings_size(), 2);
    EXPECT_EQ(second.findings(0).policy(), arn("c"));
    EXPECT_THAT(refusal_of([&] { static_cast<void>(page("c", 2)); }), StartsWith("InvalidInput: Marker"));
}

// 512 KiB of findings end a page early.
TEST_F(SecretLintTest, PagesEndBeforeTheyAreTooLong) {
    std::string actions;
    for (int i = 0; i < 700; ++i) actions += (i == 0 ? "\"s3:a" : ",\"s3:a") + std::to_string(i) + "\"";
    for (int i = 0; i < 9; ++i) {
        secret("long" + std::to_string(i),
               own(R"("Effect":"Deny","Resource":"*","Action":[)" + actions + "]"));
    }
    const auto first = page("", 1000);
    EXPECT_TRUE(first.is_truncated());
    EXPECT_LT(first.ByteSizeLong(), std::size_t{1024} * 1024);
    EXPECT_THAT(lint(1000), ::testing::SizeIs(9 * 700));
}

TEST_F(SecretLintTest, ARowThatWasAlteredIsNamedAndNotBelieved) {
    const auto deny = own(R"("Effect":"Deny","Action":"secretsmanager:DeleteSecret","Resource":"*")");
    secret("a", deny);
    secret("b", deny);
    secret("c", deny);
    by_hand(
        "UPDATE secrets SET resource_policy = replace(resource_policy, 'Deny', 'Allow') WHERE name = 'b'");
    by_hand("UPDATE secrets SET tags = '[7]' WHERE name = 'c'");
    EXPECT_THAT(lint(), ElementsAre("secret 'b'  NOT_BELIEVED", "secret 'c'  NOT_BELIEVED"));
    EXPECT_THAT(said_, HasSubstr("the seal of secret 'b' does not match"));
    EXPECT_THAT(node_->alarms->all(), Contains(HasSubstr("secret 'b'")));
}

// As WhoCan: the right to lint, and no right to the secrets.
TEST_F(SecretLintTest, WhoMayLintSeesThePoliciesOfAllSecrets) {
    user("auditor");
    secret("open",
           own(R"("Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*")", R"("*")"));
    v1::Request request;
    request.mutable_lint_policies();
    EXPECT_THAT(refusal_of([&] { static_cast<void>(node_->call(request, "spiffe://t/auditor")); }),
                HasSubstr("coffer:LintPolicies"));
    attach("auditor", policy("lint", allow("coffer:LintPolicies")));
    const auto found = node_->call(request, "spiffe://t/auditor").lint_policies();
    ASSERT_EQ(found.findings_size(), 1);
    EXPECT_EQ(found.findings(0).policy(), arn("open"));
    EXPECT_EQ(found.findings(0).line(), 1);
    EXPECT_EQ(found.findings(0).statement(), 1);
}

/// Policies that name users and roles, and what becomes of those.
class NamingTest : public SecretLintTest {
protected:
    static std::string user_arn(const std::string& name) { return "arn:aws:iam::111122223333:user/" + name; }
    /// A secret's own policy; `element` is Principal or NotPrincipal.
    static std::string about(const std::string& principal, const std::string& effect = "Allow",
                             const std::string& element = "Principal") {
        return R"({"Version":"2012-10-17","Statement":[{"Effect":")" + effect + R"(",")" + element +
               R"(":{"AWS":")" + principal +
               R"("},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]})";
    }
    void role(const std::string& name, const std::string& trusted) {
        v1::Request request;
        request.mutable_create_role()->set_role_name(name);
        request.mutable_create_role()->set_assume_role_policy_document(trusting(trusted));
        static_cast<void>(node_->call(request));
    }
    static std::string trusting(const std::string& trusted) {
        return R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":")" + trusted +
               R"("},"Action":"sts:AssumeRole"}]})";
    }
    /// What whoever may do nothing but rename users is told.
    std::string rename(const std::string& from, const std::string& to, const std::string& caller = "helper") {
        v1::Request request;
        request.mutable_update_user()->set_user_name(from);
        request.mutable_update_user()->set_new_user_name(to);
        return refusal_of([&] { static_cast<void>(node_->call(request, "spiffe://t/" + caller)); });
    }
    void helper(const std::string& name) {
        user(name);
        attach(name, renaming_.empty() ? renaming_ = policy("renaming", allow("iam:UpdateUser")) : renaming_);
    }
    [[nodiscard]] bool there(const std::string& name) const {
        return node_->keeper->directory()->records().find<User>(name) != nullptr;
    }
    static v1::Request assuming(const std::string& role) {
        v1::Request request;
        request.mutable_assume_role()->set_role_arn("arn:aws:iam::111122223333:role/" + role);
        request.mutable_assume_role()->set_role_session_name("one");
        return request;
    }
    /// What the owner of a certificate is told who assumes a role, by a session's token where there is one.
    std::string assume(const std::string& role, const std::string& owner, const std::string& token = {}) {
        return refusal_of([&] {
            const auto spiffe_id = "spiffe://t/" + owner;
            if (token.empty()) {
                static_cast<void>(node_->call(assuming(role), spiffe_id));
            } else {
                static_cast<void>(node_->call_in_session(assuming(role), token, spiffe_id));
            }
        });
    }
    std::string session_of(const std::string& role, const std::string& owner) {
        return node_->call(assuming(role), "spiffe://t/" + owner).assume_role().credentials().session_token();
    }
    /// Who can read a secret, but for the administrator.
    std::vector<std::string> readers(const std::string& name) {
        v1::Request request;
        request.mutable_who_can()->set_action("GetSecretValue");
        request.mutable_who_can()->set_resource(name);
        std::vector<std::string> found;
        const auto answer = node_->call(request);
        for (const auto& grant : answer.who_can().grants()) {
            if (grant.principal() != user_arn("admin")) found.push_back(grant.principal());
        }
        return found;
    }
    std::string simulated(const std::string& user, const std::string& name) {
        v1::Request request;
        auto& simulate = *request.mutable_simulate_principal_policy();
        simulate.set_policy_source_arn(user);
        simulate.add_action_names("GetSecretValue");
        simulate.add_resource_arns(name);
        return node_->call(request).simulate_principal_policy().evaluation_results(0).eval_decision();
    }
    google::protobuf::RepeatedPtrField<std::string> create(const std::string& name) {
        v1::Request request;
        request.mutable_create_user()->set_user_name(name);
        return node_->call(request).create_user().warnings();
    }
    google::protobuf::RepeatedPtrField<std::string> remove(const std::string& name) {
        v1::Request request;
        request.mutable_delete_user()->set_user_name(name);
        return node_->call(request).delete_user().warnings();
    }
    std::string renaming_;
};

TEST_F(NamingTest, NobodyTakesOverWhatIsGrantedToAName) {
    helper("helper");
    secret("sec/b", about(user_arn("carol")));
    role("rr", user_arn("carol"));
    EXPECT_EQ(
        rename("helper", "carol"),
        "DeleteConflict: Cannot rename user/helper to user/carol: policies name "
        "arn:aws:iam::111122223333:user/carol: the resource policy of secret sec/b. They follow the ARN, "
        "not the user, so they would hold for this user then. Remove the principal from them first.");
    EXPECT_TRUE(there("helper"));
    EXPECT_FALSE(there("carol"));
    EXPECT_THAT(assume("rr", "helper"), StartsWith("AccessDenied"));
    // Whoever may do everything gets no further: the policies are to be changed, not passed by.
    EXPECT_THAT(rename("helper", "carol", "admin"), StartsWith("DeleteConflict"));
    by_hand("DELETE FROM secrets WHERE name = 'sec/b'");
    // What the role's policy says is nobody's, whoever gets the name.
    EXPECT_EQ(rename("helper", "carol"), "done");
    EXPECT_TRUE(there("carol"));
    EXPECT_THAT(assume("rr", "helper"), StartsWith("AccessDenied"));
}

TEST_F(NamingTest, WhomPoliciesMeanMayBeRenamedAndLeavesNothingBehind) {
    user("carol");
    const auto carol = user_id("carol");
    role("rr", user_arn("carol"));
    secret("sec/b", about(user_arn("carol")), false, {{user_arn("carol"), carol}});
    secret("sec/d", about(user_arn("carol"), "Deny"), false, {{user_arn("carol"), carol}});
    EXPECT_EQ(assume("rr", "carol"), "done");
    EXPECT_THAT(readers("sec/b"), ElementsAre(user_arn("carol")));
    EXPECT_EQ(rename("carol", "caroline", "admin"), "done");
    EXPECT_EQ(assume("rr", "carol"), "done") << "by the same certificate";
    EXPECT_THAT(readers("sec/b"), ElementsAre(user_arn("caroline")));
    EXPECT_EQ(simulated("caroline", "sec/b"), "allowed");
    EXPECT_EQ(simulated("caroline", "sec/d"), "explicitDeny");
    // Another of the name.
    EXPECT_THAT(create("carol"), IsEmpty());
    EXPECT_EQ(simulated("carol", "sec/b"), "implicitDeny");
    EXPECT_EQ(simulated("carol", "sec/d"), "implicitDeny");
    EXPECT_THAT(readers("sec/b"), ElementsAre(user_arn("caroline")));
    EXPECT_THAT(remove("carol"), IsEmpty());
    v1::Request identity;
    identity.mutable_remove_user_identity()->set_user_name("caroline");
    identity.mutable_remove_user_identity()->mutable_identity()->set_kind("spiffe");
    identity.mutable_remove_user_identity()->mutable_identity()->set_value("spiffe://t/carol");
    static_cast<void>(node_->call(identity));
    EXPECT_THAT(remove("caroline"), IsEmpty());
    user("carol");
    EXPECT_NE(user_id("carol"), carol);
    EXPECT_THAT(assume("rr", "carol"), StartsWith("AccessDenied"));
    EXPECT_THAT(readers("sec/b"), IsEmpty());
    v1::Request get;
    get.mutable_get_role()->set_role_name("rr");
    EXPECT_EQ(node_->call(get).get_role().role().assume_role_policy_document(), trusting(carol));
}

// Whoever can write in the database cannot make a policy mean himself.
TEST_F(NamingTest, WhomATrustPolicyMeansIsSealed) {
    user("carol");
    user("eve");
    role("rr", user_arn("carol"));
    EXPECT_THAT(assume("rr", "eve"), StartsWith("AccessDenied"));
    by_hand("UPDATE iam_entities SET document = replace(document, '" + user_id("carol") + "', '" +
            user_id("eve") + "') WHERE kind = 'role' AND name = 'rr'");
    wait_until([&] { return node_->keeper->directory()->records().find<Role>("rr") == nullptr; });
    EXPECT_THAT(assume("rr", "eve"), StartsWith("AccessDenied"));
    EXPECT_THAT(assume("rr", "carol"), StartsWith("AccessDenied"));
}

TEST_F(NamingTest, ARoleThatIsMadeAgainIsAnotherForPolicies) {
    user("carol");
    role("app", user_arn("carol"));
    const auto app_arn = "arn:aws:iam::111122223333:role/app";
    role("rr", app_arn);
    EXPECT_EQ(assume("rr", "carol", session_of("app", "carol")), "done");
    v1::Request remove_app;
    remove_app.mutable_delete_role()->set_role_name("app");
    EXPECT_THAT(node_->call(remove_app).delete_role().warnings(), IsEmpty());
    role("app", user_arn("carol"));
    EXPECT_THAT(assume("rr", "carol", session_of("app", "carol")), StartsWith("AccessDenied"));
    v1::Request again;
    again.mutable_update_assume_role_policy()->set_role_name("rr");
    again.mutable_update_assume_role_policy()->set_policy_document(trusting(app_arn));
    static_cast<void>(node_->call(again));
    EXPECT_EQ(assume("rr", "carol", session_of("app", "carol")), "done");
}

TEST_F(NamingTest, NobodyShedsWhatIsDeniedToHim) {
    helper("tail1");
    secret("sec/a", about(user_arn("tail1"), "Deny"));
    EXPECT_THAT(rename("tail1", "tail1b", "tail1"),
                AllOf(StartsWith("DeleteConflict"), HasSubstr("the resource policy of secret sec/a"),
                      HasSubstr("not hold for this user any more")));
    EXPECT_TRUE(there("tail1"));
    // Another path is another ARN.
    v1::Request move;
    move.mutable_update_user()->set_user_name("tail1");
    move.mutable_update_user()->set_new_path("/x/");
    EXPECT_THAT(refusal_of([&] { static_cast<void>(node_->call(move, "spiffe://t/tail1")); }),
                StartsWith("DeleteConflict: Cannot rename user/tail1 to user/x/tail1"));
    move.mutable_update_user()->set_new_path("/");
    EXPECT_EQ(refusal_of([&] { static_cast<void>(node_->call(move, "spiffe://t/tail1")); }), "done")
        << "the ARN that it has";
}

// However a policy spells it, and also where it only sleeps.
TEST_F(NamingTest, EveryPlaceOfAPrincipalCounts) {
    helper("helper");
    auto listed = about(user_arn("bob") + R"(",")" + user_arn("carol"));
    listed.replace(listed.find(R"({"AWS":)"), 7, R"({"AWS":[)");
    listed.replace(listed.find("},\"Action"), 1, "]}");
    const std::vector<std::pair<std::string, std::string>> policies{
        {"not", about(user_arn("carol"), "Deny", "NotPrincipal")},
        {"escaped", about(R"(arn:aws:iam::111122223333:user\/\u0063arol)")},
        {"listed", listed}};
    for (const auto& [name, text] : policies) {
        secret(name, text);
        EXPECT_THAT(rename("helper", "carol"), HasSubstr("the resource policy of secret " + name)) << text;
        by_hand("DELETE FROM secrets");
    }
    secret("going", about(user_arn("carol")), true);
    EXPECT_THAT(rename("helper", "carol"), HasSubstr("secret going")) << "it can be restored";
    by_hand("DELETE FROM secrets");
    auto doors = for_everybody("Allow", "*");
    doors.replace(doors.find(R"("Principal":"*")"), 15,
                  R"("Principal":{"AWS":")" + user_arn("carol") + "\"}");
    put_listener_policy("doors", doors);
    EXPECT_THAT(rename("helper", "carol"), HasSubstr("the policy of listener doors"));
}

TEST_F(NamingTest, OthersAreRenamedAsBefore) {
    helper("helper");
    user("carol");
    secret("a", about(user_arn("carol")));
    secret("longer", about(user_arn("carolina")));
    secret("other-case", about(user_arn("Caro")));
    secret("condition",
           own(R"("Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*","Condition":)"
               R"({"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/caro"}})"));
    role("rr", user_arn("carol"));
    EXPECT_EQ(rename("helper", "caro"), "done");
    EXPECT_EQ(rename("caro", "tom"), "done");
}

TEST_F(NamingTest, FiveAreNamed) {
    helper("helper");
    for (const char name : {'a', 'b', 'c', 'd', 'e', 'f'})
        secret(std::string(1, name), about(user_arn("carol")));
    EXPECT_THAT(rename("helper", "carol"),
                HasSubstr("secret d, the resource policy of secret e and others. "));
    by_hand("DELETE FROM secrets WHERE name = 'f'");
    EXPECT_THAT(rename("helper", "carol"), HasSubstr("the resource policy of secret e. "));
}

// It may be put back as it was, and hold then for whoever has the name.
TEST_F(NamingTest, WhatIsNotBelievedStandsInTheWayAsWell) {
    helper("helper");
    secret("s", about(user_arn("carol"), "Deny"));
    by_hand("UPDATE secrets SET resource_policy = replace(resource_policy, 'Deny', 'Allow')");
    EXPECT_THAT(rename("helper", "carol"),
                AllOf(StartsWith("IntegrityFailure"), HasSubstr("the resource policy of secret s (")));
    EXPECT_EQ(rename("helper", "tom"), "done") << "its row says nothing of tom";
    role("rr", user_arn("bob"));
    by_hand("UPDATE iam_entities SET document = replace(document, 'bob', 'eve') WHERE name = 'rr'");
    wait_until([&] { return node_->keeper->directory()->records().find<Role>("rr") == nullptr; });
    EXPECT_THAT(rename("tom", "eve"), AllOf(StartsWith("IntegrityFailure"),
                                            HasSubstr("the trust policy of role rr (it was altered")));
}

TEST_F(NamingTest, WhoMakesOrDeletesIsTold) {
    EXPECT_THAT(create("dave"), IsEmpty());
    EXPECT_THAT(remove("dave"), IsEmpty());
    secret("sec/b", about(user_arn("carol")));
    role("rr", user_arn("carol"));
    const std::string which = "the resource policy of secret sec/b; ";
    EXPECT_THAT(create("carol"),
                ElementsAre("policies name user/carol already: " + which + "they hold for this user now",
                            "policies named user/carol before it was made: the trust policy of role rr; they "
                            "give this user nothing until they are put again"));
    EXPECT_THAT(remove("carol"),
                ElementsAre("policies still name user/carol: " + which +
                            "a user who is made with this name later will have what they say. Remove the "
                            "principal from them"));
    // A role by itself and by its sessions.
    secret("sec/r", about("arn:aws:iam::111122223333:role/app"));
    secret("sec/s", about("arn:aws:sts::111122223333:assumed-role/app/one"));
    secret("sec/t", about("arn:aws:sts::111122223333:assumed-role/apple/one"));
    v1::Request create_app;
    create_app.mutable_create_role()->set_role_name("app");
    create_app.mutable_create_role()->set_assume_role_policy_document(trust());
    EXPECT_THAT(node_->call(create_app).create_role().warnings(),
                ElementsAre("policies name role/app already: the resource policy of secret sec/r, the "
                            "resource policy of secret sec/s; they hold for this role now"));
    v1::Request delete_app;
    delete_app.mutable_delete_role()->set_role_name("app");
    EXPECT_THAT(node_->call(delete_app).delete_role().warnings(),
                ElementsAre(StartsWith("policies still name role/app: the resource policy of secret sec/r")));
}

// Policies do not follow a name; who expects it is told.
TEST_F(NamingTest, WhoMakesSomebodyAgainIsTold) {
    user("carol");
    secret("sec/b", about(user_arn("carol"), "Deny"), false, {{user_arn("carol"), user_id("carol")}});
    const auto told = ElementsAre(
        "policies mean the user/carol before this one: the resource policy of secret sec/b; they neither "
        "give this "
        "user anything nor keep anything from it until they are put again");
    v1::Request repair;
    auto& apply = *repair.mutable_apply_access_configuration();
    apply.mutable_configuration()->add_users()->set_user_name("carol");
    EXPECT_THAT(node_->call(repair).apply_access_configuration().warnings(), IsEmpty());
    by_hand(
        "UPDATE iam_entities SET document = replace(document, '/', '/x/') WHERE kind = 'user' AND name = "
        "'carol'");
    wait_until([&] { return !there("carol"); });
    EXPECT_THAT(node_->call(repair).apply_access_configuration().warnings(), told);
    EXPECT_TRUE(there("carol"));
    EXPECT_THAT(remove("carol"), IsEmpty());
    EXPECT_THAT(create("carol"), told);
}

// Whoever is spared alone by a Deny is the only one who can take it away.
TEST_F(NamingTest, WhoAloneMayManageASecretStays) {
    user("carol");
    user("dave");
    const auto carol = user_id("carol");
    const auto dave = user_id("dave");
    const auto sparing = [](const std::string& spared, const std::string& action = "secretsmanager:*",
                            const std::string& more = "") {
        return R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":[)" + spared +
               R"(]},"Action":")" + action + R"(","Resource":"*")" + more + "}]}";
    };
    const auto quoted = [](const std::string& name) { return '"' + user_arn(name) + '"'; };
    const PrincipalIds both{{user_arn("carol"), carol}, {user_arn("dave"), dave}};
    const PrincipalIds one{{user_arn("carol"), carol}};
    secret("sec/two", sparing(quoted("carol") + "," + quoted("dave")), false, both);
    secret("sec/read", sparing(quoted("carol"), "secretsmanager:GetSecretValue"), false, one);
    secret("sec/at-times",
           sparing(quoted("carol"), "*", R"(,"Condition":{"Bool":{"aws:SecureTransport":"false"}})"), false,
           one);
    EXPECT_THAT(remove("dave"), IsEmpty());
    const auto refused = [&] { return refusal_of([&] { static_cast<void>(remove("carol")); }); };
    EXPECT_EQ(
        refused(),
        "DeleteConflict: Cannot delete arn:aws:iam::111122223333:user/carol: the resource policy of secret "
        "sec/two denies everybody else to manage it (Deny with NotPrincipal), so that nobody could change "
        "that "
        "policy any more. Change or delete the policy first.");
    // Under another name as well, and by a configuration that does not have the user.
    EXPECT_EQ(rename("carol", "caroline", "admin"), "done");
    EXPECT_THAT(refusal_of([&] { static_cast<void>(remove("caroline")); }),
                HasSubstr("secret sec/two denies"));
    v1::Request request;
    request.mutable_apply_access_configuration()->set_prune(true);
    auto& admin = *request.mutable_apply_access_configuration()->mutable_configuration()->add_users();
    admin.set_user_name("admin");
    EXPECT_THAT(refusal_of([&] { static_cast<void>(node_->call(request)); }),
                HasSubstr("secret sec/two denies"));
    by_hand("DELETE FROM secrets WHERE name = 'sec/two'");
    EXPECT_THAT(remove("caroline"), IsEmpty());
}

TEST_F(NamingTest, WhoAppliesAConfigurationIsTold) {
    secret("sec/b", about(user_arn("carol")));
    v1::Request request;
    auto& apply = *request.mutable_apply_access_configuration();
    apply.mutable_configuration()->add_users()->set_user_name("carol");
    // What the configuration says itself is no news.
    auto& role = *apply.mutable_configuration()->add_roles();
    role.set_role_name("rr");
    role.set_assume_role_policy_document(trusting(user_arn("carol")));
    apply.set_dry_run(true);
    const auto told = ElementsAre(
        "policies name user/carol already: the resource policy of secret sec/b; they hold for this user now");
    EXPECT_THAT(node_->call(request).apply_access_configuration().warnings(), told);
    apply.set_dry_run(false);
    EXPECT_THAT(node_->call(request).apply_access_configuration().warnings(), told);
    EXPECT_THAT(node_->call(request).apply_access_configuration().warnings(), IsEmpty());
    apply.mutable_configuration()->mutable_users(0)->set_path("/x/");
    EXPECT_THAT(node_->call(request).apply_access_configuration().warnings(),
                ElementsAre(StartsWith(
                    "policies still name user/carol: the resource policy of secret sec/b; a user")));
}

TEST_F(ServiceTest, QuestionsAreAnswered) {
    user("alice");
    v1::Request who;
    who.mutable_who_can()->set_action("GetSecretValue");
    who.mutable_who_can()->set_resource("*");
    const auto can = node_->call(who).who_can();
    ASSERT_EQ(can.grants_size(), 1);
    EXPECT_EQ(can.grants(0).principal(), "arn:aws:iam::111122223333:user/admin");
    EXPECT_EQ(can.grants(0).policy(), kAdministratorAccess);
    who.mutable_who_can()->set_resource("no/such");
    EXPECT_THAT(refusal_of([&] { static_cast<void>(node_->call(who)); }),
                StartsWith("ResourceNotFoundException"));
    EXPECT_THAT(refusal_of([&] { static_cast<void>(node_->call(who, "spiffe://t/alice")); }),
                StartsWith("AccessDeniedException"));
    v1::Request simulate;
    auto& asked = *simulate.mutable_simulate_principal_policy();
    asked.set_policy_source_arn("arn:aws:iam::111122223333:user/alice");
    asked.add_action_names("secretsmanager:GetSecretValue");
    EXPECT_EQ(node_->call(simulate).simulate_principal_policy().evaluation_results(0).eval_decision(),
              "implicitDeny");
    attach("alice", "arn:aws:iam::aws:policy/SecretsManagerReadWrite");
    EXPECT_EQ(node_->call(simulate).simulate_principal_policy().evaluation_results(0).eval_decision(),
              "allowed");
    asked.set_policy_source_arn("arn:aws:iam::111122223333:user/nobody");
    EXPECT_THAT(refusal_of([&] { static_cast<void>(node_->call(simulate)); }), StartsWith("NoSuchEntity"));
}

// ---- access keys ------------------------------------------------------------------------------------------

std::string secret_of(const Credential& credential) {
    return std::string(credential.secret->text());
}

class AccessKeyTest : public ServiceTest {
protected:
    void SetUp() override {
        ServiceTest::SetUp();
        user("ci");
    }
    v1::AccessKey make() {
        v1::Request request;
        request.mutable_create_access_key()->set_user_name("ci");
        return node_->call(request).create_access_key().access_key();
    }
    void set_status(const std::string& id, const std::string& status) {
        v1::Request request;
        request.mutable_update_access_key()->set_user_name("ci");
        request.mutable_update_access_key()->set_access_key_id(id);
        request.mutable_update_access_key()->set_status(status);
        static_cast<void>(node_->call(request));
    }
};

TEST_F(AccessKeyTest, ItsSecretIsShownOnceAndFoundForSignatures) {
    const auto key = make();
    // AWS: 20 characters, "AKIA" and base 32; a secret of 40 characters of base 64's alphabet.
    EXPECT_THAT(key.access_key_id(), ::testing::MatchesRegex("AKIA[A-Z2-7]{16}"));
    EXPECT_THAT(key.secret_access_key(), ::testing::MatchesRegex("[A-Za-z0-9+/]{40}"));
    EXPECT_EQ(
        by_hand("SELECT count(*) FROM iam_entities WHERE document LIKE '%" + key.secret_access_key() + "%'"),
        "0");
    for (int i = 0; i < 2; ++i) {  // from the token, then from memory
        const auto found = node_->find(key.access_key_id());
        EXPECT_EQ(found.state, CredentialState::good);
        EXPECT_EQ(secret_of(found), key.secret_access_key());
        ASSERT_TRUE(found.rights);
        EXPECT_EQ(found.rights->principal.arn, "arn:aws:iam::111122223333:user/ci");
        EXPECT_FALSE(found.session);
    }
    Node other(conninfo());
    wait_until([&] { return other.find(key.access_key_id()).state == CredentialState::good; });
    EXPECT_EQ(secret_of(other.find(key.access_key_id())), key.secret_access_key());
}

TEST_F(AccessKeyTest, WhatIsNoGoodGetsASecretThatIsMadeUp) {
    const auto key = make();
    const auto refused = [&](const std::string& id) {
        const auto found = node_->find(id);
        EXPECT_EQ(found.state, CredentialState::unknown) << id;
        EXPECT_FALSE(found.rights) << id;
        EXPECT_THAT(secret_of(found), ::testing::MatchesRegex("[A-Za-z0-9+/]{40}"));
        EXPECT_NE(secret_of(found), key.secret_access_key());
        return secret_of(found);
    };
    EXPECT_EQ(refused("AKIAAAAAAAAAAAAAAAAA"), refused("AKIAAAAAAAAAAAAAAAAA"));
    EXPECT_NE(refused("AKIAAAAAAAAAAAAAAAAA"), refused("AKIAAAAAAAAAAAAAAAAB"));
    set_status(key.access_key_id(), "Inactive");
    refused(key.access_key_id());
    set_status(key.access_key_id(), "Active");
    EXPECT_EQ(node_->find(key.access_key_id()).state, CredentialState::good);
    EXPECT_EQ(node_->find(key.access_key_id(), "no token").state, CredentialState::unknown);
    v1::Request disable;
    disable.mutable_disable_user()->set_user_name("ci");
    static_cast<void>(node_->call(disable));
    refused(key.access_key_id());
}

TEST_F(AccessKeyTest, ARowThatWasChangedByHandHasNoKeys) {
    const auto key = make();
    by_hand("CREATE TABLE with_key AS SELECT * FROM iam_entities WHERE name = 'ci'");
    v1::Request remove;
    remove.mutable_delete_access_key()->set_user_name("ci");
    remove.mutable_delete_access_key()->set_access_key_id(key.access_key_id());
    static_cast<void>(node_->call(remove));
    EXPECT_EQ(node_->find(key.access_key_id()).state, CredentialState::unknown);
    // Put back from before.
    by_hand(
        "UPDATE iam_entities SET document = w.document, revision = w.revision, seal = w.seal "
        "FROM with_key w WHERE iam_entities.name = 'ci'");
    wait_until(
        [&] { return node_->recognise("spiffe://t/ci").refusal.ends_with("altered in the database"); });
    EXPECT_EQ(node_->find(key.access_key_id()).state, CredentialState::unknown);
    EXPECT_THAT(node_->alarms->all(), Contains(HasSubstr("user 'ci' was altered")));
}

TEST_F(AccessKeyTest, ASecretIsBoundToItsUserAndKey) {
    auto made = node_->access_keys.make("AIDAONE", "AKIAONE", patience());
    const auto open = [&](const std::string& user, const std::string& key) {
        return wait_for<crypto::SecretBytes>([&](Completion<crypto::SecretBytes> done) {
            node_->access_keys.open(user, key, made.sealed, patience(), std::move(done));
        });
    };
    EXPECT_EQ(open("AIDAONE", "AKIAONE").text(), made.secret.text());
    EXPECT_THROW(static_cast<void>(open("AIDATWO", "AKIAONE")), IntegrityError);
    EXPECT_THROW(static_cast<void>(open("AIDAONE", "AKIATWO")), IntegrityError);
    made.sealed.ciphertext.back() ^= 1U;
    EXPECT_THROW(static_cast<void>(open("AIDAONE", "AKIAONE")), IntegrityError);
}

TEST_F(AccessKeyTest, ItsLastUseIsKept) {
    const auto key = make();
    v1::Request ask;
    ask.mutable_get_access_key_last_used()->set_access_key_id(key.access_key_id());
    const auto never = node_->call(ask).get_access_key_last_used();
    EXPECT_EQ(never.user_name(), "ci");
    EXPECT_FALSE(never.access_key_last_used().has_last_used_date());
    EXPECT_EQ(never.access_key_last_used().service_name(), "N/A");
    const auto before = node_->clock.now().seconds();
    node_->callers->used(node_->find(key.access_key_id()), "secretsmanager", "eu-central-1");
    node_->callers->used(node_->find("AKIAAAAAAAAAAAAAAAAA"), "iam", "eu-central-1");
    node_->uses->flush(patience());
    const auto used = node_->call(ask).get_access_key_last_used().access_key_last_used();
    EXPECT_GE(used.last_used_date(), before);
    EXPECT_EQ(used.service_name(), "secretsmanager");
    EXPECT_EQ(used.region(), "eu-central-1");
    EXPECT_EQ(by_hand("SELECT count(*) FROM access_key_uses"), "1");
}

// ---- sessions ---------------------------------------------------------------------------------------------

class SessionTest : public ServiceTest {
protected:
    void SetUp() override {
        ServiceTest::SetUp();
        user("alice");
        user("bob");
        attach("alice", policy("assume", allow("sts:AssumeRole")));
        v1::Request role;
        role.mutable_create_role()->set_role_name("reader");
        role.mutable_create_role()->set_assume_role_policy_document(trust());
        static_cast<void>(node_->call(role));
        v1::Request attach_role;
        attach_role.mutable_attach_role_policy()->set_role_name("reader");
        attach_role.mutable_attach_role_policy()->set_policy_arn("arn:aws:iam::aws:policy/IAMReadOnlyAccess");
        static_cast<void>(node_->call(attach_role));
    }
    v1::SessionCredentials assume(const std::string& policy = {}) {
        v1::Request request;
        auto& assume = *request.mutable_assume_role();
        assume.set_role_arn("arn:aws:iam::111122223333:role/reader");
        assume.set_role_session_name("alice-1");
        if (!policy.empty()) assume.set_policy(policy);
        return node_->call(request, "spiffe://t/alice").assume_role().credentials();
    }
    std::string refusal_in_session(Node& node, const std::string& token, const std::string& owner = "alice") {
        return refusal_of(
            [&] { static_cast<void>(node.call_in_session(list_users(), token, "spiffe://t/" + owner)); });
    }
};

TEST_F(SessionTest, ItActsAsTheRoleOverTheConnectionOfWhoBeganIt) {
    EXPECT_THAT(refusal(*node_, "alice"), HasSubstr("iam:ListUsers"));
    const auto credentials = assume();
    EXPECT_THAT(credentials.access_key_id(), ::testing::MatchesRegex("ASIA[A-Z2-7]{16}"));
    EXPECT_EQ(refusal_in_session(*node_, credentials.session_token()), "done");
    EXPECT_THAT(refusal_in_session(*node_, credentials.session_token(), "bob"),
                HasSubstr("for another certificate's owner"));
    EXPECT_THAT(refusal_in_session(*node_, credentials.session_token() + "A"), HasSubstr("none of Coffer's"));
    v1::Request who;
    who.mutable_get_caller_identity();
    EXPECT_EQ(node_->call_in_session(who, credentials.session_token(), "spiffe://t/alice")
                  .get_caller_identity()
                  .arn(),
              "arn:aws:sts::111122223333:assumed-role/reader/alice-1");
    // Nothing is stored, and every node opens it.
    Node other(conninfo());
    wait_until([&] { return other.recognise("spiffe://t/alice").rights != nullptr; });
    EXPECT_EQ(refusal_in_session(other, credentials.session_token()), "done");
}

TEST_F(SessionTest, OneOfAWebIdentityGoesWithTheCertificateThatItWasAskedForWith) {
    access::Session session;
    session.issuer_id = node_->keeper->directory()->records().find<Role>("reader")->id;
    session.name = "pod-7";
    session.federated_provider = "arn:aws:iam::111122223333:oidc-provider/ci.example";
    session.issued = node_->clock.now();
    session.expires = session.issued + std::chrono::hours(1);
    session.origin = sts::certificate_origin(spiffe("spiffe://t/nobody"));
    const auto bound = node_->tokens.make(session).token;
    EXPECT_THAT(refusal(*node_, "nobody"), HasSubstr("no user or role has the certificate identity"));
    EXPECT_EQ(refusal_in_session(*node_, bound, "nobody"), "done");
    EXPECT_THAT(refusal_in_session(*node_, bound, "alice"), HasSubstr("for another certificate's owner"));
    EXPECT_THAT(refusal_in_session(*node_, bound, "stranger"), HasSubstr("for another certificate's owner"));
    // Asked for at the AWS endpoint: no certificate will do, a signature will.
    session.origin.clear();
    const auto made = node_->tokens.make(session);
    EXPECT_THAT(refusal_in_session(*node_, made.token, "nobody"),
                HasSubstr("for another certificate's owner"));
    EXPECT_THAT(refusal_in_session(*node_, made.token, "alice"),
                HasSubstr("for another certificate's owner"));
}

TEST_F(SessionTest, ItsSecretIsFoundForSignatures) {
    const auto credentials = assume();
    const auto found = node_->find(credentials.access_key_id(), credentials.session_token());
    EXPECT_EQ(found.state, CredentialState::good);
    EXPECT_EQ(secret_of(found), credentials.secret_access_key());
    ASSERT_TRUE(found.rights);
    EXPECT_EQ(found.rights->principal.arn, "arn:aws:sts::111122223333:assumed-role/reader/alice-1");
    const auto other = assume();
    EXPECT_EQ(node_->find(credentials.access_key_id()).state, CredentialState::unknown);
    EXPECT_EQ(node_->find(other.access_key_id(), credentials.session_token()).state,
              CredentialState::unknown);
    EXPECT_EQ(node_->find(credentials.access_key_id(), other.session_token()).state,
              CredentialState::unknown);
    EXPECT_NE(secret_of(node_->find(credentials.access_key_id())), credentials.secret_access_key());
}

TEST_F(SessionTest, ASessionPolicyTakesAway) {
    EXPECT_EQ(refusal_in_session(*node_, assume(allow("iam:ListUsers")).session_token()), "done");
    EXPECT_THAT(refusal_in_session(*node_, assume(allow("iam:GetUser")).session_token()),
                HasSubstr("because no session policy allows the iam:ListUsers action"));
    EXPECT_THAT(refusal_in_session(*node_, assume(deny("iam:ListUsers")).session_token()),
                HasSubstr("with an explicit deny in a session policy"));
}

TEST_F(SessionTest, RevokedDisabledAndDeletedRolesEndItAtOnce) {
    const auto old = assume().session_token();
    v1::Request revoke;
    revoke.mutable_revoke_sessions()->set_role_name("reader");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // times are whole milliseconds
    static_cast<void>(node_->call(revoke));
    EXPECT_THAT(refusal_in_session(*node_, old), HasSubstr("were revoked"));
    const auto fresh = assume().session_token();
    EXPECT_EQ(refusal_in_session(*node_, fresh), "done");
    v1::Request disable;
    disable.mutable_disable_role()->set_role_name("reader");
    static_cast<void>(node_->call(disable));
    EXPECT_THAT(refusal_in_session(*node_, fresh), HasSubstr("role 'reader' is disabled"));
    EXPECT_THAT(refusal_of([&] { static_cast<void>(assume()); }), HasSubstr("role 'reader' is disabled"));
    v1::Request enable;
    enable.mutable_enable_role()->set_role_name("reader");
    static_cast<void>(node_->call(enable));
    EXPECT_EQ(refusal_in_session(*node_, fresh), "done");
    by_hand("UPDATE iam_entities SET document = replace(document, '3600', '7200') WHERE name = 'reader'");
    wait_until([&] { return refusal_in_session(*node_, fresh) != "done"; });
    EXPECT_THAT(refusal_in_session(*node_, fresh), HasSubstr("was deleted, or is not believed"));
}

TEST_F(SessionTest, AUsersSessionIsTheUserWithoutIam) {
    attach("alice", "arn:aws:iam::aws:policy/IAMReadOnlyAccess");
    EXPECT_EQ(refusal(*node_, "alice"), "done");
    v1::Request ask;
    ask.mutable_get_session_token();
    const auto token = node_->call(ask, "spiffe://t/alice").get_session_token().credentials().session_token();
    EXPECT_THAT(refusal_in_session(*node_, token), HasSubstr("with an explicit deny in a session policy"));
    v1::Request who;
    who.mutable_get_caller_identity();
    EXPECT_EQ(node_->call_in_session(who, token, "spiffe://t/alice").get_caller_identity().arn(),
              "arn:aws:iam::111122223333:user/alice");
    EXPECT_THAT(
        refusal_of([&] { static_cast<void>(node_->call_in_session(ask, token, "spiffe://t/alice")); }),
        HasSubstr("Cannot call GetSessionToken with session credentials"));
}

}  // namespace
}  // namespace coffer::iam
