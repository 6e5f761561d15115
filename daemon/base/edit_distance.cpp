#include "daemon/base/edit_distance.hpp"

#include <algorithm>

namespace coffer {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t above = row[j];
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({above + 1, row[j - 1] + 1, replaced});
            diagonal = above;
        }
    }
    return row[b.size()];
}

std::string_view nearest_word(std::string_view unknown, const std::vector<std::string>& known) {
    std::string_view nearest;
    std::size_t nearest_distance = std::max<std::size_t>(2, unknown.size() / 3) + 1;
    for (const auto& word : known) {
        const auto distance = edit_distance(unknown, word);
        if (distance >= nearest_distance) continue;
        nearest = word;
        nearest_distance = distance;
    }
    return nearest;
}

}  // namespace coffer
