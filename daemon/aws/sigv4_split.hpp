#pragma once
// Lists as HTTP and signatures write them.

#include <string_view>
#include <vector>

namespace coffer::aws {

/// What stands between the `at`s, empty parts as well; one part at least.
[[nodiscard]] inline std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    while (true) {
        const auto end = text.find(at);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

}  // namespace coffer::aws
