#pragma once
// Some secrets, as the configuration names them.

#include <string>
#include <string_view>
#include <vector>

namespace coffer::rotation {

/// Secrets, by patterns of their names (`*` and `?`).
class SecretNames {
public:
    /// No pattern: all secrets.
    explicit SecretNames(const std::vector<std::string>& patterns);
    [[nodiscard]] bool include(std::string_view name) const noexcept;
    /// Whether all that `other` has is among these, as far as the patterns are the same ones.
    [[nodiscard]] bool cover(const SecretNames& other) const noexcept;

private:
    std::vector<std::string> globs_;
};

}  // namespace coffer::rotation
