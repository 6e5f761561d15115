#pragma once
// Tables of the verbs for hands: columns as wide as need be, two blanks between, no lines.

#include <string>
#include <vector>

namespace coffer::cli {

/// Characters of a cell; what is longer is cut.
inline constexpr std::size_t kCellCharactersMax = 512;

class Columns {
public:
    explicit Columns(std::vector<std::string> head) { add(std::move(head)); }
    /// Control characters are made visible: names and descriptions are other people's text.
    void add(std::vector<std::string> row);
    [[nodiscard]] std::string text() const;

private:
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace coffer::cli
