#include "client/coffer/environment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "client/coffer/failure.hpp"
#include "client/coffer/steering_variables.hpp"

namespace coffer::cli {

namespace {

std::string_view name_of(const SecretText& variable) {
    const auto text = view(variable);
    return text.substr(0, text.find('='));
}

const SecretText& chosen(const JsonFields& fields, const std::string& field, std::string_view secret) {
    if (const auto* value = find_field(fields, field)) return *value;
    throw Failure(fmt::format("{} has no field '{}'; it has: {}", secret, field, names_of(fields)));
}

/// Whoever may write a secret must not thereby choose what the program that reads it runs.
void refuse_steering(const std::string& prefix, const std::string& field, std::string_view secret) {
    const std::string name = prefix + field;
    if (prefix.empty() ? !steers_programs(name) : !steers_programs_prefixed(name)) return;
    throw Failure(fmt::format(
        "the field '{}' of {} would set {}, by which programs are told what to run, load or trust; "
        "whoever may write the secret must not choose that. Nothing was started.\n"
        "Behind --secret {}: --only FIELD,FIELD leaves it out, --prefix APP_ gives all fields other "
        "names, and --env {}={} sets it if that is what you want",
        field, secret, name, secret, name, field));
}

}  // namespace

bool is_variable_name(std::string_view name) {
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front())) != 0) return false;
    return std::all_of(name.begin(), name.end(),
                       [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; });
}

Environment::Environment(char** inherited) {
    for (; *inherited != nullptr; ++inherited) variables_.emplace_back(*inherited);
}

void Environment::add(const JsonFields& fields, const FieldChoice& choice, std::string_view secret) {
    const auto set_of_field = [&](const std::string& field, const SecretText& value) {
        refuse_steering(choice.prefix, field, secret);
        set(choice.prefix + field, field, value, secret);
    };
    for (const auto& field : choice.only) set_of_field(field, chosen(fields, field, secret));
    // Who started us named these, not who wrote the secret.
    for (const auto& [name, field] : choice.named) set(name, field, chosen(fields, field, secret), secret);
    if (!choice.only.empty() || !choice.named.empty()) return;
    for (const auto& [field, value] : fields) set_of_field(field, value);
}

void Environment::set(const std::string& name, const std::string& field, const SecretText& value,
                      std::string_view secret) {
    if (!is_variable_name(name)) {
        throw Failure(
            fmt::format("the field '{}' of {} would be the variable '{}', which is no name for one "
                        "(letters, digits and _, no digit first); --env NAME=FIELD gives it one, --only "
                        "FIELD,FIELD leaves it out",
                        field, secret, name));
    }
    if (value.find('\0') != SecretText::npos) {
        throw Failure(fmt::format("the field '{}' of {} holds a NUL, which no variable can", field, secret));
    }
    if (std::find(ours_.begin(), ours_.end(), name) != ours_.end()) {
        throw Failure(fmt::format(
            "the variable {} is set twice; give one secret a --prefix, or name it with --env NAME=FIELD",
            name));
    }
    std::erase_if(variables_, [&](const SecretText& variable) { return name_of(variable) == name; });
    SecretText variable(name);
    variable += '=';
    variable += value;
    variables_.push_back(std::move(variable));
    ours_.push_back(name);
}

std::vector<char*> Environment::pointers() {
    std::vector<char*> pointers;
    for (auto& variable : variables_) pointers.push_back(variable.data());
    pointers.push_back(nullptr);
    return pointers;
}

}  // namespace coffer::cli
