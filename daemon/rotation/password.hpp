#pragma once
// New passwords, as the configuration of a rotation function wants them.

#include <string>

#include "daemon/rotation/function.hpp"

namespace coffer::rotation {

/// The rules of GetRandomPassword. Defaults are those of AWS's templates: characters that break connection
/// strings, shells and URIs are left out.
struct PasswordSettings {
    std::int64_t length = 32;
    std::string exclude_characters = ":/@\"'\\";
    bool exclude_numbers = false;
    bool exclude_punctuation = false;
    bool exclude_uppercase = false;
    bool exclude_lowercase = false;
    bool require_each_included_type = true;
};

/// Why no password keeps these rules; empty when some do.
[[nodiscard]] std::string refusal_of(const PasswordSettings& settings);

/// From the token's random numbers. Throws StepFailed (hopeless) when no password keeps the rules.
[[nodiscard]] crypto::SecretBytes make_password(const PasswordSettings& settings, SecretValues& values);

/// The value behind `current`: a new password, or `current`, a JSON object, with a new password as the member
/// `field` where that is not empty. Throws StepFailed (hopeless).
[[nodiscard]] crypto::SecretBytes new_password_value(const PasswordSettings& settings,
                                                     const std::string& field, SecretValues& values,
                                                     const crypto::SecretBytes& current);

}  // namespace coffer::rotation
