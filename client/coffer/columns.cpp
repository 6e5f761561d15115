#include "client/coffer/columns.hpp"

#include <algorithm>

#include "client/coffer/visible.hpp"
#include "proto/utf8.hpp"

namespace coffer::cli {

namespace {

std::size_t width_of(const std::string& text) {
    return proto::utf8_length(text).value_or(text.size());
}

}  // namespace

void Columns::add(std::vector<std::string> row) {
    for (auto& cell : row) cell = proto::printable(view(visible(cell)), kCellCharactersMax);
    rows_.push_back(std::move(row));
}

std::string Columns::text() const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
    }
    std::string text;
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += row[i];
            line.append(widths[i] - width_of(row[i]) + 2, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    }
    return text;
}

}  // namespace coffer::cli
