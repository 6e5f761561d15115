#include "client/coffer/shorthand.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <cctype>
#include <string>

#include "client/coffer/failure.hpp"

namespace coffer::cli {

namespace {

namespace json = boost::json;

class Parser {
public:
    Parser(std::string_view text, std::string_view option) : text_(text), option_(option) {}

    json::value parse() {
        json::object object;
        do {
            skip_blanks();
            add_pair(object, &Parser::values);
        } while (take(','));
        if (!at_end()) fail("',' or the end");
        return object;
    }

private:
    static constexpr int kNestingMax = 16;

    void add_pair(json::object& object, json::value (Parser::*value)()) {
        const auto start = at_;
        const std::string name = key();
        if (name.empty()) fail("a name");
        if (!take('=')) fail("'='");
        skip_blanks();
        if (object.contains(name)) {
            at_ = start;
            fail(fmt::format(
                "another name than '{}', which was there (a blank, not a comma, divides structures)", name));
        }
        object[name] = (this->*value)();
    }

    std::string key() {
        const auto start = at_;
        while (!at_end() && (std::isalnum(static_cast<unsigned char>(peek())) != 0 ||
                             std::string_view("-_.#/:").find(peek()) != std::string_view::npos)) {
            ++at_;
        }
        return std::string(text_.substr(start, at_ - start));
    }

    /// What stands after "=": one value, or several divided by commas as long as no "=" makes the next a
    /// name.
    json::value values() {
        if (at_end()) return json::string();
        if (peek() == '[') return list();
        if (peek() == '{') return structure();
        json::array all;
        all.push_back(scalar());
        while (!at_end() && peek() == ',') {
            const auto comma = at_++;
            skip_blanks();
            if (next_is_pair()) {
                at_ = comma;
                break;
            }
            all.push_back(scalar());
        }
        if (all.size() == 1) return all.front();
        return all;
    }

    json::value nested_value() {
        if (!at_end() && peek() == '[') return list();
        if (!at_end() && peek() == '{') return structure();
        return scalar();
    }

    json::value list() {
        enter('[');
        json::array all;
        while (!leave(']')) {
            all.push_back(nested_value());
            skip_blanks();
            if (!take(',') && (at_end() || peek() != ']')) fail("',' or ']'");
            skip_blanks();
        }
        return all;
    }

    json::value structure() {
        enter('{');
        json::object object;
        while (!leave('}')) {
            add_pair(object, &Parser::nested_value);
            skip_blanks();
            if (!take(',') && (at_end() || peek() != '}')) fail("',' or '}'");
            skip_blanks();
        }
        return object;
    }

    json::value scalar() {
        if (!at_end() && (peek() == '\'' || peek() == '"')) return quoted(peek());
        std::string value;
        while (!at_end()) {
            const char c = peek();
            if (c == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] == ',') {
                value += ',';
                at_ += 2;
                continue;
            }
            if (c == ',' || (nesting_ > 0 && (c == ']' || c == '}'))) break;
            value += c;
            ++at_;
        }
        while (!value.empty() && std::isspace(static_cast<unsigned char>(value.back())) != 0)
            value.pop_back();
        return json::string(value);
    }

    json::value quoted(char quote) {
        ++at_;
        std::string value;
        while (!at_end() && peek() != quote) {
            if (peek() == '\\' && at_ + 1 < text_.size() &&
                (text_[at_ + 1] == quote || text_[at_ + 1] == '\\'))
                ++at_;
            value += text_[at_++];
        }
        if (!take(quote)) fail(fmt::format("{} at the end of the quoted text", quote));
        skip_blanks();
        return json::string(value);
    }

    /// Whether NAME= follows: then the comma before it divided pairs and not values.
    bool next_is_pair() {
        const auto start = at_;
        const bool pair = !key().empty() && !at_end() && peek() == '=';
        at_ = start;
        return pair;
    }

    void enter(char bracket) {
        if (++nesting_ > kNestingMax) fail("less nesting");
        take(bracket);
        skip_blanks();
    }
    bool leave(char bracket) {
        if (!take(bracket)) return false;
        --nesting_;
        return true;
    }

    bool take(char c) {
        if (at_end() || peek() != c) return false;
        ++at_;
        return true;
    }
    void skip_blanks() {
        while (!at_end() && std::isspace(static_cast<unsigned char>(peek())) != 0) ++at_;
    }
    [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
    [[nodiscard]] char peek() const { return text_[at_]; }

    [[noreturn]] void fail(std::string_view expected) const {
        throw UsageError(fmt::format("{}: expected {} here:\n  {}\n  {}^", option_, expected, text_,
                                     std::string(at_, ' ')));
    }

    std::string_view text_;
    std::string_view option_;
    std::size_t at_ = 0;
    int nesting_ = 0;
};

}  // namespace

json::value parse_shorthand(std::string_view text, std::string_view option) {
    return Parser(text, option).parse();
}

}  // namespace coffer::cli
