#include "daemon/access/arn.hpp"

#include <algorithm>

#include "daemon/access/ascii.hpp"

namespace coffer::access {
namespace {

std::optional<Arn> split(std::string_view text, bool variables) noexcept {
    Arn arn;
    std::size_t part = 0;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size() && part + 1 < kArnParts; ++i) {
        if (variables && text.substr(i, 2) == "${") {
            const auto close = text.find('}', i);
            if (close == std::string_view::npos) break;
            i = close;
        } else if (text[i] == ':') {
            arn.parts[part++] = text.substr(begin, i - begin);
            begin = i + 1;
        }
    }
    if (part + 1 != kArnParts || arn.parts[0] != "arn") return std::nullopt;
    arn.parts[part] = text.substr(begin);
    return arn;
}

}  // namespace

std::optional<Arn> split_arn(std::string_view text) noexcept {
    return split(text, false);
}
std::optional<Arn> split_arn_pattern(std::string_view text) noexcept {
    return split(text, true);
}

bool is_account_id(std::string_view text) noexcept {
    constexpr std::size_t kDigits = 12;
    return text.size() == kDigits && std::all_of(text.begin(), text.end(), is_digit);
}

}  // namespace coffer::access
