// coffer-limits-table FILE: writes the limits that the schema states into docs/protocol.md.

#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "limits_table.hpp"

namespace {

void update(const std::string& file) {
    std::ifstream in(file);
    if (!in) throw std::runtime_error("cannot be read");
    const std::string document((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const std::string updated = coffer::proto::with_limits(document);
    std::ofstream out(file, std::ios::trunc);
    if (!(out << updated) || !out.flush()) throw std::runtime_error("cannot be written");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: coffer-limits-table docs/protocol.md\n";
        return 2;
    }
    try {
        update(argv[1]);
        return 0;
    } catch (const std::exception& e) {
        std::cerr << "coffer-limits-table: " << argv[1] << ": " << e.what() << "\n";
        return 1;
    }
}
