#include "daemon/rotation/random_function.hpp"

#include "daemon/rotation/secret_fields.hpp"

namespace coffer::rotation {

crypto::SecretBytes RandomFunction::make(const StepContext& context, SecretValues& values,
                                         const crypto::SecretBytes& current) {
    return new_password_value(settings_.password.of(context.secret_name), settings_.field, values, current);
}

void RandomFunction::test(const StepContext& /*context*/, const crypto::SecretBytes& value) {
    if (!settings_.field.empty()) static_cast<void>(SecretFields::parse(value).require(settings_.field));
}

std::vector<Check> RandomFunction::check(const StepContext& context, SecretValues& values) {
    Check check{"value", Check::Outcome::passed, "the value can be made anew"};
    try {
        test(context, make(context, values, values.current()));
    } catch (const StepFailed& failed) {
        check = {"value", Check::Outcome::failed, failed.what()};
    }
    return {check};
}

}  // namespace coffer::rotation
