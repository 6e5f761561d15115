// The schema comes up from nothing, once, whoever asks; a database of another version is refused.

#include <gmock/gmock.h>

#include <future>

#include "storage/embedded_migrations.hpp"
#include "tests/storage/storage_fixture.hpp"

namespace coffer::storage {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class MigrationsTest : public StorageTest {
protected:
    MigrationsTest() { server().query("postgres", "DROP DATABASE " + database_name()); }

    std::string fresh(const std::string& options = "ENCODING 'UTF8'") {
        server().query("postgres", "CREATE DATABASE " + database_name() + " TEMPLATE template0 " + options);
        return server().conninfo(database_name());
    }
};

TEST_F(MigrationsTest, FromNothingAndAgain) {
    const auto conninfo = fresh();
    std::vector<std::string> lines;
    const auto first = migrate(conninfo, [&](const std::string& line) { lines.push_back(line); });
    EXPECT_EQ(first.from_version, 0);
    EXPECT_EQ(first.to_version, schema_version());
    EXPECT_EQ(lines.size(), embedded_migrations().size());
    EXPECT_THAT(lines[0], HasSubstr("0001_"));
    const auto again = migrate(conninfo, nullptr);
    EXPECT_EQ(again.from_version, schema_version());
    EXPECT_EQ(again.to_version, schema_version());
    EXPECT_EQ(by_hand("SELECT count(*) FROM schema_migrations"),
              std::to_string(embedded_migrations().size()));
}

TEST_F(MigrationsTest, SeveralNodesAtOnce) {
    const auto conninfo = fresh();
    std::vector<std::future<MigrationReport>> nodes;
    for (int i = 0; i < 6; ++i) {
        nodes.push_back(std::async(std::launch::async, [&] { return migrate(conninfo, nullptr); }));
    }
    int made_it = 0;
    for (auto& node : nodes) {
        const auto report = node.get();
        EXPECT_EQ(report.to_version, schema_version());
        if (report.from_version == 0) ++made_it;
    }
    EXPECT_EQ(made_it, 1);
}

TEST_F(MigrationsTest, NewerDatabaseIsRefused) {
    const auto conninfo = fresh();
    migrate(conninfo, nullptr);
    by_hand("INSERT INTO schema_migrations (version, file) VALUES (9999, '9999_future.sql')");
    EXPECT_THAT([&] { migrate(conninfo, nullptr); },
                ThrowsMessage<Error>(AllOf(HasSubstr("9999"), HasSubstr("install the newer Coffer"))));
    EXPECT_THAT([&] { static_cast<void>(open()); }, ThrowsMessage<Error>(HasSubstr("9999")));
}

TEST_F(MigrationsTest, AFailedMigrationLeavesNothing) {
    const auto conninfo = fresh();
    by_hand("CREATE TABLE master_keys (x int)");  // in the way of the first file
    EXPECT_THAT([&] { migrate(conninfo, nullptr); },
                ThrowsMessage<Error>(AllOf(HasSubstr("0001_secrets.sql"), HasSubstr("rolled back"))));
    EXPECT_EQ(by_hand("SELECT to_regclass('secrets') IS NULL"), "t");
    EXPECT_EQ(by_hand("SELECT count(*) FROM schema_migrations"), "0");
}

TEST_F(MigrationsTest, DatabaseOfAnotherEncodingIsRefused) {
    const auto conninfo = fresh("ENCODING 'SQL_ASCII' LOCALE 'C'");
    EXPECT_THAT([&] { migrate(conninfo, nullptr); }, ThrowsMessage<Error>(HasSubstr("UTF8")));
    EXPECT_EQ(by_hand("SELECT to_regclass('schema_migrations') IS NULL"), "t");
}

TEST_F(MigrationsTest, OpenSaysWhatIsMissing) {
    const auto conninfo = fresh();
    EXPECT_THAT([&] { static_cast<void>(open()); }, ThrowsMessage<Error>(HasSubstr("run 'cofferd migrate'")));
    auto settings = config();
    settings.conninfo = "host=/nonexistent dbname=x";
    EXPECT_THAT([&] { static_cast<void>(Database::open(settings, seals_, observer_)); },
                ThrowsMessage<Error>(HasSubstr("cannot connect to the database")));
    settings.conninfo = "no such keyword=1";
    EXPECT_THAT([&] { static_cast<void>(Database::open(settings, seals_, observer_)); },
                ThrowsMessage<Error>(HasSubstr("malformed")));
}

TEST_F(MigrationsTest, FunctionsFindTheirTablesWhateverTheSearchPath) {
    const auto conninfo = fresh();
    by_hand("CREATE SCHEMA \"Odd schema\"; ALTER DATABASE " + database_name() +
            " SET search_path = \"Odd schema\"");
    migrate(conninfo, nullptr);
    EXPECT_EQ(by_hand("SELECT string_agg(proname, ' ') FROM pg_proc WHERE pronamespace = "
                      "'\"Odd schema\"'::regnamespace AND prorettype = 'trigger'::regtype AND proconfig IS "
                      "DISTINCT FROM "
                      "ARRAY['search_path=\"Odd schema\", pg_temp']"),
              "");
    // As pg_dump --data-only begins, and with a table of that name in the way.
    EXPECT_EQ(by_hand(R"(CREATE TEMPORARY TABLE secrets (id int);
        SET search_path = '';
        INSERT INTO "Odd schema".secrets (id, name, arn, created, last_changed, revision, seal)
            VALUES ('00000000-0000-0000-0000-000000000001', 'a', 'arn', now(), now(), 1, '');
        INSERT INTO "Odd schema".secret_versions (secret_id, version_id, created)
            VALUES ('00000000-0000-0000-0000-000000000001', 'v', now());
        INSERT INTO "Odd schema".staging_labels VALUES ('00000000-0000-0000-0000-000000000001', 'L', 'v', 0);
        DELETE FROM "Odd schema".staging_labels;
        TRUNCATE "Odd schema".iam_entities, "Odd schema".iam_manifest;
        SELECT count(*) FROM "Odd schema".secret_versions)"),
              "1");
}

TEST_F(MigrationsTest, TablesAndColumnsAreExplained) {
    migrate(fresh(), nullptr);
    EXPECT_EQ(by_hand("SELECT string_agg(relname, ' ') FROM pg_class WHERE relkind = 'r' AND relnamespace = "
                      "'public'::regnamespace AND obj_description(oid) IS NULL"),
              "");
    // Every text column compares by bytes, whatever the database's locale.
    EXPECT_EQ(by_hand("SELECT string_agg(attrelid::regclass || '.' || attname, ' ') FROM pg_attribute WHERE "
                      "attnum > 0 AND "
                      "attrelid IN (SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = "
                      "'public'::regnamespace) AND atttypid = 'text'::regtype AND attcollation <> "
                      "'\"C\"'::regcollation"),
              "");
}

}  // namespace
}  // namespace coffer::storage
