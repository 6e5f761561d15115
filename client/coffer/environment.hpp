#pragma once
// The environment that `coffer exec` gives a command: ours, and the fields of secrets.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/coffer/json_fields.hpp"
#include "client/coffer/secret_text.hpp"

namespace coffer::cli {

/// Which fields of a secret become variables, and of what names. With `only` and `named` empty: all fields.
struct FieldChoice {
    std::string prefix;             ///< goes before the names of fields, not before those of `named`
    std::vector<std::string> only;  ///< fields
    std::vector<std::pair<std::string, std::string>> named;  ///< variable, field
};

/// NAME=VALUE strings. Wiped when it goes.
class Environment {
public:
    /// Begins with the variables of `inherited` ("NAME=VALUE", null-terminated list, as `environ`).
    explicit Environment(char** inherited);

    /// Adds the fields that are chosen. Throws Failure for a field that is chosen and not there, a name that
    /// is no shell variable, a value with a NUL, a variable that was set before by a secret, and a name of
    /// the secret's own choice that steers programs (steering_variables.hpp). A variable of the same name
    /// that was inherited is replaced.
    void add(const JsonFields& fields, const FieldChoice& choice, std::string_view secret);

    /// For execvpe(2): pointers into this object, and null.
    [[nodiscard]] std::vector<char*> pointers();

private:
    void set(const std::string& name, const std::string& field, const SecretText& value,
             std::string_view secret);

    std::vector<SecretText> variables_;
    std::vector<std::string> ours_;  // names
};

/// Whether a shell can have a variable of that name: letters, digits and _, no digit first.
[[nodiscard]] bool is_variable_name(std::string_view name);

}  // namespace coffer::cli
