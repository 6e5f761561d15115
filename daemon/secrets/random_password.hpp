#pragma once
// GetRandomPassword: which characters, how many of each, from random bytes that somebody else provides.

#include <optional>
#include <span>

#include "coffer/v1/secrets.pb.h"
#include "crypto/secret_bytes.hpp"

namespace coffer::secrets {

/// What a request asks for, checked.
class PasswordRules {
public:
    /// Throws ServiceError (InvalidParameterException, AWS's texts) when no such password exists.
    explicit PasswordRules(const v1::GetRandomPasswordRequest& request);

    /// Whoever guesses a password has no better chance than 2^-bits.
    [[nodiscard]] double bits() const noexcept;

    /// Random bytes that are enough but for a chance below 2^-40.
    [[nodiscard]] std::size_t random_bytes_needed() const noexcept;

    /// A password, every one that keeps the rules about equally likely; nothing when `random` ran out.
    [[nodiscard]] std::optional<crypto::SecretBytes> generate(std::span<const std::uint8_t> random) const;

private:
    std::size_t length_;
    std::string pool_;                   // every character allowed
    std::vector<std::string> required_;  // classes of which at least one character must be there
};

}  // namespace coffer::secrets
