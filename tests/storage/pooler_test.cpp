// PgBouncer between Coffer and PostgreSQL: with session pooling everything works; with transaction or
// statement pooling nothing begins, and the error says what to change.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "storage/pg_connection.hpp"
#include "storage/pooler_check.hpp"
#include "storage/secret_cache.hpp"
#include "tests/storage/storage_fixture.hpp"

namespace coffer::storage {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kProgram = "/usr/sbin/pgbouncer";

/// Ends with the object. Refuses to run as root, like PostgreSQL.
class PgBouncer {
public:
    PgBouncer(const test::PostgresServer& server, const std::string& settings) {
        std::string pattern = (std::filesystem::temp_directory_path() / "coffer-pool-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
        folder_ = pattern;
        const auto socket = server.socket_path();  // FOLDER/.s.PGSQL.PORT
        std::ofstream(folder_ / "ini")
            << "[databases]\n* = host=" << socket.parent_path().string()
            << " port=" << socket.extension().string().substr(1) << " user=coffer\n"
            << "[pgbouncer]\nauth_type = any\nlisten_addr =\nlisten_port = 6432\n"
            << "unix_socket_dir = " << folder_.string() << "\n"
            << settings;
        if (::geteuid() == 0) {
            const auto* const owner = ::getpwnam("postgres");
            if (owner == nullptr || ::chown(folder_.c_str(), owner->pw_uid, owner->pw_gid) != 0)
                throw std::runtime_error("chown");
        }
        std::filesystem::permissions(folder_, std::filesystem::perms(0755));
        start();
        wait_until_it_answers();
    }
    ~PgBouncer() {
        ::kill(pid_, SIGTERM);
        ::waitpid(pid_, nullptr, 0);
        std::filesystem::remove_all(folder_);
    }
    PgBouncer(const PgBouncer&) = delete;
    PgBouncer& operator=(const PgBouncer&) = delete;

    [[nodiscard]] std::string conninfo(const std::string& database) const {
        return "host=" + folder_.string() + " port=6432 user=coffer dbname=" + database;
    }

private:
    void start() {
        std::vector<std::string> words{"setpriv", "--pdeathsig=TERM"};
        if (::geteuid() == 0)
            words.insert(words.end(), {"--reuid=postgres", "--regid=postgres", "--init-groups"});
        words.insert(words.end(), {kProgram, folder_ / "ini"});
        std::vector<char*> argv;
        for (auto& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 2, (folder_ / "log").c_str(), O_WRONLY | O_CREAT, 0644);
        posix_spawn_file_actions_adddup2(&actions, 2, 1);
        const int failed = ::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        if (failed != 0) throw std::runtime_error("cannot start setpriv");
    }
    void wait_until_it_answers() const {
        const auto give_up = std::chrono::steady_clock::now() + 30s;
        while (true) {
            try {
                static_cast<void>(PgConnection::connect(conninfo("postgres"), give_up));
                return;
            } catch (const ConnectError& error) {
                if (std::chrono::steady_clock::now() > give_up)
                    throw std::runtime_error("pgbouncer: " + std::string(error.what()) + "\n" + log());
                std::this_thread::sleep_for(5ms);
            }
        }
    }
    [[nodiscard]] std::string log() const {
        std::ifstream in(folder_ / "log");
        return {std::istreambuf_iterator<char>(in), {}};
    }

    std::filesystem::path folder_;
    pid_t pid_ = -1;
};

class PoolerTest : public StorageTest {
protected:
    void SetUp() override {
        if (!std::filesystem::exists(kProgram)) GTEST_SKIP() << kProgram << " is not installed";
        static_cast<void>(database());  // migrated
    }
    [[nodiscard]] DatabaseConfig through(const PgBouncer& pooler) const {
        auto settings = config();
        settings.conninfo = pooler.conninfo(database_name());
        settings.connections = 2;
        return settings;
    }
    static std::string refusal(const std::function<void()>& work) {
        try {
            work();
        } catch (const Unavailable& error) {
            return std::string("worth waiting for: ") + error.what();
        } catch (const Error& error) {
            return error.what();
        }
        return "accepted";
    }
};

TEST_F(PoolerTest, TransactionAndStatementPoolingAreRefused) {
    for (const auto* settings :
         {"pool_mode = transaction\n", "pool_mode = transaction\ndefault_pool_size = 1\n",
          "pool_mode = transaction\nmin_pool_size = 2\nserver_round_robin = 1\n",
          "pool_mode = transaction\nmin_pool_size = 8\nserver_round_robin = 1\n",
          "pool_mode = statement\n"}) {
        const PgBouncer pooler(server(), settings);
        // Idle sessions in the pool, as under load.
        {
            std::vector<PgConnection> clients;
            for (int i = 0; i < 4; ++i) {
                clients.push_back(PgConnection::connect(pooler.conninfo(database_name()),
                                                        std::chrono::steady_clock::now() + 10s));
                clients.back().exec("SELECT 1", std::chrono::steady_clock::now() + 10s);
            }
        }
        const auto advice = AllOf(HasSubstr("pool_mode = session"), HasSubstr("directly"));
        for (int i = 0; i < 5; ++i) {
            EXPECT_THAT(refusal([&] { (void)Database::open(through(pooler), seals_, observer_); }), advice)
                << settings;
        }
        EXPECT_THAT(refusal([&] { (void)migrate(pooler.conninfo(database_name()), {}); }), advice)
            << settings;
    }
}

TEST_F(PoolerTest, SessionPoolingWorks) {
    const PgBouncer pooler(server(), "pool_mode = session\n");
    EXPECT_EQ(refusal([&] { (void)migrate(pooler.conninfo(database_name()), {}); }), "accepted");
    const auto pooled = Database::open(through(pooler), seals_, observer_);
    const auto made = make_secret("pooled/" + Uuid::random().text());
    EXPECT_TRUE(write_now<bool>(*pooled, [&](WriteTransaction& tx) {
        return SecretRepository::insert(tx, made.secret, made.payloads);
    }));
    EXPECT_TRUE(find(made.secret.name).has_value());
}

TEST_F(PoolerTest, TheServerItselfIsNoPooler) {
    const auto until = std::chrono::steady_clock::now() + 10s;
    auto connection = PgConnection::connect(server().conninfo(database_name()), until);
    for (int i = 0; i < 20; ++i) {
        EXPECT_NO_THROW(refuse_transaction_pooling(server().conninfo(database_name()), connection, until));
    }
}

}  // namespace
}  // namespace coffer::storage
