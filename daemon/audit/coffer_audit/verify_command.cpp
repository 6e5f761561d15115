#include <boost/json.hpp>
#include <cstdio>
#include <iostream>
#include <set>

#include "daemon/audit/coffer_audit/against_database.hpp"
#include "daemon/audit/coffer_audit/commands.hpp"
#include "daemon/audit/journal_directory.hpp"
#include "daemon/audit/verifier.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::audit::cli {

namespace {

namespace json = boost::json;

constexpr std::size_t kKeyFileBytesMax = 64 * 1024;
constexpr std::size_t kReportBytesMax = 64 * 1024 * 1024;

std::string read_required(const std::string& file, std::size_t bytes_max = kKeyFileBytesMax) {
    auto text = read_small_file(file, bytes_max);
    if (!text) throw Error("there is no file " + file);
    return *text;
}

/// A checkpoint as the head file has it, or as a sink got it: {"checkpoint":...}, with or without a line
/// feed.
std::string read_head(const std::string& file) {
    constexpr std::string_view kWrapping = "{\"checkpoint\":";
    auto text = read_required(file);
    while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
    if (text.starts_with(kWrapping) && text.ends_with('}')) {
        text = text.substr(kWrapping.size(), text.size() - kWrapping.size() - 1);
    }
    return text + "\n";
}

CheckpointKeys read_keys(const std::vector<std::string>& files) {
    CheckpointKeys keys;
    for (const auto& file : files) {
        try {
            keys.add_pem(read_required(file));
        } catch (const Error& error) {
            throw Error(file + ": " + error.what());
        }
    }
    return keys;
}

std::int64_t number(std::uint64_t value) {
    return static_cast<std::int64_t>(value);
}

json::object to_object(const Finding& finding) {
    return {{"kind", json::string_view(to_text(finding.kind).data(), to_text(finding.kind).size())},
            {"message", finding.message},
            {"sequence", number(finding.sequence)},
            {"eventID", finding.event_id},
            {"eventTime", finding.event_time},
            {"file", finding.file},
            {"offset", number(finding.offset)},
            {"lastGoodEventID", finding.event_id_before}};
}

json::object to_object(const RowFinding& finding) {
    json::object object{{"kind", "row"},
                        {"message", finding.table + " " + finding.key + " " + finding.message},
                        {"table", finding.table},
                        {"key", finding.key},
                        {"eventID", finding.event_id},
                        {"eventTime", finding.event_time}};
    if (finding.surplus) object["surplusEvents"] = *finding.surplus;
    if (finding.revision) {
        object["revision"] = *finding.revision;
        object["sealDigest"] = finding.seal_digest;
    }
    return object;
}

json::value member_or_null(const json::object& object, json::string_view name) {
    const auto* value = object.if_contains(name);
    return value == nullptr ? json::value(nullptr) : *value;
}

/// What makes two findings about rows the same, whenever they were made: also the state that the row has, so
/// that what is known of one state hides no other.
std::string identity_of(const json::object& finding) {
    const auto* surplus = finding.if_contains("surplusEvents");
    const auto* table = finding.if_contains("table");
    const auto* key = finding.if_contains("key");
    const auto* message = finding.if_contains("message");
    if (table == nullptr || key == nullptr || message == nullptr) return {};
    return json::serialize(json::array{*table, *key, surplus == nullptr ? *message : json::value(*surplus),
                                       member_or_null(finding, "revision"),
                                       member_or_null(finding, "sealDigest")});
}

/// Takes out of the report what `file` says as well.
void leave_out_known(const std::string& file, DatabaseReport& report) {
    boost::system::error_code error;
    const auto read = json::parse(read_required(file, kReportBytesMax), error);
    const auto* object = error ? nullptr : read.if_object();
    const auto* findings = object == nullptr ? nullptr : object->if_contains("findings");
    if (findings == nullptr || !findings->is_array()) {
        throw Error(file + ": is not what verify --output json prints");
    }
    std::set<std::string> known;
    for (const auto& finding : findings->get_array()) {
        if (const auto* row = finding.if_object()) known.insert(identity_of(*row));
    }
    const auto left_out = std::erase_if(report.findings, [&](const RowFinding& finding) {
        return known.contains(identity_of(to_object(finding)));
    });
    if (left_out == 0) return;
    report.notes.push_back(std::to_string(left_out) + " findings about rows are known from " + file);
}

/// What the database was found to be, where it was asked for.
using Compared = std::optional<DatabaseReport>;

bool is_good(const VerifyReport& report, const Compared& database) {
    return report.good() && (!database || database->findings.empty());
}

void print_json(const VerifyReport& report, const Compared& database) {
    json::array findings;
    for (const auto& finding : report.findings) findings.push_back(to_object(finding));
    if (database) {
        for (const auto& finding : database->findings) findings.push_back(to_object(finding));
    }
    json::array notes;
    for (const auto& note : report.notes) notes.push_back(json::string(note));
    if (database) {
        for (const auto& note : database->notes) notes.push_back(json::string(note));
    }
    std::cout << json::serialize(json::object{{"good", is_good(report, database)},
                                              {"findings", findings},
                                              {"notes", notes},
                                              {"journal", report.journal},
                                              {"node", report.node},
                                              {"segments", number(report.segments)},
                                              {"records", number(report.records)},
                                              {"events", number(report.events)},
                                              {"checkpoints", number(report.checkpoints)},
                                              {"firstSequence", number(report.first_sequence)},
                                              {"lastSequence", number(report.last_sequence)},
                                              {"lastSignedSequence", number(report.last_signed_sequence)},
                                              {"signingKey", report.signing_key},
                                              {"signingKeyGeneration", report.signing_generation},
                                              {"firstEventTime", report.first_event_time},
                                              {"lastEventTime", report.last_event_time},
                                              {"rowsCompared", number(database ? database->rows : 0)},
                                              {"live", report.live}})
              << "\n";
}

void print_finding(const Finding& finding) {
    std::cout << "WRONG: " << to_text(finding.kind) << ": " << terminal_text(finding.message) << "\n";
    if (finding.sequence > 0) std::cout << "  sequence         " << finding.sequence << "\n";
    if (!finding.event_id.empty()) std::cout << "  event            " << finding.event_id << "\n";
    if (!finding.event_time.empty()) std::cout << "  time             " << finding.event_time << "\n";
    if (!finding.file.empty()) {
        std::cout << "  place            " << terminal_text(finding.file) << ", byte " << finding.offset
                  << "\n";
    }
    if (!finding.event_id_before.empty()) {
        std::cout << "  last good event  " << finding.event_id_before << "\n";
    }
}

void print_table(const VerifyReport& report) {
    std::cout << "journal " << report.journal << " of node \"" << terminal_text(report.node) << "\""
              << (report.live ? ", being written now" : "") << "\n"
              << report.segments << " segments, " << report.records << " records checked ("
              << report.first_sequence << " to " << report.last_sequence << "), " << report.events
              << " of them events, " << report.checkpoints << " signed checkpoints\n";
    if (!report.first_event_time.empty()) {
        std::cout << "events from " << report.first_event_time << " to " << report.last_event_time << "\n";
    }
    for (const auto& note : report.notes) std::cout << "note: " << terminal_text(note) << "\n";
    for (const auto& finding : report.findings) print_finding(finding);
    if (report.good()) {
        std::cout << "GOOD: nothing was changed, removed, reordered or cut off; signed up to record "
                  << report.last_signed_sequence << "\n";
    }
}

/// `proven`: the journals are what was written. `known`: some findings may have been left out.
void print_table(const DatabaseReport& report, bool proven, bool known) {
    std::cout << "database: " << report.rows << " sealed rows compared\n";
    for (const auto& note : report.notes) std::cout << "note: " << terminal_text(note) << "\n";
    for (const auto& finding : report.findings) {
        std::cout << "WRONG: row: "
                  << terminal_text(finding.table + " " + finding.key + " " + finding.message) << "\n";
        if (!finding.event_id.empty()) std::cout << "  last event       " << finding.event_id << "\n";
        if (!finding.event_time.empty()) std::cout << "  time             " << finding.event_time << "\n";
    }
    if (report.findings.empty()) {
        std::cout << (proven ? "GOOD: every sealed row of the database has the seal that its last event left"
                             : "every sealed row that was compared has the seal that these journals say")
                  << (known ? ", but for what is known" : "")
                  << ". Whether a row fits its seal the token alone can say: cofferd asks it at each load\n";
    }
}

/// Adds what is wrong with the other nodes' journals.
void verify_others(const VerifyCommand& command, const CheckpointKeys& keys, VerifyReport& report) {
    for (const auto& directory : command.more_journals) {
        auto other = verify_journal(directory, keys);
        for (auto& finding : other.findings) {
            finding.file = directory + "/" + finding.file;
            report.findings.push_back(std::move(finding));
        }
    }
}

std::vector<std::filesystem::path> journals_of(const VerifyCommand& command) {
    std::vector<std::filesystem::path> directories{command.directory};
    directories.insert(directories.end(), command.more_journals.begin(), command.more_journals.end());
    return directories;
}

/// A journal that is not what was written proves nothing about the database; what it says is shown all the
/// same, since whoever has to put things right needs both. Nothing where it cannot be read.
Compared compare(const VerifyCommand& command, VerifyReport& report) {
    if (report.good()) return compare_with_database(journals_of(command), command.conninfo);
    try {
        auto database = compare_with_database(journals_of(command), command.conninfo);
        database.notes.emplace_back(
            "the journals have findings: what they say of rows is no proof, and events that are gone show as "
            "changes without an event");
        return database;
    } catch (const Error& error) {
        report.notes.push_back("the database was not compared: " + std::string(error.what()));
        return std::nullopt;
    }
}

}  // namespace

int run_verify(const VerifyCommand& command) {
    const auto keys = read_keys(command.public_keys);
    VerifyOptions options;
    for (const auto& file : command.heads) options.heads.push_back(read_head(file));
    auto report = verify_journal(command.directory, keys, options);
    verify_others(command, keys, report);
    Compared database;
    if (!command.conninfo.empty()) database = compare(command, report);
    if (database && !command.known.empty()) leave_out_known(command.known, *database);
    if (command.output == Output::json) {
        print_json(report, database);
    } else {
        print_table(report);
        if (database) print_table(*database, report.good(), !command.known.empty());
    }
    return is_good(report, database) ? kExitGood : kExitFound;
}

}  // namespace coffer::audit::cli
