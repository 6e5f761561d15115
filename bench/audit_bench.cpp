// How many audit events a second become durable, with several in flight, against a bare fdatasync of as many
// bytes: what group commit gains on this disk.
//
//     coffer-audit-bench --dir DIR [--seconds N]

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <filesystem>
#include <iostream>
#include <string>

#include "daemon/audit/journal.hpp"
#include "daemon/audit/posix_file.hpp"
#include "figures.hpp"
#include "threads.hpp"

namespace {

using namespace coffer;
using bench::Row;

struct Options {
    std::string directory;
    double seconds = 2;
};

bench::Clock::duration duration_of(const Options& options) {
    return std::chrono::duration_cast<bench::Clock::duration>(std::chrono::duration<double>(options.seconds));
}

audit::Event sample_event() {
    audit::Event event;
    event.user_identity.type = audit::IdentityType::iam_user;
    event.user_identity.arn = "arn:aws:iam::123456789012:user/app-a";
    event.user_identity.user_name = "app-a";
    event.time = SystemClock().now();
    event.name = "GetSecretValue";
    event.region = "eu-1";
    event.source_address = "192.0.2.7";
    event.user_agent = "bench";
    event.request_parameters = boost::json::object{{"secretId", "app/db"}};
    event.request_id = event.event_id.text();
    event.resources.push_back(
        {"arn:aws:secretsmanager:eu-1:123456789012:secret:app/db-AbCdEf", "123456789012"});
    event.recipient_account_id = "123456789012";
    event.read_only = true;
    return event;
}

/// One thread that writes as many bytes as an event has, and waits for the disk, again and again.
Row measure_bare(const Options& options) {
    const auto bytes = audit::to_json(sample_event()).size() + 89;
    const std::filesystem::path file = std::filesystem::path(options.directory) / "bare";
    auto row = bench::measure_threads("audit_bare_fdatasync", 1, duration_of(options), [&](std::size_t) {
        return [fd = audit::open_file(file, O_WRONLY | O_CREAT | O_TRUNC, 0600),
                text = std::string(bytes, 'x'), offset = std::uint64_t{0}]() mutable {
            audit::write_at(fd.get(), text, offset, "bare");
            offset += text.size();
            audit::sync_data(fd.get(), "bare");
        };
    });
    std::filesystem::remove(file);
    return row;
}

Row measure_journal(audit::Journal& journal, int in_flight, const Options& options) {
    return bench::measure_threads("audit_append", in_flight, duration_of(options), [&](std::size_t) {
        return [&journal] {
            const auto event = sample_event();
            (void)wait_for<audit::Receipt>([&](Completion<audit::Receipt> done) {
                journal.append(event, audit::Admission::request, std::move(done));
            });
        };
    });
}

void run(const Options& options) {
    const auto folder = std::filesystem::path(options.directory) / "audit-bench";
    std::filesystem::create_directories(folder);
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
    const SystemClock clock;
    audit::JournalConfig config;
    config.directory = folder;
    config.node = "bench";
    bench::print_row(std::cout, measure_bare(options));
    {
        const auto journal = audit::Journal::open(config, nullptr, nullptr, clock);
        for (const int in_flight : {1, 8, 64}) {
            bench::print_row(std::cout, measure_journal(*journal, in_flight, options));
        }
    }
    std::filesystem::remove_all(folder);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Measures the audit journal against the bare disk");
    Options options;
    app.add_option("--dir", options.directory, "a folder on the disk to be measured")->required();
    app.add_option("--seconds", options.seconds, "for each figure")->check(CLI::PositiveNumber);
    CLI11_PARSE(app, argc, argv);
    try {
        run(options);
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "coffer-audit-bench: " << error.what() << "\n";
        return 1;
    }
}
