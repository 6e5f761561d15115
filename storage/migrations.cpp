#include "storage/migrations.hpp"

#include <fmt/format.h>

#include <string_view>

#include "storage/embedded_migrations.hpp"
#include "storage/pg_connection.hpp"
#include "storage/pooler_check.hpp"
#include "storage/schema_check.hpp"

namespace coffer::storage {

namespace {

constexpr auto kConnectTimeout = std::chrono::seconds(10);
/// How long another node's migration is waited for, and how long one statement may take.
constexpr auto kMigrationTimeout = std::chrono::minutes(10);
/// Any number that is the same on every node; "coffer" in ASCII.
constexpr std::int64_t kAdvisoryLock = 0x636F66666572;

Deadline in(std::chrono::steady_clock::duration time) {
    return std::chrono::steady_clock::now() + time;
}

void apply(PgConnection& connection, const Migration& migration) {
    try {
        connection.exec("BEGIN", in(kMigrationTimeout));
        connection.exec(std::string(migration.sql), in(kMigrationTimeout));
        connection.exec(fmt::format("INSERT INTO schema_migrations (version, file) VALUES ({}, '{}')",
                                    migration.version, migration.file),
                        in(kMigrationTimeout));
        connection.exec("COMMIT", in(kMigrationTimeout));
    } catch (const Error& error) {
        // The connection is closed by the caller's unwinding, which rolls the transaction back.
        throw Error(fmt::format("migration {} failed and was rolled back: {}", migration.file, error.what()));
    }
}

constexpr std::string_view kCreateRegister = R"(
CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY,
    file    text COLLATE "C" NOT NULL,
    applied timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE schema_migrations IS 'Which of the numbered SQL files were applied, by "cofferd migrate".';
)";

}  // namespace

int schema_version() noexcept {
    return embedded_migrations().back().version;
}

SchemaState inspect_schema(PgConnection& connection, Deadline until) {
    const auto facts = connection.exec(
        "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), "
        "to_regclass('schema_migrations') IS NOT NULL, pg_is_in_recovery()",
        until);
    SchemaState state;
    const int server = std::stoi(first_value(facts, 0));
    if (server < kOldestServer) {
        throw Error(
            fmt::format("the database server is PostgreSQL {}; Coffer needs 13 or newer", server / 10000));
    }
    if (first_value(facts, 1) != "UTF8") {
        throw Error(
            fmt::format("the database's encoding is {}; Coffer needs a database with encoding UTF8 "
                        "(createdb --encoding=UTF8 --template=template0)",
                        first_value(facts, 1)));
    }
    state.read_only = first_value(facts, 3) == "t";
    if (first_value(facts, 2) == "t") {
        const auto version =
            connection.exec("SELECT coalesce(max(version), 0) FROM schema_migrations", until);
        state.version = std::stoi(first_value(version, 0));
    }
    return state;
}

MigrationReport migrate(const std::string& conninfo,
                        const std::function<void(const std::string&)>& progress) {
    auto connection = PgConnection::connect(conninfo, in(kConnectTimeout));
    // Refuses an old server or a wrong encoding before anything is changed.
    const auto before = inspect_schema(connection, in(kConnectTimeout));
    if (before.read_only) throw Error("the database server is a read-only standby; migrate its primary");
    refuse_transaction_pooling(conninfo, connection, in(kConnectTimeout));
    // Held until the connection closes, so that a node that dies does not keep the others out.
    connection.exec(fmt::format("SELECT pg_advisory_lock({})", kAdvisoryLock), in(kMigrationTimeout));
    const auto locked = inspect_schema(connection, in(kConnectTimeout));
    MigrationReport report{.from_version = locked.version, .to_version = locked.version};
    if (locked.version > schema_version()) {
        throw Error(
            fmt::format("the database's schema is version {}, this binary knows {}: install the newer Coffer",
                        locked.version, schema_version()));
    }
    connection.exec(std::string(kCreateRegister), in(kMigrationTimeout));
    for (const auto& migration : embedded_migrations()) {
        if (migration.version <= locked.version) continue;
        apply(connection, migration);
        report.to_version = migration.version;
        if (progress) progress(fmt::format("applied {}", migration.file));
    }
    if (progress && report.from_version == report.to_version) {
        progress(fmt::format("the schema is at version {} already", report.to_version));
    }
    return report;
}

}  // namespace coffer::storage
