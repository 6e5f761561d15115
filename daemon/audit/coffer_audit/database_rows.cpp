#include "daemon/audit/coffer_audit/database_rows.hpp"

#include <libpq-fe.h>

#include <boost/json.hpp>
#include <memory>

#include "daemon/base/errors.hpp"
#include "daemon/base/free_with.hpp"

namespace coffer::audit::cli {

namespace {

namespace json = boost::json;

using Connection = std::unique_ptr<PGconn, FreeWith<PQfinish>>;
using Result = std::unique_ptr<PGresult, FreeWith<PQclear>>;

std::string one_line(std::string text) {
    while (text.ends_with('\n')) text.pop_back();
    for (auto& c : text) {
        if (c == '\n') c = ' ';
    }
    return text;
}

Connection connect(const std::string& conninfo) {
    Connection connection(PQconnectdb(conninfo.c_str()));
    if (!connection) throw Error("no memory for a connection to the database");
    if (PQstatus(connection.get()) != CONNECTION_OK) {
        throw Error("the database cannot be reached: " + one_line(PQerrorMessage(connection.get())));
    }
    return connection;
}

Result execute(PGconn* connection, const char* sql) {
    Result result(PQexec(connection, sql));
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        throw Error("the database refused a statement: " + one_line(PQerrorMessage(connection)));
    }
    return result;
}

std::string cell(const Result& result, int row, int column) {
    return PQgetvalue(result.get(), row, column);
}

std::int64_t number(const Result& result, int row, int column) {
    return std::stoll(cell(result, row, column));
}

void read_table(PGconn* connection, const char* table, const char* sql, DatabaseSnapshot& snapshot) {
    const auto result = execute(connection, sql);
    for (int row = 0; row < PQntuples(result.get()); ++row) {
        snapshot.rows[{table, cell(result, row, 0)}] = {number(result, row, 1), cell(result, row, 2),
                                                        cell(result, row, 3)};
    }
}

/// The manifest says which rows of iam_entities there are, and its own seal is what events have.
void compare_manifest(const std::string& entries, const DatabaseSnapshot& entities,
                      std::vector<std::string>& problems) {
    boost::system::error_code error;
    const auto value = json::parse(entries, error);
    if (error || !value.is_array()) {
        problems.emplace_back("iam_manifest: its entries are no JSON list");
        return;
    }
    std::map<RowKey, DatabaseRow> unlisted = entities.rows;
    for (const auto& entry : value.get_array()) {
        const auto* fields = entry.if_array();
        if (fields == nullptr || fields->size() < 4 || !fields->at(0).is_string() ||
            !fields->at(1).is_string() || !fields->at(3).is_string()) {
            problems.emplace_back("iam_manifest: an entry is not one that Coffer makes");
            continue;
        }
        const auto key =
            std::string(fields->at(0).get_string()) + "/" + std::string(fields->at(1).get_string());
        const auto found = unlisted.find({"iam_entities", key});
        if (found == unlisted.end()) {
            problems.push_back("iam_entities: " + key + " is gone from the database");
            continue;
        }
        if (found->second.seal != std::string(fields->at(3).get_string())) {
            problems.push_back("iam_entities: " + key + " is not the row that the manifest lists");
        }
        unlisted.erase(found);
    }
    for (const auto& [key, row] : unlisted) {
        problems.push_back("iam_entities: " + key.second + " was inserted: the manifest does not list it");
    }
}

void read_iam(PGconn* connection, DatabaseSnapshot& snapshot) {
    const auto manifest =
        execute(connection, "SELECT revision, coalesce(encode(seal, 'hex'), ''), entries FROM iam_manifest");
    if (PQntuples(manifest.get()) != 1) {
        snapshot.problems.emplace_back("iam_manifest: its row is gone");
        return;
    }
    const auto revision = number(manifest, 0, 0);
    if (revision > 0) snapshot.rows[{"iam_manifest", "manifest"}] = {revision, cell(manifest, 0, 1), {}};
    DatabaseSnapshot entities;
    read_table(connection, "iam_entities",
               "SELECT kind || '/' || name, revision, encode(seal, 'hex'), name FROM iam_entities", entities);
    compare_manifest(cell(manifest, 0, 2), entities, snapshot.problems);
}

Waited waited_from(const std::string& text) {
    if (text == "shortly") return Waited::shortly;
    return text == "not yet" ? Waited::not_yet : Waited::long_ago;
}

void read_outbox(PGconn* connection, DatabaseSnapshot& snapshot) {
    // Not now(): that is before the snapshot, and a row may have been stored in between.
    const auto outbox =
        execute(connection,
                "SELECT event_id, node, event, stored, CASE WHEN stored > clock_timestamp() THEN 'not yet' "
                "WHEN stored > clock_timestamp() - interval '2 minutes' THEN 'shortly' ELSE 'long ago' END "
                "FROM audit_outbox");
    for (int row = 0; row < PQntuples(outbox.get()); ++row) {
        snapshot.outbox.push_back({cell(outbox, row, 0), cell(outbox, row, 1), cell(outbox, row, 2),
                                   cell(outbox, row, 3), waited_from(cell(outbox, row, 4))});
    }
}

}  // namespace

DatabaseSnapshot read_database(const std::string& conninfo) {
    const auto connection = connect(conninfo);
    static_cast<void>(execute(connection.get(), "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
    DatabaseSnapshot snapshot;
    read_table(connection.get(), "secrets", "SELECT id, revision, encode(seal, 'hex'), name FROM secrets",
               snapshot);
    read_table(connection.get(), "set_seals",
               "SELECT s.name, coalesce(s.revision, (SELECT count(*) FROM master_keys)), encode(s.seal, "
               "'hex'), s.name "
               "FROM set_seals s WHERE s.seal IS NOT NULL",
               snapshot);
    read_iam(connection.get(), snapshot);
    read_outbox(connection.get(), snapshot);
    static_cast<void>(execute(connection.get(), "COMMIT"));
    return snapshot;
}

}  // namespace coffer::audit::cli
