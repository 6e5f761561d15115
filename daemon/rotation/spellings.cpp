#include "daemon/rotation/spellings.hpp"

#include <algorithm>
#include <numeric>

#include "daemon/rotation/code_points.hpp"

namespace coffer::rotation {

namespace {

constexpr std::size_t kLongestEntity = 32;

/// What stands at the beginning of a text: `bytes` spelled by `size` characters, or `cut`: what may be a
/// spelling whose end is missing. Neither where it is none.
struct Spelled {
    std::array<char, 4> bytes{};
    std::size_t count = 0;
    std::size_t size = 0;
    bool cut = false;

    static Spelled byte(char c, std::size_t size) { return {.bytes = {c}, .count = 1, .size = size}; }
    static Spelled code_point(std::uint32_t code, std::size_t size) {
        if (code > 0x10ffff) return {};
        Spelled spelled{.size = size};
        spelled.count = write_code_point(code, spelled.bytes.data());
        return spelled;
    }
    static Spelled cut_off() { return {.cut = true}; }
};

bool is_hex(char c) {
    return hex_code({&c, 1}, 1).has_value();
}

bool all_hex(std::string_view text) {
    return std::ranges::all_of(text, is_hex);
}

/// `digits` hexadecimal digits at `at`, behind a character that says so.
Spelled fixed_hex(std::string_view text, std::size_t at, std::size_t digits) {
    if (const auto code = hex_code(text.substr(at), digits)) return Spelled::code_point(*code, at + digits);
    return text.size() < at + digits && all_hex(text.substr(at)) ? Spelled::cut_off() : Spelled();
}

/// "{1F600}" at `at`.
Spelled hex_in_braces(std::string_view text, std::size_t at) {
    constexpr std::size_t kMostDigits = 8;
    const auto digits = text.substr(at + 1, kMostDigits + 1);
    const auto end = std::min(digits.find('}'), digits.size());
    if (!all_hex(digits.substr(0, end))) return {};
    if (end == digits.size()) return digits.size() <= kMostDigits ? Spelled::cut_off() : Spelled();
    if (end == 0) return {};
    return Spelled::code_point(*hex_code(digits, end), at + 1 + end + 1);
}

/// "\xc3\xb6": bytes in some languages, code points in others. They are bytes where they are UTF-8.
Spelled after_x(std::string_view text) {
    const auto first = hex_code(text.substr(2), 2);
    if (!first) return text.size() < 4 && all_hex(text.substr(2)) ? Spelled::cut_off() : Spelled();
    const std::size_t wanted = *first >= 0xf0 ? 4 : *first >= 0xe0 ? 3 : *first >= 0xc2 ? 2 : 1;
    Spelled spelled = Spelled::byte(static_cast<char>(*first), 4);
    for (std::size_t i = 1; i < wanted; ++i) {
        const auto rest = text.substr(i * 4);
        const auto next = rest.starts_with("\\x") ? hex_code(rest.substr(2), 2) : std::nullopt;
        if (!next || (*next & 0xc0U) != 0x80) return Spelled::code_point(*first, 4);
        spelled.bytes[spelled.count++] = static_cast<char>(*next);
        spelled.size += 4;
    }
    return *first >= 0x80 && wanted == 1 ? Spelled::code_point(*first, 4) : spelled;
}

Spelled after_u(std::string_view text) {
    constexpr std::size_t kPair = 12;
    const auto code = hex_code(text.substr(2), 4);
    if (!code) return fixed_hex(text, 2, 4);
    const bool is_high = *code >= 0xd800 && *code < 0xdc00;
    if (is_high && text.size() < kPair) return Spelled::cut_off();
    const auto read = read_utf16(text.substr(2));
    return Spelled::code_point(read.code_point, 2 + read.size);
}

Spelled octal(std::string_view text) {
    unsigned code = 0;
    std::size_t size = 1;
    while (size < 4 && size < text.size() && text[size] >= '0' && text[size] <= '7') {
        code = code * 8 + static_cast<unsigned>(text[size++] - '0');
    }
    return code > 0xff ? Spelled() : Spelled::byte(static_cast<char>(code), size);
}

Spelled backslash(std::string_view text) {
    if (text.front() != '\\') return {};
    if (text.size() == 1) return Spelled::cut_off();
    const char which = text[1];
    if (which == 'u' || which == 'x') {
        if (text.size() > 2 && text[2] == '{') return hex_in_braces(text, 2);
        return which == 'u' ? after_u(text) : after_x(text);
    }
    if (which == 'U') return fixed_hex(text, 2, 8);
    if (which >= '0' && which <= '7') return octal(text);
    constexpr std::string_view kLetters = "abfnrtve";
    constexpr std::string_view kControls = "\a\b\f\n\r\t\v\x1b";
    if (const auto found = kLetters.find(which); found != std::string_view::npos) {
        return Spelled::byte(kControls[found], 2);
    }
    const bool is_plain = (which >= 'a' && which <= 'z') || (which >= 'A' && which <= 'Z') || which == '8' ||
                          which == '9' || static_cast<unsigned char>(which) >= 0x80;
    return is_plain ? Spelled() : Spelled::byte(which, 2);
}

Spelled percent(std::string_view text) {
    if (text.front() != '%') return {};
    if (const auto code = hex_code(text.substr(1), 2)) return Spelled::byte(static_cast<char>(*code), 3);
    return text.size() < 3 && all_hex(text.substr(1)) ? Spelled::cut_off() : Spelled();
}

Spelled form(std::string_view text) {
    return text.front() == '+' ? Spelled::byte(' ', 1) : percent(text);
}

/// U+00A0 to U+00FF.
constexpr std::array<std::string_view, 96> kLatin{
    "nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",    "copy",
    "ordf",   "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn", "sup2",   "sup3",
    "acute",  "micro",  "para",   "middot", "cedil",  "sup1",   "ordm",   "raquo",  "frac14", "frac12",
    "frac34", "iquest", "Agrave", "Aacute", "Acirc",  "Atilde", "Auml",   "Aring",  "AElig",  "Ccedil",
    "Egrave", "Eacute", "Ecirc",  "Euml",   "Igrave", "Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde",
    "Ograve", "Oacute", "Ocirc",  "Otilde", "Ouml",   "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",
    "Uuml",   "Yacute", "THORN",  "szlig",  "agrave", "aacute", "acirc",  "atilde", "auml",   "aring",
    "aelig",  "ccedil", "egrave", "eacute", "ecirc",  "euml",   "igrave", "iacute", "icirc",  "iuml",
    "eth",    "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide", "oslash", "ugrave",
    "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml"};

struct NamedCharacter {
    std::string_view name;
    char character;
};

constexpr std::array<NamedCharacter, 42> kAscii{
    {{"amp", '&'},    {"lt", '<'},     {"gt", '>'},     {"quot", '"'},   {"apos", '\''},    {"AMP", '&'},
     {"LT", '<'},     {"GT", '>'},     {"QUOT", '"'},   {"Tab", '\t'},   {"NewLine", '\n'}, {"excl", '!'},
     {"num", '#'},    {"dollar", '$'}, {"percnt", '%'}, {"lpar", '('},   {"rpar", ')'},     {"ast", '*'},
     {"midast", '*'}, {"plus", '+'},   {"comma", ','},  {"period", '.'}, {"sol", '/'},      {"colon", ':'},
     {"semi", ';'},   {"equals", '='}, {"quest", '?'},  {"commat", '@'}, {"lsqb", '['},     {"lbrack", '['},
     {"bsol", '\\'},  {"rsqb", ']'},   {"rbrack", ']'}, {"Hat", '^'},    {"lowbar", '_'},   {"grave", '`'},
     {"lcub", '{'},   {"lbrace", '{'}, {"verbar", '|'}, {"vert", '|'},   {"rcub", '}'},     {"rbrace", '}'}}};

std::optional<std::uint32_t> code_of_entity(std::string_view name) {
    if (name.starts_with("#x") || name.starts_with("#X")) {
        name.remove_prefix(2);
        while (name.size() > 1 && name.front() == '0') name.remove_prefix(1);
        return name.empty() || name.size() > 6 ? std::nullopt : hex_code(name, name.size());
    }
    if (name.starts_with('#')) {
        std::uint32_t code = 0;
        for (const char c : name.substr(1)) {
            if (c < '0' || c > '9' || code > 0x10ffff) return std::nullopt;
            code = code * 10 + static_cast<std::uint32_t>(c - '0');
        }
        return name.size() == 1 ? std::nullopt : std::optional(code);
    }
    const auto ascii = std::ranges::find(kAscii, name, &NamedCharacter::name);
    if (ascii != kAscii.end()) return static_cast<std::uint32_t>(ascii->character);
    const auto latin = std::ranges::find(kLatin, name);
    if (latin == kLatin.end()) return std::nullopt;
    return 0xa0 + static_cast<std::uint32_t>(latin - kLatin.begin());
}

Spelled entity(std::string_view text) {
    if (text.front() != '&') return {};
    const auto name = text.substr(1, kLongestEntity);
    const auto end =
        std::min(name.find_first_not_of("#0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
                 name.size());
    if (end == name.size()) return name.size() < kLongestEntity ? Spelled::cut_off() : Spelled();
    if (name[end] != ';') return {};
    const auto code = code_of_entity(name.substr(0, end));
    return code ? Spelled::code_point(*code, 1 + end + 1) : Spelled();
}

Spelled spelled_at(std::string_view text, Spelling spelling) {
    switch (spelling) {
        case Spelling::backslashes:
            return backslash(text);
        case Spelling::percent:
            return percent(text);
        case Spelling::form:
            return form(text);
        case Spelling::entities:
            return entity(text);
    }
    return {};
}

}  // namespace

SpelledText::SpelledText(std::string_view text) : text_(text), begins_(text.size()), ends_(text.size()) {
    std::iota(begins_.begin(), begins_.end(), 0U);
    std::iota(ends_.begin(), ends_.end(), 1U);
    fresh_ = begins_;
}

std::optional<SpelledText> SpelledText::undone(Spelling spelling) const {
    constexpr std::array<std::string_view, kSpellings.size()> kSigns{"\\", "%", "%+", "&"};
    const auto signs = kSigns.at(static_cast<std::size_t>(spelling));
    if (text_.find_first_of(signs) == std::string::npos) return std::nullopt;
    SpelledText out;
    const std::string_view text = text_;
    bool changed = false;
    for (std::size_t i = 0; i < text.size();) {
        const bool may_be = signs.find(text[i]) != std::string_view::npos;
        auto spelled = may_be ? spelled_at(text.substr(i), spelling) : Spelled();
        changed |= spelled.cut || spelled.size > 0;
        if (spelled.cut) break;
        const bool is_fresh = spelled.size > 0;
        if (!is_fresh) spelled = Spelled::byte(text[i], 1);
        for (std::size_t k = 0; k < spelled.count; ++k) {
            if (is_fresh) out.fresh_.push_back(static_cast<std::uint32_t>(out.text_.size()));
            out.text_ += spelled.bytes[k];
            out.begins_.push_back(begins_[i]);
            out.ends_.push_back(ends_[i + spelled.size - 1]);
        }
        i += spelled.size;
    }
    if (!changed) return std::nullopt;
    return out;
}

}  // namespace coffer::rotation
