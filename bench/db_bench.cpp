// The bare database: one row by its key, and one row inserted durably. What the daemon adds is measured
// against these rates.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <iostream>
#include <memory>
#include <pqxx/pqxx>
#include <random>
#include <string>

#include "figures.hpp"
#include "threads.hpp"

namespace {

using namespace coffer;
using bench::Row;

struct Options {
    std::string conninfo;
    double seconds = 3;
    int rows = 1000;
    std::size_t payload_bytes = 1024;
};

/// A table of its own, dropped at the end, so that nothing of Coffer's is touched.
class ScratchTable {
public:
    explicit ScratchTable(const Options& options) : options_(options), connection_(options.conninfo) {
        pqxx::work tx(connection_);
        tx.exec0("DROP TABLE IF EXISTS bench_payload");
        tx.exec0("CREATE TABLE bench_payload (id bigserial PRIMARY KEY, wrapped_key bytea, payload bytea)");
        tx.exec_params0(
            "INSERT INTO bench_payload (wrapped_key, payload) "
            "SELECT decode(repeat('ab', 40), 'hex'), decode(repeat('cd', $2), 'hex') FROM generate_series(1, "
            "$1)",
            options.rows, static_cast<int>(options.payload_bytes));
        tx.commit();
    }
    ~ScratchTable() {
        try {
            pqxx::work tx(connection_);
            tx.exec0("DROP TABLE bench_payload");
            tx.commit();
        } catch (const std::exception& e) {
            std::cerr << "coffer-db-bench: the table bench_payload was left behind: " << e.what() << "\n";
        }
    }
    ScratchTable(const ScratchTable&) = delete;
    ScratchTable& operator=(const ScratchTable&) = delete;

    [[nodiscard]] Row measure_select(int in_flight) const {
        return bench::measure_threads("db_select", in_flight, duration(), [this](std::size_t worker) {
            auto connection = std::make_shared<pqxx::connection>(options_.conninfo);
            connection->prepare("one", "SELECT wrapped_key, payload FROM bench_payload WHERE id = $1");
            return
                [this, connection, random = std::minstd_rand(static_cast<unsigned>(worker + 1))]() mutable {
                    pqxx::nontransaction tx(*connection);
                    (void)tx.exec_prepared1(
                        "one", 1 + static_cast<int>(random() % static_cast<unsigned>(options_.rows)));
                };
        });
    }

    [[nodiscard]] Row measure_insert(int in_flight) const {
        return bench::measure_threads("db_insert", in_flight, duration(), [this](std::size_t) {
            auto connection = std::make_shared<pqxx::connection>(options_.conninfo);
            connection->prepare("one", "INSERT INTO bench_payload (wrapped_key, payload) VALUES ($1, $2)");
            return [connection, key = pqxx::binarystring(std::string(40, 'k')),
                    payload = pqxx::binarystring(std::string(options_.payload_bytes, 'p'))] {
                // Its own transaction: the statement returns when its commit is on disk.
                pqxx::nontransaction tx(*connection);
                (void)tx.exec_prepared0("one", key, payload);
            };
        });
    }

private:
    [[nodiscard]] bench::Clock::duration duration() const {
        return std::chrono::duration_cast<bench::Clock::duration>(
            std::chrono::duration<double>(options_.seconds));
    }

    Options options_;
    pqxx::connection connection_;
};

void run(const Options& options) {
    const ScratchTable table(options);
    for (const int in_flight : {1, 8, 64}) bench::print_row(std::cout, table.measure_select(in_flight));
    for (const int in_flight : {1, 8, 64}) bench::print_row(std::cout, table.measure_insert(in_flight));
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Measures a PostgreSQL without Coffer around it; needs 65 connections");
    Options options;
    app.add_option("--conninfo", options.conninfo, "libpq connection string, without a password")->required();
    app.add_option("--seconds", options.seconds, "For each figure")->check(CLI::PositiveNumber);
    app.add_option("--rows", options.rows, "Rows to choose from")->check(CLI::PositiveNumber);
    app.add_option("--payload-bytes", options.payload_bytes)->check(CLI::Range(1, 65536));
    CLI11_PARSE(app, argc, argv);
    try {
        run(options);
        return 0;
    } catch (const std::exception& e) {
        std::cerr << "coffer-db-bench: " << e.what() << "\n";
        return 1;
    }
}
