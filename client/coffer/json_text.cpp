#include "client/coffer/json_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/stream_parser.hpp>
#include <map>
#include <stdexcept>

#include "client/coffer/failure.hpp"
#include "proto/utf8.hpp"

namespace coffer::cli {

namespace json = boost::json;

namespace {

constexpr std::string_view kSpace = " \t\r\n";

TextPlace place_at(std::string_view text, std::size_t at) {
    const auto before = text.substr(0, at);
    const auto line_start = before.rfind('\n');
    return {static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1,
            at - (line_start == std::string_view::npos ? 0 : line_start + 1) + 1};
}

std::string worded_place(std::string_view text, std::size_t at) {
    const auto [line, column] = place_at(text, at);
    return fmt::format("line {}, column {}", line, column);
}

/// Never shows the text: it may hold a secret value.
std::string what_is_wrong(std::string_view text, std::size_t at, const json::error_code& error) {
    if (at >= text.size()) return "it ends in the middle; a quote, a bracket or a brace is not closed";
    const char found = text[at];
    const auto before = at == 0 ? std::string_view::npos : text.find_last_not_of(kSpace, at - 1);
    const char last = before == std::string_view::npos ? '\0' : text[before];
    if ((found == '}' || found == ']') && last == ',') return "a comma before it is one too many";
    if (found == '\'') return "names and texts stand in double quotes";
    if (error == json::error::syntax && (last == '"' || last == '}' || last == ']'))
        return "a comma, a colon or a closing bracket is missing";
    if (error == json::error::syntax) return "a value, or a name in double quotes, was expected";
    return error.message();
}

json::value parse_syntax(std::string_view text, std::string_view what) {
    json::stream_parser parser;
    json::error_code error;
    auto at = parser.write_some(text.data(), text.size(), error);
    const auto rest = error ? std::string_view::npos : text.find_first_not_of(kSpace, at);
    if (rest != std::string_view::npos) {
        throw UsageError(fmt::format("{} is not JSON: {}: something follows the end of the value", what,
                                     worded_place(text, rest)));
    }
    if (!error) parser.finish(error);
    if (error) {
        throw UsageError(fmt::format("{} is not JSON: {}: {}", what, worded_place(text, at),
                                     what_is_wrong(text, at, error)));
    }
    return parser.release();
}

/// Past the string that begins at `at`.
std::size_t end_of_string(std::string_view text, std::size_t at) {
    for (++at; text[at] != '"'; ++at) {
        if (text[at] == '\\') ++at;
    }
    return at + 1;
}

}  // namespace

/// Goes through text that was found to be JSON, so what it expects is there; the parser has bounded the
/// depth.
class JsonSpans {
public:
    JsonSpans(JsonText& target, std::string_view what) : target_(target), text_(target.text_), what_(what) {}

    /// That no member comes twice. Before anything is looked up by name: the value has only the last of two.
    void check() {
        at_ = 0;
        pass(nullptr);
    }
    void note() {
        at_ = 0;
        pass(&target_.value_);
    }

private:
    void pass(const json::value* value) {
        skip_space();
        const auto begin = at_;
        if (text_[at_] == '{') {
            object(value);
        } else if (text_[at_] == '[') {
            array(value);
        } else if (text_[at_] == '"') {
            at_ = end_of_string(text_, at_);
        } else {
            at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
        }
        if (value != nullptr) target_.spans_[value] = {begin, at_};
    }

    void object(const json::value* value) {
        std::map<std::string, std::size_t> seen;
        while (next('}')) {
            const auto begin = at_;
            at_ = end_of_string(text_, at_);
            const auto name = name_of(text_.substr(begin, at_ - begin));
            if (value == nullptr) {
                const auto [other, fresh] = seen.emplace(name, begin);
                if (!fresh) twice(name, other->second, begin);
            }
            skip_space();
            ++at_;  // the colon
            pass(value == nullptr ? nullptr : &value->as_object().at(name));
        }
    }

    void array(const json::value* value) {
        std::size_t i = 0;
        while (next(']')) pass(value == nullptr ? nullptr : &value->as_array().at(i++));
    }

    /// Moves to the next element; false, and past the bracket, when there is none.
    bool next(char bracket) {
        skip_space();
        if (text_[at_++] == bracket) return false;  // or it is what opens, or the comma
        skip_space();
        if (text_[at_] != bracket) return true;
        ++at_;
        return false;
    }

    void skip_space() { at_ = std::min(text_.find_first_not_of(kSpace, at_), text_.size()); }

    static std::string name_of(std::string_view token) {
        if (token.find('\\') == std::string_view::npos) return std::string(token.substr(1, token.size() - 2));
        return std::string(json::parse(json::string_view(token.data(), token.size())).as_string());
    }

    [[noreturn]] void twice(const std::string& name, std::size_t first, std::size_t again) const {
        constexpr std::size_t kNameCharactersMax = 128;
        throw UsageError(fmt::format("{}: {}: the member '{}' comes twice; it was at {} already", what_,
                                     worded_place(text_, again), proto::printable(name, kNameCharactersMax),
                                     worded_place(text_, first)));
    }

    JsonText& target_;
    std::string_view text_;
    std::string_view what_;
    std::size_t at_ = 0;
};

JsonText::JsonText(std::string_view text, std::string_view what)
    : text_(text), value_(parse_syntax(text, what)) {
    JsonSpans spans(*this, what);
    spans.check();
    spans.note();
}

TextPlace JsonText::place(const json::value& part) const {
    return place_at(text_, spans_.at(&part).begin);
}

std::string JsonText::dense(const json::value& part) const {
    const auto [begin, end] = spans_.at(&part);
    std::string out;
    for (auto at = begin; at < end;) {
        const auto after = text_[at] == '"' ? end_of_string(text_, at) : at + 1;
        if (kSpace.find(text_[at]) == std::string_view::npos) out += text_.substr(at, after - at);
        at = after;
    }
    return out;
}

std::size_t JsonText::offset_in(const json::value& part, std::size_t column) const {
    const auto [begin, end] = spans_.at(&part);
    bool in_string = false;
    std::size_t characters = 0;
    std::size_t last = begin;
    for (auto at = begin; at < end; ++at) {
        const char c = text_[at];
        const bool continues = (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
        if (continues || (!in_string && kSpace.find(c) != std::string_view::npos)) continue;
        last = at;
        if (++characters == column) break;
        if (c == '"') in_string = !in_string;
        if (in_string && c == '\\') {
            if (++characters == column) return at + 1;
            ++at;
        }
    }
    return last;
}

TextPlace JsonText::place_in(const json::value& part, std::size_t column) const {
    return place_at(text_, offset_in(part, column));
}

const json::value& JsonText::value_in(const json::value& part, std::size_t column) const {
    const auto offset = offset_in(part, column);
    const auto inside = [&](const json::value& value) {
        const auto& span = spans_.at(&value);
        return span.begin <= offset && offset < span.end;
    };
    const json::value* found = &part;
    for (const json::value* inner = found; inner != nullptr;) {
        found = inner;
        inner = nullptr;
        if (const auto* object = found->if_object()) {
            for (const auto& member : *object) {
                if (inside(member.value())) inner = &member.value();
            }
        } else if (const auto* array = found->if_array()) {
            for (const auto& element : *array) {
                if (inside(element)) inner = &element;
            }
        }
    }
    return *found;
}

}  // namespace coffer::cli
