#pragma once
// The rotation functions of the configuration, by the ARN that RotateSecret names them with.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/rotation/function.hpp"

namespace coffer::rotation {

struct FunctionEntry {
    std::string name;
    std::string arn;
    std::string description;
    /// That one step may take.
    std::chrono::milliseconds timeout{30'000};
    /// Rotations of it that one node works on at a time; 0: as many as there are workers.
    unsigned at_once = 0;
    std::shared_ptr<Function> function;
};

/// "arn:aws:lambda:REGION:ACCOUNT:function:NAME".
[[nodiscard]] std::string function_arn(std::string_view region, std::string_view account,
                                       std::string_view name);

/// Immutable once shared; thread-safe then.
class FunctionSet {
public:
    void add(FunctionEntry entry);
    /// Null when there is none. A version or alias behind the name (":PROD", ":7") is passed over.
    [[nodiscard]] const FunctionEntry* find(std::string_view arn) const noexcept;
    /// The ARN of the function that `arn` names, without a version or an alias; `arn` where there is none.
    [[nodiscard]] std::string_view own_arn(std::string_view arn) const noexcept;
    /// Whether setSecret of this function tells a target the new value; true where there is none.
    [[nodiscard]] bool tells_target(std::string_view arn) const noexcept;
    /// By name.
    [[nodiscard]] const std::vector<FunctionEntry>& all() const noexcept { return entries_; }

private:
    std::vector<FunctionEntry> entries_;
};

}  // namespace coffer::rotation
