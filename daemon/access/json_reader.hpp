#pragma once
// JSON (RFC 8259) as a tree in which every value knows where it stood and members that came twice are still
// there twice. Boost.JSON drops both, and a policy's author needs the place of a mistake.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/access/text_position.hpp"

namespace coffer::access {

enum class JsonKind : std::uint8_t { null, boolean, number, string, array, object };

struct JsonMember;

/// One value of a document.
struct JsonValue {
    JsonKind kind = JsonKind::null;
    /// Of the value's first character.
    TextPosition at;
    /// A string's content in UTF-8, a number's characters as written, "true" or "false".
    std::string text;
    std::vector<JsonValue> items;
    /// In the order of the document.
    std::vector<JsonMember> members;
};

struct JsonMember {
    std::string name;
    /// Of the name's opening quotation mark.
    TextPosition at;
    JsonValue value;
};

/// A document and its size.
struct JsonDocument {
    JsonValue root;
    /// Characters (code points) of the whole text.
    std::size_t characters = 0;
    /// Characters without the white space between tokens.
    std::size_t dense_characters = 0;
};

/// Reads one JSON text. Strict: no comments, no trailing commas, valid UTF-8, no unpaired surrogates, no NUL,
/// at most `max_depth` levels. Throws MalformedPolicy with the place of the first mistake; linear in the
/// text.
[[nodiscard]] JsonDocument read_json(std::string_view text, std::size_t max_depth);

/// "a string", "a number", ..., for messages.
[[nodiscard]] std::string_view describe(JsonKind kind) noexcept;

}  // namespace coffer::access
