#include "daemon/rotation/password.hpp"

#include <algorithm>

#include "daemon/rotation/secret_fields.hpp"
#include "daemon/secrets/errors.hpp"
#include "daemon/secrets/random_password.hpp"

namespace coffer::rotation {

namespace {

secrets::PasswordRules rules_of(const PasswordSettings& settings) {
    v1::GetRandomPasswordRequest request;
    request.set_password_length(settings.length);
    request.set_exclude_characters(settings.exclude_characters);
    request.set_exclude_numbers(settings.exclude_numbers);
    request.set_exclude_punctuation(settings.exclude_punctuation);
    request.set_exclude_uppercase(settings.exclude_uppercase);
    request.set_exclude_lowercase(settings.exclude_lowercase);
    request.set_require_each_included_type(settings.require_each_included_type);
    return secrets::PasswordRules(request);
}

}  // namespace

const PasswordSettings& PasswordPolicy::of(std::string_view secret_name) const {
    const auto found = std::ranges::find_if(
        exceptions_, [secret_name](const Exception& each) { return each.secrets.include(secret_name); });
    return found == exceptions_.end() ? usual_ : found->settings;
}

std::string refusal_of(const PasswordSettings& settings) try {
    static_cast<void>(rules_of(settings));
    return "";
} catch (const secrets::ServiceError& error) {
    return error.what();
}

double bits_of(const PasswordSettings& settings) {
    return rules_of(settings).bits();
}

crypto::SecretBytes make_password(const PasswordSettings& settings, SecretValues& values) {
    try {
        const auto rules = rules_of(settings);
        while (true) {
            const auto random = values.random(rules.random_bytes_needed());
            if (auto password = rules.generate(random.view())) return std::move(*password);
        }
    } catch (const secrets::ServiceError& error) {
        throw StepFailed(
            StepFailed::Kind::hopeless,
            std::string("no password keeps the rules of this rotation function: ") + error.what());
    }
}

crypto::SecretBytes new_password_value(const PasswordSettings& settings, const std::string& field,
                                       SecretValues& values, const crypto::SecretBytes& current) {
    auto password = make_password(settings, values);
    if (field.empty()) return password;
    auto fields = SecretFields::parse(current);
    fields.set(field, password.text());
    return fields.text();
}

}  // namespace coffer::rotation
