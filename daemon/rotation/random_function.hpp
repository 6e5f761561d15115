#pragma once
// A new random value, for what nobody but the readers of the secret has to be told: signing keys, shared
// tokens.

#include <string>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/password.hpp"

namespace coffer::rotation {

struct RandomSettings {
    /// The field of a JSON object that becomes a new one; empty: the whole value does.
    std::string field;
    PasswordPolicy password;
};

class RandomFunction final : public ValueFunction {
public:
    explicit RandomFunction(RandomSettings settings) : settings_(std::move(settings)) {}
    [[nodiscard]] std::string_view kind() const noexcept override { return "random"; }
    [[nodiscard]] Target target() const noexcept override { return Target::none; }
    [[nodiscard]] std::vector<Check> check(const StepContext& context, SecretValues& values) override;

protected:
    [[nodiscard]] crypto::SecretBytes make(const StepContext& context, SecretValues& values,
                                           const crypto::SecretBytes& current) override;
    void set(const StepContext& /*context*/, SecretValues& /*values*/,
             const crypto::SecretBytes& /*pending*/) override {}
    void test(const StepContext& context, const crypto::SecretBytes& value) override;

private:
    const RandomSettings settings_;
};

}  // namespace coffer::rotation
