#pragma once
// JSON that others sign or publish: two readers must not understand two things, so a name that comes twice is
// refused (RFC 7519, section 4; RFC 7515, section 4).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/access/json_reader.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::sts {

/// A text that is no JSON object, or not one that can be relied upon. `what()` quotes nothing of it.
class BadJson : public Error {
public:
    using Error::Error;
};

/// Reads an object of at most `max_depth` levels. Throws BadJson.
[[nodiscard]] access::JsonValue read_strict_object(std::string_view text, std::size_t max_depth);

/// The member of that name; null when there is none.
[[nodiscard]] const access::JsonValue* find_member(const access::JsonValue& object,
                                                   std::string_view name) noexcept;

/// The member's text; nothing when it is absent. Throws BadJson when it is something else than a string.
[[nodiscard]] std::optional<std::string> text_member(const access::JsonValue& object, std::string_view name);

/// The strings of a list; nothing for any other value.
[[nodiscard]] std::optional<std::vector<std::string>> texts_in(const access::JsonValue& value);

}  // namespace coffer::sts
