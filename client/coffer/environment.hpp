#pragma once
// The environment that `coffer exec` gives a command: ours, and the fields of secrets.

#include <string>
#include <string_view>
#include <vector>

#include "client/coffer/json_fields.hpp"
#include "client/coffer/secret_text.hpp"

namespace coffer::cli {

/// NAME=VALUE strings. Wiped when it goes.
class Environment {
public:
    /// Begins with the variables of `inherited` ("NAME=VALUE", null-terminated list, as `environ`).
    explicit Environment(char** inherited);

    /// Adds each field as a variable PREFIX + name. Throws Failure for a name that is no shell variable, or
    /// that changes how programs are found or loaded (PATH, LD_PRELOAD ...), a value with a NUL, and a
    /// variable that another secret has set. A variable of the same name that was inherited is replaced.
    void add(const JsonFields& fields, const std::string& prefix, std::string_view secret);

    /// For execvpe(2): pointers into this object, and null.
    [[nodiscard]] std::vector<char*> pointers();

private:
    std::vector<SecretText> variables_;
    std::vector<std::string> ours_;  // names
};

}  // namespace coffer::cli
