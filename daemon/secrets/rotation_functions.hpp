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
    /// The function's own ARN, where `arn` names one with a version or an alias behind it: what policies are
    /// to see, since it is that function that runs. `arn` as it is where it names none.
    [[nodiscard]] virtual std::string_view own_arn(std::string_view arn) const noexcept = 0;
    /// Whether setSecret of this function tells a target the new value; true where it is not known.
    [[nodiscard]] virtual bool tells_target(std::string_view arn) const noexcept = 0;
    /// Something became due on this node. Returns at once.
    virtual void wake() noexcept = 0;
};

}  // namespace coffer::secrets
