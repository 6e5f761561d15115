#include "daemon/rotation/text_template.hpp"

#include <algorithm>
#include <array>

#include "daemon/rotation/function.hpp"

namespace coffer::rotation {

using crypto::SecretBytes;

namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";
/// That one byte can become: "\u00XX".
constexpr std::size_t kEscapedBytesMax = 6;

bool is_unreserved(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

std::size_t percent_encode(unsigned char c, bool form, char* out) {
    if (is_unreserved(c)) {
        out[0] = static_cast<char>(c);
        return 1;
    }
    if (form && c == ' ') {
        out[0] = '+';
        return 1;
    }
    out[0] = '%';
    out[1] = kHexDigits[c >> 4U];
    out[2] = kHexDigits[c & 15U];
    return 3;
}

std::size_t json_escape(unsigned char c, char* out) {
    if (c >= 0x20 && c != '"' && c != '\\') {
        out[0] = static_cast<char>(c);
        return 1;
    }
    constexpr std::string_view kUnicode = "\\u00";
    std::ranges::copy(kUnicode, out);
    out[4] = kHexDigits[c >> 4U];
    out[5] = kHexDigits[c & 15U];
    return kEscapedBytesMax;
}

std::size_t as_header(unsigned char c, char* out) {
    if ((c < 0x20 && c != '\t') || c == 0x7f) {
        throw StepFailed(StepFailed::Kind::hopeless,
                         "a field of the secret has a line's end or another control character, which cannot "
                         "be in a header");
    }
    out[0] = static_cast<char>(c);
    return 1;
}

}  // namespace

void append_escaped(std::string_view value, Escape escape, std::vector<SecretBytes>& out) {
    if (escape == Escape::path && (value == "." || value == "..")) {
        throw StepFailed(
            StepFailed::Kind::hopeless,
            "a field of the secret is \".\" or \"..\", which would make another path of the call's");
    }
    SecretBytes room(value.size() * kEscapedBytesMax);
    auto* const begin = reinterpret_cast<char*>(room.writable().data());
    std::size_t size = 0;
    for (const char each : value) {
        const auto c = static_cast<unsigned char>(each);
        char* const end = begin + size;
        switch (escape) {
            case Escape::path:
                size += percent_encode(c, false, end);
                break;
            case Escape::form:
                size += percent_encode(c, true, end);
                break;
            case Escape::json:
                size += json_escape(c, end);
                break;
            case Escape::header:
                size += as_header(c, end);
                break;
        }
    }
    room.truncate(size);
    out.push_back(std::move(room));
}

SecretBytes joined(const std::vector<SecretBytes>& parts) {
    std::size_t size = 0;
    for (const auto& part : parts) size += part.size();
    SecretBytes whole(size);
    auto to = whole.writable().begin();
    for (const auto& part : parts) to = std::ranges::copy(part.view(), to).out;
    return whole;
}

TextTemplate TextTemplate::parse(std::string_view text) {
    TextTemplate made;
    std::string plain;
    while (!text.empty()) {
        if (text.front() != '$') {
            plain += text.front();
            text.remove_prefix(1);
            continue;
        }
        if (text.starts_with("$$")) {
            plain += '$';
            text.remove_prefix(2);
            continue;
        }
        const auto end = text.find('}');
        if (!text.starts_with("${") || end == std::string_view::npos || end == 2) {
            throw Error("'$' begins a place such as ${api_key}; a dollar sign itself is written $$");
        }
        if (!plain.empty()) made.parts_.push_back({std::move(plain), false});
        plain.clear();
        made.parts_.push_back({std::string(text.substr(2, end - 2)), true});
        text.remove_prefix(end + 1);
    }
    if (!plain.empty()) made.parts_.push_back({std::move(plain), false});
    return made;
}

SecretBytes TextTemplate::fill(const Lookup& lookup, Escape escape) const {
    std::vector<SecretBytes> filled;
    for (const auto& part : parts_) {
        if (part.is_place) {
            append_escaped(lookup(part.text), escape, filled);
        } else {
            filled.push_back(SecretBytes::copy_of(std::string_view(part.text)));
        }
    }
    return joined(filled);
}

std::vector<std::string> TextTemplate::names() const {
    std::vector<std::string> names;
    for (const auto& part : parts_) {
        if (part.is_place) names.push_back(part.text);
    }
    return names;
}

}  // namespace coffer::rotation
