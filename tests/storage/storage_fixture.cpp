#include "tests/storage/storage_fixture.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>

namespace coffer::storage {

Bytes HmacSealKeeper::make(Bytes message, Deadline /*deadline*/) {
    ++made;
    static constexpr std::string_view kKey = "a key for tests";
    Bytes mac(32);
    unsigned length = 0;
    HMAC(EVP_sha256(), kKey.data(), static_cast<int>(kKey.size()), message.data(), message.size(), mac.data(),
         &length);
    return mac;
}

bool HmacSealKeeper::check(Bytes message, ByteView seal, Deadline deadline) {
    ++checked;
    const auto expected = make(std::move(message), deadline);
    --made;
    return seal.size() == expected.size() && CRYPTO_memcmp(seal.data(), expected.data(), seal.size()) == 0;
}

void RecordingObserver::reachable_changed(bool reachable, std::string reason) {
    const std::lock_guard lock(mutex_);
    reachability_.emplace_back(reachable, std::move(reason));
}

void RecordingObserver::job_done(std::chrono::nanoseconds /*queued*/, std::chrono::nanoseconds /*ran*/) {
    ++jobs;
}

void RecordingObserver::integrity_failure(std::string what) {
    const std::lock_guard lock(mutex_);
    failures_.push_back(std::move(what));
}

std::vector<std::string> RecordingObserver::failures() const {
    const std::lock_guard lock(mutex_);
    return failures_;
}

std::vector<std::pair<bool, std::string>> RecordingObserver::reachability() const {
    const std::lock_guard lock(mutex_);
    return reachability_;
}

JobOptions within(std::chrono::milliseconds time, Priority priority) {
    return {.priority = priority, .deadline = std::chrono::steady_clock::now() + time};
}

StoredPayload make_payload(const std::string& ciphertext) {
    StoredPayload payload;
    payload.master_key = Uuid::random();
    payload.generation = 3;
    payload.wrapped_key = Bytes(40, 0x5A);
    payload.ciphertext.assign(ciphertext.begin(), ciphertext.end());
    return payload;
}

StoredVersion make_version(const StoredPayload& payload, std::int64_t created_ms) {
    StoredVersion version;
    version.id = VersionId(Uuid::random().text());
    version.created = Timestamp::from_millis(created_ms);
    version.kind = ValueKind::string;
    version.master_key = payload.master_key;
    return version;
}

NewSecret make_secret(const std::string& name, std::int64_t created_ms) {
    NewSecret made;
    auto& secret = made.secret;
    secret.id = SecretId(Uuid::random());
    secret.name = name;
    secret.arn = "arn:aws:secretsmanager:local:000000000000:secret:" + name + "-AbCdEf";
    secret.created = Timestamp::from_millis(created_ms);
    secret.last_changed = secret.created;
    auto payload = make_payload("ciphertext of " + name);
    auto version = make_version(payload, created_ms);
    version.labels = {StagingLabel("AWSCURRENT")};
    made.payloads.emplace_back(version.id, std::move(payload));
    secret.versions.push_back(std::move(version));
    return made;
}

NewSecret make_victim() {
    auto made = make_secret("victim");
    made.secret.description = "text";
    made.secret.tags = std::vector<Tag>{{"a", "1"}, {"b", "2"}};
    auto payload = make_payload("older");
    auto version = make_version(payload, 1'600'000'000'000);
    version.labels = {StagingLabel("AWSPREVIOUS")};
    made.secret.versions.push_back(version);
    made.payloads.emplace_back(version.id, payload);
    return made;
}

std::string dump(const StoredSecret& secret) {
    const auto time = [](const std::optional<Timestamp>& t) { return t ? std::to_string(t->millis()) : "-"; };
    const auto text = [](const std::optional<std::string>& t) { return t ? "'" + *t + "'" : "-"; };
    std::string out = fmt::format(
        "id {}\nname '{}'\narn '{}'\ndescription {}\nkms {}\ncreated {}\nchanged {}\ndeleted {}\npurge {}\n"
        "accessed {}\nrevision {}\npolicy {}\ntoken {}\n",
        secret.id.value().text(), secret.name, secret.arn, text(secret.description), text(secret.kms_key_id),
        secret.created.millis(), secret.last_changed.millis(), time(secret.deleted), time(secret.purge_due),
        time(secret.last_accessed), secret.revision, text(secret.resource_policy),
        text(secret.creation_token));
    if (secret.tags) {
        out += "tags";
        for (const auto& tag : *secret.tags) out += fmt::format(" '{}'='{}'", tag.key, tag.value);
        out += '\n';
    }
    for (const auto& [arn, id] : secret.policy_principals) out += fmt::format("principal {}={}\n", arn, id);
    for (const auto& v : secret.versions) {
        out += fmt::format("version {} created {} kind {} key {} accessed {} labels", v.id.value(),
                           v.created.millis(), v.kind ? static_cast<int>(*v.kind) : 0,
                           v.master_key ? v.master_key->text() : "-", time(v.last_accessed));
        for (const auto& label : v.labels) out += " " + label.value();
        out += '\n';
    }
    return out;
}

std::string dump(const StoredPayload& payload) {
    return fmt::format("key {} generation {} wrapped {} ciphertext {}", payload.master_key.text(),
                       payload.generation, to_hex(payload.wrapped_key), to_hex(payload.ciphertext));
}

test::PostgresServer& StorageTest::server() {
    static test::PostgresServer server({.tcp = true, .fsync = false, .settings = {"max_connections = 200"}});
    server.start();  // a test may have stopped it
    return server;
}

StorageTest::StorageTest() {
    // Migrated once, then copied.
    static const bool migrated = [] {
        server().create_database("migrated");
        migrate(server().conninfo("migrated"), nullptr);
        return true;
    }();
    static_cast<void>(migrated);
    static int number = 0;
    database_name_ = "test" + std::to_string(++number);
    server().copy_database("migrated", database_name_);
}

DatabaseConfig StorageTest::config() const {
    DatabaseConfig config;
    config.conninfo = server().conninfo(database_name_);
    config.connections = 2;
    return config;
}

std::unique_ptr<Database> StorageTest::open(std::size_t connections) {
    auto settings = config();
    settings.connections = connections;
    return Database::open(std::move(settings), seals_, observer_);
}

Database& StorageTest::database() {
    if (!database_) database_ = open();
    return *database_;
}

bool StorageTest::insert(const NewSecret& made) {
    return write_now<bool>(database(), [&made](WriteTransaction& tx) {
        return SecretRepository::insert(tx, made.secret, made.payloads);
    });
}

std::optional<StoredSecret> StorageTest::find(const std::string& name) {
    return read_now<std::optional<StoredSecret>>(
        database(), [&name](ReadTransaction& tx) { return SecretRepository::find(tx, name); });
}

std::optional<StoredPayload> StorageTest::payload(const StoredSecret& secret, const VersionId& version) {
    return read_now<std::optional<StoredPayload>>(
        database(), [&](ReadTransaction& tx) { return SecretRepository::payload(tx, secret.id, version); });
}

}  // namespace coffer::storage
