#pragma once
// The SSH key of a host's account: a new Ed25519 key is added to the account's authorized_keys, and that of
// before last is taken out at the end, so both AWSCURRENT and AWSPREVIOUS log in. The secret is a JSON
// object: host, port, username, private_key, public_key, host_key.

#include <optional>
#include <string>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/secret_fields.hpp"
#include "daemon/rotation/ssh_session.hpp"

namespace coffer::rotation {

class SshFunction final : public ValueFunction {
public:
    [[nodiscard]] std::string_view kind() const noexcept override { return "ssh"; }
    [[nodiscard]] bool tries_left_behind() const noexcept override { return true; }
    [[nodiscard]] std::vector<Check> check(const StepContext& context, SecretValues& values) override;

protected:
    [[nodiscard]] crypto::SecretBytes make(const StepContext& context, SecretValues& values,
                                           const crypto::SecretBytes& current) override;
    void set(const StepContext& context, SecretValues& values, const crypto::SecretBytes& pending) override;
    void test(const StepContext& context, const crypto::SecretBytes& value) override;
    void finish(const StepContext& context, SecretValues& values,
                const crypto::SecretBytes& pending) override;
};

}  // namespace coffer::rotation
