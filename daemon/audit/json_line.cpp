#include "daemon/audit/json_line.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "daemon/audit/utf8.hpp"

namespace coffer::audit {

namespace {

/// Printable ASCII that means nothing to JSON.
bool is_plain(char c) noexcept {
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

/// One character that is not plain, whole.
void append_special(std::string& out, std::string_view character) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const char c = character.front();
    switch (c) {
        case '"':
        case '\\':
            out += '\\';
            out += c;
            return;
        case '\b':
            out += "\\b";
            return;
        case '\f':
            out += "\\f";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F) {
        out += character;
        return;
    }
    out += "\\u00";
    out += kHex[byte >> 4U];
    out += kHex[byte & 0xFU];
}

}  // namespace

void append_escaped(std::string& out, std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max && std::all_of(text.begin(), text.end(), is_plain)) {
        out += text;
        return;
    }
    std::size_t taken = 0;
    while (!text.empty()) {
        const auto next = next_character(text);
        taken += next.shown.size();
        if (taken > bytes_max) return;
        append_special(out, next.shown);
        text.remove_prefix(next.bytes);
    }
}

void JsonLine::separate() {
    if (!first_) out_ += ',';
    first_ = false;
}

JsonLine& JsonLine::open(char bracket) {
    separate();
    out_ += bracket;
    first_ = true;
    return *this;
}

JsonLine& JsonLine::close(char bracket) {
    out_ += bracket;
    first_ = false;
    return *this;
}

JsonLine& JsonLine::name(std::string_view name) {
    separate();
    out_ += '"';
    out_ += name;
    out_ += "\":";
    first_ = true;
    return *this;
}

JsonLine& JsonLine::text(std::string_view value, std::size_t bytes_max) {
    separate();
    out_ += '"';
    append_escaped(out_, value, bytes_max);
    out_ += '"';
    return *this;
}

JsonLine& JsonLine::number(std::int64_t value) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    return raw({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

JsonLine& JsonLine::raw(std::string_view json) {
    separate();
    out_ += json;
    return *this;
}

}  // namespace coffer::audit
