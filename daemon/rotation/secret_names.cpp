#include "daemon/rotation/secret_names.hpp"

#include <algorithm>

#include "daemon/access/glob.hpp"

namespace coffer::rotation {

SecretNames::SecretNames(const std::vector<std::string>& patterns) {
    for (const auto& pattern : patterns) globs_.push_back(access::to_glob(pattern));
}

bool SecretNames::include(std::string_view name) const noexcept {
    return globs_.empty() ||
           std::ranges::any_of(globs_, [name](const auto& glob) { return access::glob_matches(glob, name); });
}

bool SecretNames::cover(const SecretNames& other) const noexcept {
    if (globs_.empty() || other.globs_.empty()) return globs_.empty();
    return std::ranges::all_of(
        other.globs_, [this](const auto& glob) { return std::ranges::find(globs_, glob) != globs_.end(); });
}

}  // namespace coffer::rotation
