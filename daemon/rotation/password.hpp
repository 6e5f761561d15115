#pragma once
// New passwords, as the configuration of a rotation function wants them.

#include <string>
#include <string_view>
#include <vector>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/secret_names.hpp"

namespace coffer::rotation {

/// What to do about a server that refuses a password because of its own rules.
inline constexpr std::string_view kPasswordRulesHint =
    "where the server has rules for passwords, give this rotation function some that keep them "
    "(password_length, "
    "exclude_..., require_each_included_type)";

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

/// The rules of a function: those for the secrets of some names, and for all others.
class PasswordPolicy {
public:
    struct Exception {
        SecretNames secrets;
        PasswordSettings settings;
    };

    PasswordPolicy() = default;
    PasswordPolicy(PasswordSettings usual, std::vector<Exception> exceptions)
        : usual_(std::move(usual)), exceptions_(std::move(exceptions)) {}

    /// Of the first exception that has the secret, otherwise the usual ones.
    [[nodiscard]] const PasswordSettings& of(std::string_view secret_name) const;

private:
    PasswordSettings usual_;
    std::vector<Exception> exceptions_;
};

/// Why no password keeps these rules; empty when some do.
[[nodiscard]] std::string refusal_of(const PasswordSettings& settings);

/// What the passwords that keep these rules are worth against guessing, at the least. Throws
/// secrets::ServiceError when there are none.
[[nodiscard]] double bits_of(const PasswordSettings& settings);

/// From the token's random numbers. Throws StepFailed (hopeless) when no password keeps the rules.
[[nodiscard]] crypto::SecretBytes make_password(const PasswordSettings& settings, SecretValues& values);

/// The value behind `current`: a new password, or `current`, a JSON object, with a new password as the member
/// `field` where that is not empty. Throws StepFailed (hopeless).
[[nodiscard]] crypto::SecretBytes new_password_value(const PasswordSettings& settings,
                                                     const std::string& field, SecretValues& values,
                                                     const crypto::SecretBytes& current);

}  // namespace coffer::rotation
