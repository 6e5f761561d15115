// kill -9 at random instants: every event that was acknowledged is in the journal, and the chain holds.

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <random>
#include <set>

#include "audit_fixture.hpp"
#include "daemon/audit/journal_reader.hpp"
#include "daemon/audit/verifier.hpp"

extern char** environ;

namespace coffer::audit {
namespace {

constexpr int kKills = 50;

/// A running victim and the reading end of its standard output.
struct Victim {
    pid_t pid = -1;
    Fd out;
};

Victim start(const std::filesystem::path& directory, const std::filesystem::path& key) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::runtime_error("pipe");
    Victim victim{-1, Fd(ends[0])};
    const Fd write_end(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, victim.out.get());
    std::string program = COFFER_CRASH_VICTIM;
    std::string first = directory.string();
    std::string second = key.string();
    std::array<char*, 4> argv{program.data(), first.data(), second.data(), nullptr};
    const int error = posix_spawn(&victim.pid, program.c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::runtime_error("posix_spawn");
    return victim;
}

/// Reads acknowledgements until there are `bytes` of them, kills, reads what was still in the pipe.
std::string kill_after(Victim& victim, std::size_t bytes) {
    std::string all;
    std::array<char, 4096> buffer{};
    bool killed = false;
    while (true) {
        const auto got = ::read(victim.out.get(), buffer.data(), buffer.size());
        if (got <= 0) break;
        all.append(buffer.data(), static_cast<std::size_t>(got));
        if (!killed && all.size() >= bytes) {
            ::kill(victim.pid, SIGKILL);
            killed = true;
        }
    }
    int status = 0;
    ::waitpid(victim.pid, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the victim ended by itself";
    return all;
}

TEST(Crash, NothingAcknowledgedIsLost) {
    const testing::AuditFolder folder;
    const auto directory = folder.sub("audit");
    const auto key_file = folder.path() / "key.pem";
    const auto signer = std::make_shared<testing::OpensslSigner>();
    signer->write_private_pem(key_file);
    std::mt19937 random(std::random_device{}());
    std::set<std::string> acknowledged;
    for (int i = 0; i < kKills; ++i) {
        auto victim = start(directory, key_file);
        const auto ids = kill_after(victim, std::uniform_int_distribution<std::size_t>(1, 100'000)(random));
        for (const auto& id : testing::lines_of(ids)) {
            if (id.size() == 36) acknowledged.insert(id);
        }
    }
    EXPECT_GT(acknowledged.size(), static_cast<std::size_t>(kKills));

    const SystemClock clock;
    Journal::open(testing::small_config(directory), signer, nullptr, clock)->close();
    const auto report = verify_journal(directory, signer->keys());
    EXPECT_TRUE(report.good()) << report.findings.front().message;
    std::set<std::string> recorded;
    JournalReader reader(directory);
    while (const auto record = reader.next()) recorded.insert(event_id_in(record->json));
    for (const auto& id : acknowledged) EXPECT_TRUE(recorded.contains(id)) << id;
    RecordProperty("acknowledged", static_cast<int>(acknowledged.size()));
    std::printf("%zu events acknowledged over %d kills\n", acknowledged.size(), kKills);
}

}  // namespace
}  // namespace coffer::audit
