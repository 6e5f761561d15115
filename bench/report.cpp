// Puts the rows of one run together: ratios, a table for people, JSON for machines, a picture of how cost
// grows with the number of secrets.

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "figures.hpp"
#include "growth_plot.hpp"

namespace {

using namespace coffer::bench;

/// What each of the appliance's figures is compared with: the part of it that no design can do without.
const std::map<std::string, std::string, std::less<>> kBareOf = {
    {"get_hot", "token_decrypt"}, {"get_cold", "token_open"}, {"create", "db_insert"},
    {"put", "db_insert"},         {"list", "db_select"},
};

struct Ratio {
    std::string to;
    double value = 0;
};

/// The ratio to the bare part at as many in flight, on the same token.
std::optional<Ratio> ratio_of(const Row& row, const std::vector<Row>& rows) {
    const auto bare = kBareOf.find(row.name);
    if (bare == kBareOf.end()) return std::nullopt;
    for (const auto& other : rows) {
        if (other.name != bare->second || other.token != row.token || other.in_flight != row.in_flight)
            continue;
        return Ratio{bare->second, row.per_second / other.per_second};
    }
    return std::nullopt;
}

std::string json_of(const std::vector<Row>& rows) {
    boost::json::array list;
    for (const auto& row : rows) {
        boost::json::object o;
        o["name"] = row.name;
        o["token"] = row.token;
        o["in_flight"] = row.in_flight;
        o["per_second"] = row.per_second;
        o["p50_us"] = row.p50_us;
        o["p99_us"] = row.p99_us;
        const auto ratio = ratio_of(row, rows);
        o["ratio_to"] = ratio ? boost::json::value(ratio->to) : boost::json::value(nullptr);
        o["ratio"] = ratio ? boost::json::value(ratio->value) : boost::json::value(nullptr);
        if (row.secrets > 0) o["secrets"] = row.secrets;
        list.push_back(std::move(o));
    }
    std::ostringstream out;
    out << "[\n";
    for (std::size_t i = 0; i < list.size(); ++i) {
        out << "  " << boost::json::serialize(list[i]) << (i + 1 < list.size() ? ",\n" : "\n");
    }
    out << "]\n";
    return out.str();
}

void print_table(const std::vector<Row>& rows) {
    std::printf("%-16s %-9s %9s %9s %11s %10s %10s  %s\n", "name", "token", "in flight", "secrets",
                "per second", "p50, us", "p99, us", "ratio");
    std::string previous;
    for (const auto& row : rows) {
        if (!previous.empty() && previous != row.name) std::printf("\n");
        previous = row.name;
        const std::string secrets = row.secrets > 0 ? std::to_string(row.secrets) : "";
        std::printf("%-16s %-9s %9d %9s %11.0f %10.1f %10.1f", row.name.c_str(), row.token.c_str(),
                    row.in_flight, secrets.c_str(), row.per_second, row.p50_us, row.p99_us);
        if (const auto ratio = ratio_of(row, rows)) {
            std::printf("  %.2f of %s", ratio->value, ratio->to.c_str());
        }
        std::printf("\n");
    }
}

std::vector<Row> read_all(const std::vector<std::string>& files) {
    std::vector<Row> all;
    for (const auto& file : files) {
        std::ifstream in(file);
        if (!in) throw std::runtime_error(file + " cannot be read");
        const auto rows = read_rows(in);
        all.insert(all.end(), rows.begin(), rows.end());
    }
    return all;
}

void write_file(const std::string& file, const std::string& content) {
    std::ofstream out(file, std::ios::trunc);
    if (!(out << content) || !out.flush()) throw std::runtime_error(file + " cannot be written");
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Reports what the benchmarks measured");
    std::vector<std::string> files;
    std::string json_file;
    std::string plot_file;
    app.add_option("FILE", files, "Rows, one JSON object on each line")->required();
    app.add_option("--json", json_file, "Write the rows with their ratios here");
    app.add_option("--plot", plot_file, "Write a picture (SVG) of cost over the number of secrets here");
    CLI11_PARSE(app, argc, argv);
    try {
        const auto rows = read_all(files);
        print_table(rows);
        if (!json_file.empty()) write_file(json_file, json_of(rows));
        if (!plot_file.empty()) write_file(plot_file, growth_plot(rows));
        return 0;
    } catch (const std::exception& e) {
        std::cerr << "coffer-bench-report: " << e.what() << "\n";
        return 1;
    }
}
