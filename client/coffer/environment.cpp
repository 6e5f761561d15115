#include "client/coffer/environment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "client/coffer/failure.hpp"

namespace coffer::cli {

namespace {

bool is_variable_name(std::string_view name) {
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front())) != 0) return false;
    return std::all_of(name.begin(), name.end(),
                       [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; });
}

/// Whoever may write a secret must not thereby choose the program that reads it.
bool steers_programs(std::string_view name) {
    constexpr std::array<std::string_view, 8> kNames{"PATH",      "IFS",        "ENV",        "BASH_ENV",
                                                     "SHELLOPTS", "GCONV_PATH", "PYTHONPATH", "PERL5LIB"};
    return name.starts_with("LD_") || std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

std::string_view name_of(const SecretText& variable) {
    const auto text = view(variable);
    return text.substr(0, text.find('='));
}

}  // namespace

Environment::Environment(char** inherited) {
    for (; *inherited != nullptr; ++inherited) variables_.emplace_back(*inherited);
}

void Environment::add(const JsonFields& fields, const std::string& prefix, std::string_view secret) {
    for (const auto& [field, value] : fields) {
        const std::string name = prefix + field;
        if (!is_variable_name(name)) {
            throw Failure(
                fmt::format("the field '{}' of {} would be the variable '{}', which is no name for one "
                            "(letters, digits and _, no digit first)",
                            field, secret, name));
        }
        if (steers_programs(name)) {
            throw Failure(
                fmt::format("the field '{}' of {} would change how programs are found or loaded; give the "
                            "secret's fields a --prefix",
                            field, secret));
        }
        if (value.find('\0') != SecretText::npos) {
            throw Failure(
                fmt::format("the field '{}' of {} holds a NUL, which no variable can", field, secret));
        }
        if (std::find(ours_.begin(), ours_.end(), name) != ours_.end()) {
            throw Failure(fmt::format("two secrets set the variable {}; give one of them a --prefix", name));
        }
        std::erase_if(variables_, [&](const SecretText& variable) { return name_of(variable) == name; });
        SecretText variable(name);
        variable += '=';
        variable += value;
        variables_.push_back(std::move(variable));
        ours_.push_back(name);
    }
}

std::vector<char*> Environment::pointers() {
    std::vector<char*> pointers;
    for (auto& variable : variables_) pointers.push_back(variable.data());
    pointers.push_back(nullptr);
    return pointers;
}

}  // namespace coffer::cli
