#pragma once
// Writes JSON (RFC 8259) straight into one line of text: an event is written for every request, and a tree of
// values first would cost several times as much.

#include <cstdint>
#include <string>
#include <string_view>

namespace coffer::audit {

/// Well-formed as long as calls nest as JSON does. Text is made well-formed UTF-8 and is cut between
/// characters; control characters, DEL included, become escapes. Not thread-safe.
class JsonLine {
public:
    /// `expected` bytes are set aside at once.
    explicit JsonLine(std::size_t expected) { out_.reserve(expected); }

    JsonLine& open_object() { return open('{'); }
    JsonLine& close_object() { return close('}'); }
    JsonLine& open_array() { return open('['); }
    JsonLine& close_array() { return close(']'); }

    /// `name` is plain ASCII.
    JsonLine& name(std::string_view name);

    JsonLine& text(std::string_view value, std::size_t bytes_max);
    JsonLine& number(std::int64_t value);
    JsonLine& boolean(bool value) { return raw(value ? "true" : "false"); }
    /// A value that is JSON already.
    JsonLine& raw(std::string_view json);

    [[nodiscard]] std::string take() && { return std::move(out_); }

private:
    JsonLine& open(char bracket);
    JsonLine& close(char bracket);
    void separate();

    std::string out_;
    bool first_ = true;  ///< nothing is before in this object or array, or a name is
};

/// Appends `text` to `out` as a JSON string without its quotes; see JsonLine::text().
void append_escaped(std::string& out, std::string_view text, std::size_t bytes_max);

}  // namespace coffer::audit
