#pragma once
// What the storage tests share: one private server for a test program, an empty migrated database for each
// test, and a seal keeper with a real HMAC.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/database.hpp"
#include "storage/migrations.hpp"
#include "storage/secret_repository.hpp"
#include "tests/support/postgres.hpp"

namespace coffer::storage {

/// HMAC-SHA256 (OpenSSL) under a fixed key. Counts its calls.
class HmacSealKeeper final : public SealKeeper {
public:
    [[nodiscard]] Bytes make(Bytes message, Deadline deadline) override;
    [[nodiscard]] bool check(Bytes message, ByteView seal, Deadline deadline) override;
    std::atomic<int> made{0};
    std::atomic<int> checked{0};
};

/// Remembers what it was told. Thread-safe.
class RecordingObserver final : public DatabaseObserver {
public:
    void reachable_changed(bool reachable, std::string reason) override;
    void job_done(std::chrono::nanoseconds queued, std::chrono::nanoseconds ran) override;
    void integrity_failure(std::string what) override;

    [[nodiscard]] std::vector<std::string> failures() const;
    [[nodiscard]] std::vector<std::pair<bool, std::string>> reachability() const;
    std::atomic<int> jobs{0};

private:
    mutable std::mutex mutex_;
    std::vector<std::string> failures_;
    std::vector<std::pair<bool, std::string>> reachability_;
};

/// Reads and writes that wait for their result.
template <class T>
T read_now(Database& database, UniqueFunction<T(ReadTransaction&)> job, JobOptions options = {}) {
    return wait_for<T>(
        [&](Completion<T> done) { database.read<T>(options, std::move(job), std::move(done)); });
}
template <class T>
T write_now(Database& database, UniqueFunction<T(WriteTransaction&)> job, JobOptions options = {}) {
    return wait_for<T>(
        [&](Completion<T> done) { database.write<T>(options, std::move(job), std::move(done)); });
}

/// A deadline `time` from now.
[[nodiscard]] JobOptions within(std::chrono::milliseconds time, Priority priority = Priority::read);

/// A secret with one string version, labelled AWSCURRENT, and that version's payload.
struct NewSecret {
    StoredSecret secret;
    std::vector<std::pair<VersionId, StoredPayload>> payloads;
};
[[nodiscard]] NewSecret make_secret(const std::string& name, std::int64_t created_ms = 1'700'000'000'123);
[[nodiscard]] StoredVersion make_version(const StoredPayload& payload, std::int64_t created_ms);
/// The secret "victim", with something in every part that somebody could alter by hand: a description, two
/// tags, and an older version that is AWSPREVIOUS.
[[nodiscard]] NewSecret make_victim();
[[nodiscard]] StoredPayload make_payload(const std::string& ciphertext = "ciphertext");

/// Everything of a record that is stored, as text, for comparisons that say what differs.
[[nodiscard]] std::string dump(const StoredSecret& secret);
[[nodiscard]] std::string dump(const StoredPayload& payload);

class StorageTest : public ::testing::Test {
protected:
    StorageTest();

    /// The program's server; started when the first test asks for it.
    static test::PostgresServer& server();

    [[nodiscard]] const std::string& database_name() const { return database_name_; }
    [[nodiscard]] DatabaseConfig config() const;
    [[nodiscard]] std::unique_ptr<Database> open(std::size_t connections = 2);

    bool insert(const NewSecret& secret);
    std::optional<StoredSecret> find(const std::string& name);
    std::optional<StoredPayload> payload(const StoredSecret& secret, const VersionId& version);
    /// Runs SQL by hand, as an intruder or an operator does.
    std::string by_hand(const std::string& sql) { return server().query(database_name_, sql); }

    Database& database();

    std::shared_ptr<HmacSealKeeper> seals_ = std::make_shared<HmacSealKeeper>();
    std::shared_ptr<RecordingObserver> observer_ = std::make_shared<RecordingObserver>();

private:
    std::string database_name_;
    std::unique_ptr<Database> database_;
};

}  // namespace coffer::storage
