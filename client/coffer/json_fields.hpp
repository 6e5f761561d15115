#pragma once
// The fields of a secret that is a JSON object, each as text.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/coffer/secret_text.hpp"

namespace coffer::cli {

/// In the order of the document; a name that comes twice is there once, with its last value.
using JsonFields = std::vector<std::pair<std::string, SecretText>>;

/// A string is its characters; a number is as it was written, digit for digit; true, false, null and what is
/// nested are JSON. Throws Failure when `document` is no JSON object; `what` names the secret in the message,
/// which never holds a value.
[[nodiscard]] JsonFields parse_json_fields(std::string_view document, std::string_view what);

/// The value of a field; null when there is none.
[[nodiscard]] const SecretText* find_field(const JsonFields& fields, std::string_view name);

/// "a, b, c", for messages.
[[nodiscard]] std::string names_of(const JsonFields& fields);

}  // namespace coffer::cli
