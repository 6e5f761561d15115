// The load on an appliance: fills it with secrets, and measures one operation at a time with so many calls in
// flight. One thread and few connections, since it shares the processors with what it measures.

#include <CLI/CLI.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "client/async_client.hpp"
#include "coffer/v1/secrets.pb.h"
#include "daemon/base/uuid.hpp"
#include "figures.hpp"
#include "stored_secrets.hpp"

namespace {

using namespace coffer;
namespace asio = boost::asio;
using bench::Clock;
using bench::kHotSecrets;
using bench::name_of;

/// Secrets that get_cold_key goes round: more than the daemon keeps keys of (1,000 by the profiles of the
/// software tokens), few enough that it keeps their rows.
constexpr std::int64_t kColdKeySecrets = 3000;
/// Secrets whose AWSCURRENT is moved; more than any number in flight, each moved by one worker alone.
constexpr std::int64_t kMovedSecrets = 256;
constexpr int kPopulateInFlight = 64;
constexpr int kListPage = 100;

struct Options {
    client::Config client;
    std::string endpoint;
    std::int64_t secrets = 1000;
    std::int64_t first = 0;
    double seconds = 3;
    std::size_t payload_bytes = 1024;
    std::vector<int> in_flight = {1, 8, 64};
    bool state_secrets = false;
    std::vector<std::string> operations;
};

/// A version's id is the token it was written with: the same for every run, so that storing again changes
/// nothing.
std::string version_of(std::int64_t number, int version) {
    std::string digits = std::to_string(number);
    return "00000000-0000-4000-800" + std::to_string(version) + "-" + std::string(12 - digits.size(), '0') +
           digits;
}

/// What one worker does again and again; its argument is the worker's number.
using Step = std::function<asio::awaitable<void>(int)>;

class Load {
public:
    explicit Load(const Options& options) : options_(options), client_(io_.get_executor(), options.client) {}

    /// Stores the secrets from `first` to `secrets`.
    void populate() {
        std::int64_t next = options_.first;
        in_parallel(kPopulateInFlight, [this, &next](int) -> asio::awaitable<void> {
            while (next < options_.secrets) {
                const std::int64_t number = next++;
                auto request = create_request(name_of(number), version_of(number, 0));
                (void)co_await client_.create_secret(std::move(request));
            }
        });
    }

    [[nodiscard]] bench::Row measure(const std::string& operation, int in_flight) {
        const Step step = prepare(operation, in_flight);
        bench::Latencies latencies;
        const auto start = Clock::now();
        const auto end = start + std::chrono::duration_cast<Clock::duration>(
                                     std::chrono::duration<double>(options_.seconds));
        in_parallel(in_flight, [&](int worker) -> asio::awaitable<void> {
            for (auto before = Clock::now(); before < end;) {
                co_await step(worker);
                const auto after = Clock::now();
                latencies.add(after - before);
                before = after;
            }
        });
        auto row = bench::make_row(operation, in_flight, std::move(latencies), Clock::now() - start);
        if (options_.state_secrets) row.secrets = options_.secrets;
        return row;
    }

private:
    /// Runs `worker(0)` to `worker(count - 1)` at once and waits for all. Throws what the first failure was.
    void in_parallel(int count, const Step& worker) {
        std::exception_ptr failure;
        int running = count;
        for (int i = 0; i < count; ++i) {
            asio::co_spawn(io_, worker(i), [&](const std::exception_ptr& e) {
                if (e && !failure) failure = e;
                if (--running == 0 || e) io_.stop();
            });
        }
        io_.restart();
        io_.run();
        if (failure) std::rethrow_exception(failure);
    }

    Step prepare(const std::string& operation, int in_flight) {
        if (operation == "get_hot") return prepare_round(kHotSecrets);
        if (operation == "get_cold_key") return prepare_round(kColdKeySecrets);
        if (operation == "get_cold") {
            return [this](int) { return read(name_of(cold_++ % options_.secrets)); };
        }
        if (operation == "create") return prepare_create();
        if (operation == "put") {
            return [this](int) { return put(name_of(put_++ % options_.secrets), Uuid::random().text()); };
        }
        if (operation == "label_move") return prepare_label_move(in_flight);
        return prepare_list(in_flight);
    }

    /// Reads round the first `count` secrets, each of which is read once before.
    Step prepare_round(std::int64_t count) {
        const std::int64_t round = std::min(count, options_.secrets);
        std::int64_t next = 0;
        in_parallel(8, [this, &next, round](int) -> asio::awaitable<void> {
            while (next < round) co_await read(name_of(next++));
        });
        return [this, round](int) { return read(name_of(round_++ % round)); };
    }

    Step prepare_create() {
        const std::string run = Uuid::random().text();
        return [this, run](int) { return create("bench-new/" + run + "/" + std::to_string(created_++)); };
    }

    /// Each worker has secrets of its own and moves AWSCURRENT from one version of the next to the other.
    Step prepare_label_move(int in_flight) {
        const std::int64_t moved = std::min(kMovedSecrets, options_.secrets);
        std::int64_t next = 0;
        in_parallel(8, [this, &next, moved](int) -> asio::awaitable<void> {
            while (next < moved) {
                const std::int64_t number = next++;
                co_await put(name_of(number), version_of(number, 1));
                v1::GetSecretValueRequest request;
                request.set_secret_id(name_of(number));
                const auto answer = co_await client_.get_secret_value(std::move(request));
                current_[number] = answer.version_id();
            }
        });
        turns_.assign(static_cast<std::size_t>(in_flight), 0);
        return [this, in_flight, moved](int worker) {
            auto& turn = turns_.at(static_cast<std::size_t>(worker));
            const std::int64_t own = (moved - worker + in_flight - 1) / in_flight;
            return move_label(worker + (turn++ % own) * in_flight);
        };
    }

    Step prepare_list(int in_flight) {
        pages_.assign(static_cast<std::size_t>(in_flight), {});
        return [this](int worker) { return list_next_page(worker); };
    }

    v1::CreateSecretRequest create_request(std::string name, std::string token) const {
        v1::CreateSecretRequest request;
        request.set_name(std::move(name));
        request.set_client_request_token(std::move(token));
        request.set_secret_string(payload_);
        return request;
    }

    asio::awaitable<void> read(std::string name) {
        v1::GetSecretValueRequest request;
        request.set_secret_id(std::move(name));
        (void)co_await client_.get_secret_value(std::move(request));
    }

    asio::awaitable<void> create(std::string name) {
        auto request = create_request(std::move(name), Uuid::random().text());
        (void)co_await client_.create_secret(std::move(request));
    }

    asio::awaitable<void> put(std::string name, std::string token) {
        v1::PutSecretValueRequest request;
        request.set_secret_id(std::move(name));
        request.set_client_request_token(std::move(token));
        request.set_secret_string(payload_);
        (void)co_await client_.put_secret_value(std::move(request));
    }

    asio::awaitable<void> move_label(std::int64_t number) {
        std::string& current = current_.at(number);
        const std::string first = version_of(number, 0);
        std::string target = current == first ? version_of(number, 1) : first;
        v1::UpdateSecretVersionStageRequest request;
        request.set_secret_id(name_of(number));
        request.set_version_stage("AWSCURRENT");
        request.set_remove_from_version_id(current);
        request.set_move_to_version_id(target);
        (void)co_await client_.update_secret_version_stage(std::move(request));
        current = std::move(target);
    }

    asio::awaitable<void> list_next_page(int worker) {
        std::string& page = pages_.at(static_cast<std::size_t>(worker));
        v1::ListSecretsRequest request;
        request.set_max_results(kListPage);
        if (!page.empty()) request.set_next_token(page);
        const auto answer = co_await client_.list_secrets(std::move(request));
        page = answer.next_token();
    }

    const Options& options_;
    asio::io_context io_{1};
    client::AsyncClient client_;
    std::string payload_ = std::string(options_.payload_bytes, 's');
    std::int64_t round_ = 0;
    std::int64_t cold_ = 0;
    std::int64_t put_ = 0;
    std::int64_t created_ = 0;
    std::map<std::int64_t, std::string> current_;  ///< secret to the version with AWSCURRENT
    std::vector<std::int64_t> turns_;              ///< of each worker
    std::vector<std::string> pages_;               ///< of each worker: where its listing goes on
};

void add_common(CLI::App& app, Options& options) {
    app.add_option("--endpoint", options.endpoint, "HOST:PORT of the daemon")->required();
    app.add_option("--server-name", options.client.server_name, "Name that its certificate must be for");
    app.add_option("--ca", options.client.ca_file, "PEM file of the CA of that certificate")->required();
    app.add_option("--certificate", options.client.cert_file, "PEM file of our certificate")->required();
    app.add_option("--key", options.client.key_file, "PEM file of our key")->required();
    app.add_option("--connections", options.client.connections_max, "At most")->check(CLI::Range(1, 1000));
    app.add_option("--payload-bytes", options.payload_bytes)->check(CLI::Range(1, 65536));
}

int run(Options& options, bool populate) {
    client::set_endpoint(options.client, options.endpoint, "--endpoint");
    options.client.client_name = "coffer-load";
    Load load(options);
    if (populate) {
        load.populate();
        return 0;
    }
    for (const auto& operation : options.operations) {
        for (const int in_flight : options.in_flight)
            bench::print_row(std::cout, load.measure(operation, in_flight));
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    options.client.connections_max = 4;
    CLI::App app("Loads an appliance and measures what it does");
    app.require_subcommand(1);
    add_common(app, options);
    app.fallthrough();
    auto* populate = app.add_subcommand("populate", "Store secrets");
    populate->add_option("--secrets", options.secrets, "How many in all")
        ->required()
        ->check(CLI::PositiveNumber);
    populate->add_option("--first", options.first, "How many are there already")
        ->check(CLI::NonNegativeNumber);
    auto* measure = app.add_subcommand("measure", "Measure operations, one after the other");
    measure->add_option("--secrets", options.secrets, "How many are stored")
        ->required()
        ->check(CLI::PositiveNumber);
    measure->add_option("--seconds", options.seconds, "For each figure")->check(CLI::PositiveNumber);
    measure->add_option("--in-flight", options.in_flight, "Numbers of calls in flight")->delimiter(',');
    measure->add_flag("--state-secrets", options.state_secrets, "Put the number of secrets into the rows");
    measure->add_option("OPERATION", options.operations)
        ->required()
        ->check(
            CLI::IsMember({"get_hot", "get_cold", "get_cold_key", "create", "put", "label_move", "list"}));
    CLI11_PARSE(app, argc, argv);
    try {
        return run(options, populate->parsed());
    } catch (const std::exception& e) {
        std::cerr << "coffer-load: " << e.what() << "\n";
        return 1;
    }
}
