#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <iostream>

#include "daemon/audit/coffer_audit/commands.hpp"
#include "daemon/audit/journal_directory.hpp"
#include "daemon/audit/journal_reader.hpp"
#include "daemon/audit/utc_time.hpp"

namespace coffer::audit::cli {

namespace {

namespace json = boost::json;

/// "90m", "24h", "7d" before now, or a time.
Timestamp parse_time(const std::string& text, const char* option) {
    if (const auto time = parse_utc(text)) return *time;
    std::int64_t count = 0;
    const auto* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, count);
    if (error == std::errc{} && count >= 0 && count <= 1'000'000 && at + 1 == end) {
        const auto now = SystemClock().now();
        if (*at == 'm') return now - std::chrono::minutes(count);
        if (*at == 'h') return now - std::chrono::hours(count);
        if (*at == 'd') return now - std::chrono::hours(24 * count);
    }
    throw UsageError(std::string(option) +
                     " takes a time like 2026-11-25, 2026-11-25T12:00:00Z, 90m, 24h or 7d, not '" +
                     terminal_text(text) + "'");
}

std::optional<json::object> parse_object(const std::string& text) {
    boost::system::error_code error;
    auto value = json::parse(text, error);
    if (error || !value.is_object()) return std::nullopt;
    return std::move(value.get_object());
}

std::string padded(const std::string& text, std::size_t width) {
    auto out = terminal_text(text);
    if (out.size() < width) out.resize(width, ' ');
    return out;
}

void print_row(const JournalRecord& record, const EventSummary& summary) {
    std::cout << padded(std::to_string(record.sequence), 9) << " " << padded(summary.time, 20) << " "
              << padded(summary.name, 24) << " "
              << padded(summary.error_code.empty() ? "OK" : summary.error_code, 26) << " "
              << padded(summary.principal, 44) << " " << terminal_text(summary.secret) << "\n";
}

void print_header() {
    std::cout << padded("SEQUENCE", 9) << " " << padded("TIME", 20) << " " << padded("ACTION", 24) << " "
              << padded("OUTCOME", 26) << " " << padded("PRINCIPAL", 44) << " SECRET\n";
}

JournalReader read_journal(const std::filesystem::path& directory) {
    static_cast<void>(list_journal(directory));  // a wrong folder is not one without the event
    return JournalReader(directory);
}

void print_whole(const JournalRecord& record, const json::object& event, Output output) {
    if (output == Output::json) {
        std::cout << record.json << "\n";
        return;
    }
    std::cout << "sequence " << record.sequence << ", segment " << record.segment << ", byte "
              << record.offset << "\nchain " << to_text(record.chain) << "\n";
    for (const auto& [name, value] : event) {
        std::cout << padded(std::string(name), 20) << " " << terminal_text(json::serialize(value)) << "\n";
    }
}

}  // namespace

int run_search(const SearchCommand& command) {
    auto filter = command.filter;
    if (!command.since.empty()) filter.since = parse_time(command.since, "--since");
    if (!command.until.empty()) filter.until = parse_time(command.until, "--until");
    auto reader = read_journal(command.directory);
    std::uint64_t found = 0;
    while (const auto record = reader.next()) {
        if (record->kind != RecordKind::event) continue;
        const auto event = parse_object(record->json);
        if (!event || !filter.matches(*event)) continue;
        if (command.output == Output::json) {
            std::cout << record->json << "\n";
        } else {
            if (found == 0) print_header();
            print_row(*record, *summarize(*event));
        }
        if (++found == command.limit) break;
    }
    if (found > 0) return kExitGood;
    std::cerr << "coffer-audit: no event matches\n";
    return kExitFound;
}

int run_show(const ShowCommand& command) {
    if (command.event_id.empty() == !command.sequence) {
        throw UsageError("show wants one of --event-id and --sequence");
    }
    auto reader = read_journal(command.directory);
    while (const auto record = reader.next()) {
        if (command.sequence && record->sequence != *command.sequence) continue;
        const auto event = parse_object(record->json);
        if (!event) continue;
        if (!command.sequence) {
            const auto summary = summarize(*event);
            if (!summary || summary->event_id != command.event_id) continue;
        }
        print_whole(*record, *event, command.output);
        return kExitGood;
    }
    std::cerr << "coffer-audit: no such record\n";
    return kExitFound;
}

}  // namespace coffer::audit::cli
