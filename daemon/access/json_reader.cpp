#include "daemon/access/json_reader.hpp"

#include <optional>

#include "daemon/access/malformed_policy.hpp"

namespace coffer::access {
namespace {

/// Bytes of the UTF-8 character that begins at `at` (RFC 3629), or 0 when none is well formed there.
std::size_t utf8_character(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) -> unsigned {
        return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
    };
    const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
    const unsigned lead = byte(0);
    if (lead < 0x80U) return 1;
    if (lead >= 0xC2U && lead <= 0xDFU) return tail(1) ? 2 : 0;
    if (lead >= 0xE0U && lead <= 0xEFU) {
        const bool overlong = lead == 0xE0U && byte(1) < 0xA0U;
        const bool surrogate = lead == 0xEDU && byte(1) > 0x9FU;
        return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (lead >= 0xF0U && lead <= 0xF4U) {
        const bool overlong = lead == 0xF0U && byte(1) < 0x90U;
        const bool beyond = lead == 0xF4U && byte(1) > 0x8FU;
        return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
    }
    return 0;
}

void append_utf8(std::string& out, std::uint32_t c) {
    const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (c < 0x80U) {
        put(c);
    } else if (c < 0x800U) {
        put(0xC0U | (c >> 6U));
        put(0x80U | (c & 0x3FU));
    } else if (c < 0x10000U) {
        put(0xE0U | (c >> 12U));
        put(0x80U | ((c >> 6U) & 0x3FU));
        put(0x80U | (c & 0x3FU));
    } else {
        put(0xF0U | (c >> 18U));
        put(0x80U | ((c >> 12U) & 0x3FU));
        put(0x80U | ((c >> 6U) & 0x3FU));
        put(0x80U | (c & 0x3FU));
    }
}

/// Recursive descent; the depth is bounded, so the stack is.
class Reader {
public:
    Reader(std::string_view text, std::size_t max_depth) : text_(text), max_depth_(max_depth) {}

    JsonDocument document() {
        JsonDocument result;
        skip_space();
        if (end()) fail("This policy contains invalid Json: the document is empty");
        result.root = value(1);
        skip_space();
        if (!end()) fail("This policy contains invalid Json: there is text after the end of the document");
        result.characters = characters_;
        result.dense_characters = characters_ - spaces_;
        return result;
    }

private:
    [[nodiscard]] bool end() const { return at_ == text_.size(); }
    [[nodiscard]] char peek() const { return end() ? '\0' : text_[at_]; }

    [[noreturn]] void fail(const std::string& reason) const { throw MalformedPolicy(reason, position_); }
    [[noreturn]] void invalid(const std::string& expected) const {
        fail("This policy contains invalid Json: expected " + expected +
             (end() ? ", but the document ends here" : ""));
    }

    /// Takes one character and moves the position.
    std::string_view take() {
        const std::size_t length = utf8_character(text_, at_);
        if (length == 0) fail("This policy contains invalid Json: the text is not valid UTF-8");
        const auto character = text_.substr(at_, length);
        at_ += length;
        ++characters_;
        if (character == "\n") {
            ++position_.line;
            position_.column = 1;
        } else {
            ++position_.column;
        }
        return character;
    }

    void skip_space() {
        while (!end() && (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')) {
            take();
            ++spaces_;
        }
    }

    void expect(char c, const char* what) {
        skip_space();
        if (end() || peek() != c) invalid(what);
        take();
    }

    JsonValue value(std::size_t depth) {
        if (depth > max_depth_) {
            fail("This policy contains invalid Json: more than " + std::to_string(max_depth_) +
                 " objects and lists inside each other");
        }
        JsonValue result;
        result.at = position_;
        switch (peek()) {
            case '{':
                object(result, depth);
                break;
            case '[':
                array(result, depth);
                break;
            case '"':
                result.kind = JsonKind::string;
                result.text = string();
                break;
            case 't':
                word(result, "true", JsonKind::boolean);
                break;
            case 'f':
                word(result, "false", JsonKind::boolean);
                break;
            case 'n':
                word(result, "null", JsonKind::null);
                break;
            default:
                number(result);
        }
        return result;
    }

    void word(JsonValue& result, std::string_view name, JsonKind kind) {
        if (text_.substr(at_, name.size()) != name) invalid("a value");
        for (std::size_t i = 0; i < name.size(); ++i) take();
        result.kind = kind;
        result.text = name;
    }

    void digits(JsonValue& result) {
        if (peek() < '0' || peek() > '9') invalid("a digit");
        while (peek() >= '0' && peek() <= '9') result.text += take();
    }

    void number(JsonValue& result) {
        if (peek() != '-' && (peek() < '0' || peek() > '9')) invalid("a value");
        result.kind = JsonKind::number;
        if (peek() == '-') result.text += take();
        if (peek() == '0') {
            result.text += take();
        } else {
            digits(result);
        }
        if (peek() == '.') {
            result.text += take();
            digits(result);
        }
        if (peek() == 'e' || peek() == 'E') {
            result.text += take();
            if (peek() == '+' || peek() == '-') result.text += take();
            digits(result);
        }
    }

    std::string string() {
        std::string out;
        take();  // the opening mark
        while (true) {
            if (end()) invalid("the closing quotation mark of a string");
            if (static_cast<unsigned char>(peek()) < 0x20U) {
                fail("This policy contains invalid Json: a control character in a string must be escaped");
            }
            if (peek() == '\\') {
                escape(out);
                continue;
            }
            const auto character = take();
            if (character == "\"") return out;
            out += character;
        }
    }

    void escape(std::string& out) {
        const TextPosition begin = position_;
        take();  // the backslash
        const std::string_view known = "\"\\/bfnrt";
        const std::string_view meaning = "\"\\/\b\f\n\r\t";
        if (const auto i = known.find(peek()); !end() && i != std::string_view::npos) {
            take();
            out += meaning[i];
            return;
        }
        if (peek() != 'u') invalid("an escape that JSON knows");
        out_code_point(out, begin);
    }

    void out_code_point(std::string& out, TextPosition begin) {
        std::uint32_t c = hex4();
        if (c >= 0xD800U && c <= 0xDBFFU && text_.substr(at_, 2) == "\\u") {
            take();
            const std::uint32_t low = hex4();
            if (low < 0xDC00U || low > 0xDFFFU) unpaired(begin);
            c = 0x10000U + ((c - 0xD800U) << 10U) + (low - 0xDC00U);
        } else if (c >= 0xD800U && c <= 0xDFFFU) {
            unpaired(begin);
        }
        if (c == 0) throw MalformedPolicy("This policy contains invalid Json: \\u0000 is not allowed", begin);
        append_utf8(out, c);
    }

    [[noreturn]] static void unpaired(TextPosition at) {
        throw MalformedPolicy("This policy contains invalid Json: half of a surrogate pair", at);
    }

    std::uint32_t hex4() {
        take();  // u
        std::uint32_t c = 0;
        for (int i = 0; i < 4; ++i) {
            const char digit = peek();
            const std::string_view digits = "0123456789abcdef";
            const auto lower = static_cast<char>(digit >= 'A' && digit <= 'F' ? digit - 'A' + 'a' : digit);
            const auto worth = digits.find(lower);
            if (end() || worth == std::string_view::npos) invalid("four hexadecimal digits after \\u");
            take();
            c = c * 16U + static_cast<std::uint32_t>(worth);
        }
        return c;
    }

    void array(JsonValue& result, std::size_t depth) {
        result.kind = JsonKind::array;
        take();
        skip_space();
        if (peek() == ']' && !end()) {
            take();
            return;
        }
        while (true) {
            skip_space();
            result.items.push_back(value(depth + 1));
            skip_space();
            if (!end() && peek() == ']') break;
            expect(',', "',' or ']'");
        }
        take();
    }

    void object(JsonValue& result, std::size_t depth) {
        result.kind = JsonKind::object;
        take();
        skip_space();
        if (peek() == '}' && !end()) {
            take();
            return;
        }
        while (true) {
            skip_space();
            if (end() || peek() != '"') invalid("a name in quotation marks");
            JsonMember member;
            member.at = position_;
            member.name = string();
            expect(':', "':'");
            skip_space();
            member.value = value(depth + 1);
            result.members.push_back(std::move(member));
            skip_space();
            if (!end() && peek() == '}') break;
            expect(',', "',' or '}'");
        }
        take();
    }

    std::string_view text_;
    std::size_t max_depth_;
    std::size_t at_ = 0;
    TextPosition position_;
    std::size_t characters_ = 0;
    std::size_t spaces_ = 0;
};

}  // namespace

JsonDocument read_json(std::string_view text, std::size_t max_depth) {
    return Reader(text, max_depth).document();
}

std::string_view describe(JsonKind kind) noexcept {
    switch (kind) {
        case JsonKind::null:
            return "null";
        case JsonKind::boolean:
            return "a boolean";
        case JsonKind::number:
            return "a number";
        case JsonKind::string:
            return "a string";
        case JsonKind::array:
            return "a list";
        case JsonKind::object:
            return "an object";
    }
    return "a value";
}

}  // namespace coffer::access
