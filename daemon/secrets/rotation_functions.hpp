#pragma once
// What the operations need of whoever rotates secrets (daemon/rotation), which knows this layer and not the
// other way.

#include <string_view>

namespace coffer::secrets {

/// Thread-safe.
class RotationFunctions {
public:
    virtual ~RotationFunctions() = default;
    /// Whether this ARN names a function of the configuration.
    [[nodiscard]] virtual bool has(std::string_view arn) const noexcept = 0;
    /// Something became due on this node. Returns at once.
    virtual void wake() noexcept = 0;
};

}  // namespace coffer::secrets
