// coffer-bench-report: reads the rows that the programs of one run printed.

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "figures.hpp"
#include "growth_plot.hpp"
#include "report.hpp"

namespace {

using namespace coffer::bench;

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
