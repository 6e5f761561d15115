#include "plain_evaluator.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstdlib>

namespace coffer::access::plain {
namespace {

using Strings = std::vector<std::string>;

std::string lower(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

const JsonValue* member(const JsonValue& object, std::string_view name) {
    for (const auto& m : object.members) {
        if (m.name == name) return &m.value;
    }
    return nullptr;
}

Strings texts(const JsonValue& value) {
    Strings out;
    if (value.kind == JsonKind::array) {
        for (const auto& item : value.items) out.push_back(item.text);
    } else {
        out.push_back(value.text);
    }
    return out;
}

// ---- text in which each character says whether it is a wildcard
// --------------------------------------------

struct Letter {
    std::string character;  // the bytes of one code point
    bool wild = false;
};
using Letters = std::vector<Letter>;

Letters letters(const std::string& text, bool wildcards) {
    Letters out;
    for (std::size_t i = 0; i < text.size();) {
        std::size_t n = 1;
        while (i + n < text.size() && (static_cast<unsigned char>(text[i + n]) & 0xC0U) == 0x80U) ++n;
        const auto c = text.substr(i, n);
        out.push_back({c, wildcards && (c == "*" || c == "?")});
        i += n;
    }
    return out;
}

/// The textbook table, row by row: whether the pattern so far matches the first j letters of the text.
bool like(const Letters& pattern, const Letters& text) {
    if (std::none_of(pattern.begin(), pattern.end(), [](const Letter& letter) { return letter.wild; })) {
        return std::equal(pattern.begin(), pattern.end(), text.begin(), text.end(),
                          [](const Letter& a, const Letter& b) { return a.character == b.character; });
    }
    std::vector<char> above(text.size() + 1, 0);
    std::vector<char> row(text.size() + 1, 0);
    above[0] = 1;
    for (const auto& p : pattern) {
        const bool star = p.wild && p.character == "*";
        const bool one = p.wild && p.character == "?";
        row[0] = star ? above[0] : char{0};
        for (std::size_t j = 1; j <= text.size(); ++j) {
            const bool taken = one || (!star && p.character == text[j - 1].character);
            row[j] =
                star ? static_cast<char>(above[j] | row[j - 1]) : static_cast<char>(taken ? above[j - 1] : 0);
        }
        above.swap(row);
    }
    return above[text.size()] != 0;
}

std::vector<Letters> at_colons(const Letters& all) {
    std::vector<Letters> parts(1);
    for (const auto& letter : all) {
        if (letter.character == ":" && parts.size() < 6) {
            parts.emplace_back();
        } else {
            parts.back().push_back(letter);
        }
    }
    return parts;
}

bool only_stars(const Letters& all) {
    return !all.empty() &&
           std::all_of(all.begin(), all.end(), [](const Letter& l) { return l.wild && l.character == "*"; });
}

/// A pattern whose parts may come from variables: the variables' colons are inside of a part.
struct Expanded {
    std::vector<Letters> parts;
    Letters whole;
};

// ---- the request
// -------------------------------------------------------------------------------------------

Strings tag_value(const Tags& tags, const std::string& key) {
    for (const auto& [k, v] : tags) {
        if (k == key) return {v};
    }
    for (const auto& [k, v] : tags) {
        if (lower(k) == lower(key)) return {v};
    }
    return {};
}

Strings key_values(const Request& request, const std::string& key) {
    const auto name = lower(key);
    const auto after = [&](const std::string& prefix) -> std::optional<std::string> {
        if (name.rfind(prefix, 0) != 0 || name.size() == prefix.size()) return std::nullopt;
        return key.substr(prefix.size());
    };
    if (const auto tag = after("aws:principaltag/")) return tag_value(request.principal_tags, *tag);
    if (const auto tag = after("aws:resourcetag/")) return tag_value(request.resource_tags, *tag);
    if (const auto tag = after("secretsmanager:resourcetag/")) return tag_value(request.resource_tags, *tag);
    if (const auto tag = after("iam:resourcetag/")) return tag_value(request.resource_tags, *tag);
    if (const auto tag = after("aws:requesttag/")) return tag_value(request.request_tags, *tag);
    const auto found = request.keys.find(name);
    return found == request.keys.end() ? Strings{} : found->second;
}

// ---- variables
// ---------------------------------------------------------------------------------------------

/// The letters of a text with its variables replaced; nothing when one cannot be. `parts` are cut at the
/// colons that the policy's author wrote.
std::optional<Expanded> expand(const std::string& text, bool wildcards, bool variables,
                               const Request& request) {
    Expanded out;
    out.parts.emplace_back();
    const auto put = [&](const Letter& letter, bool own) {
        out.whole.push_back(letter);
        if (own && letter.character == ":" && out.parts.size() < 6) {
            out.parts.emplace_back();
        } else {
            out.parts.back().push_back(letter);
        }
    };
    for (std::size_t i = 0; i < text.size();) {
        if (!variables || text.compare(i, 2, "${") != 0) {
            auto one = letters(text.substr(i), wildcards).front();
            put(one, true);
            i += one.character.size();
            continue;
        }
        const auto close = text.find('}', i);
        const auto inside = text.substr(i + 2, close - i - 2);
        i = close + 1;
        if (inside == "*" || inside == "?" || inside == "$") {
            put({inside, false}, false);
            continue;
        }
        const auto comma = inside.find(',');
        const auto values = key_values(request, inside.substr(0, comma));
        std::string value;
        if (values.size() == 1) {
            value = values.front();
        } else if (values.empty() && comma != std::string::npos) {
            const auto open = inside.find('\'');
            value = inside.substr(open + 1, inside.size() - open - 2);
        } else {
            return std::nullopt;
        }
        for (const auto& letter : letters(value, false)) put(letter, false);
    }
    return out;
}

std::string joined(const Letters& all) {
    std::string out;
    for (const auto& letter : all) out += letter.character;
    return out;
}

/// Whether an ARN (or a text that is none) matches an expanded pattern.
bool arn_like(const Expanded& pattern, const std::string& text) {
    if (only_stars(pattern.whole)) return true;
    const auto value = at_colons(letters(text, false));
    if (value.size() != 6 || joined(value[0]) != "arn") return false;
    auto parts = pattern.parts;
    if (parts.size() != 6) parts = at_colons(pattern.whole);
    if (parts.size() != 6 || joined(parts[0]) != "arn") return false;
    for (std::size_t i = 0; i < 6; ++i) {
        if (!like(parts[i], value[i])) return false;
    }
    return true;
}

// ---- values
// ------------------------------------------------------------------------------------------------

bool digits(const std::string& text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<double> number(const std::string& text) {
    const auto body = !text.empty() && (text[0] == '-' || text[0] == '+') ? text.substr(1) : text;
    const auto dot = body.find('.');
    const bool good =
        dot == std::string::npos ? digits(body) : digits(body.substr(0, dot)) && digits(body.substr(dot + 1));
    if (!good) return std::nullopt;
    return std::strtod(text.c_str(), nullptr);
}

/// Days since 1970-01-01, counted one year and one month at a time.
std::optional<std::int64_t> days(int year, int month, int day) {
    const auto leap = [](int y) { return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0; };
    const std::array<int, 12> lengths{31, leap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1 || day > lengths.at(static_cast<std::size_t>(month - 1)))
        return std::nullopt;
    std::int64_t count = 0;
    for (int y = 1970; y < year; ++y) count += leap(y) ? 366 : 365;
    for (int y = year; y < 1970; ++y) count -= leap(y) ? 366 : 365;
    for (int m = 1; m < month; ++m) count += lengths.at(static_cast<std::size_t>(m - 1));
    return count + day - 1;
}

/// Reads a pattern of digits ("D") and literal characters; 'T' and 'Z' in either case.
std::optional<std::vector<int>> shaped(const std::string& text, const std::string& shape) {
    if (text.size() != shape.size()) return std::nullopt;
    std::vector<int> numbers;
    bool in_number = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (shape[i] == 'D') {
            if (!digits(text.substr(i, 1))) return std::nullopt;
            if (!in_number) numbers.push_back(0);
            numbers.back() = numbers.back() * 10 + (text[i] - '0');
            in_number = true;
        } else {
            if (std::toupper(static_cast<unsigned char>(text[i])) != shape[i]) return std::nullopt;
            in_number = false;
        }
    }
    return numbers;
}

/// A fraction's digits as microseconds.
std::int64_t micros(std::string fraction) {
    fraction = (fraction + "000000").substr(0, 6);
    return std::strtoll(fraction.c_str(), nullptr, 10);
}

std::optional<std::int64_t> time_of_epoch(std::string text) {
    const bool negative = !text.empty() && text[0] == '-';
    if (negative) text = text.substr(1);
    const auto dot = text.find('.');
    const auto whole = text.substr(0, dot);
    const auto fraction = dot == std::string::npos ? std::string("0") : text.substr(dot + 1);
    if (!digits(whole) || !digits(fraction) || whole.size() > 12) return std::nullopt;
    const auto value = std::strtoll(whole.c_str(), nullptr, 10) * 1000000 + micros(fraction);
    return negative ? -value : value;
}

std::optional<std::int64_t> moment(const std::string& text) {
    if (const auto n = shaped(text, "DDDD")) return *days((*n)[0], 1, 1) * 86400000000;
    if (const auto n = shaped(text, "DDDD-DD")) {
        const auto d = days((*n)[0], (*n)[1], 1);
        return d ? std::optional(*d * 86400000000) : std::nullopt;
    }
    if (const auto n = shaped(text, "DDDD-DD-DD")) {
        const auto d = days((*n)[0], (*n)[1], (*n)[2]);
        return d ? std::optional(*d * 86400000000) : std::nullopt;
    }
    // The zone off the end, the fraction out of the middle.
    std::string rest = text;
    int zone = 0;
    const auto cut = [&](const std::string& shape) {
        if (rest.size() <= shape.size()) return false;
        const auto tail = rest.substr(rest.size() - shape.size());
        const auto n = shaped(tail, shape);
        if (!n) return false;
        if (shape != "Z") {
            const int hours = n->size() == 2 ? (*n)[0] : (*n)[0] / 100;
            const int minutes = n->size() == 2 ? (*n)[1] : (*n)[0] % 100;
            if (hours > 23 || minutes > 59) return false;
            zone = (tail[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
        }
        rest = rest.substr(0, rest.size() - shape.size());
        return true;
    };
    if (!cut("Z") && !cut("+DD:DD") && !cut("-DD:DD") && !cut("+DDDD") && !cut("-DDDD"))
        return time_of_epoch(text);
    std::string fraction = "0";
    if (const auto dot = rest.find('.'); dot != std::string::npos) {
        fraction = rest.substr(dot + 1);
        rest = rest.substr(0, dot);
        if (!digits(fraction) || !shaped(rest, "DDDD-DD-DDTDD:DD:DD")) return std::nullopt;
    }
    auto n = shaped(rest, "DDDD-DD-DDTDD:DD:DD");
    if (!n) {
        n = shaped(rest, "DDDD-DD-DDTDD:DD");
        if (n) n->push_back(0);
    }
    if (!n || (*n)[3] > 23 || (*n)[4] > 59 || (*n)[5] > 59) return std::nullopt;
    const auto d = days((*n)[0], (*n)[1], (*n)[2]);
    if (!d) return std::nullopt;
    return ((*d * 24 + (*n)[3]) * 60 + (*n)[4] - zone) * 60000000 + (*n)[5] * std::int64_t{1000000} +
           micros(fraction);
}

/// The bits of an address as '0' and '1': 32 for IPv4 and what maps it, else 128.
std::optional<std::string> address_bits(const std::string& text) {
    std::array<unsigned char, 16> raw{};
    std::size_t size = 4;
    if (inet_pton(AF_INET, text.c_str(), raw.data()) != 1) {
        if (inet_pton(AF_INET6, text.c_str(), raw.data()) != 1) return std::nullopt;
        size = 16;
    }
    std::string bits;
    for (std::size_t i = 0; i < size; ++i) {
        for (int b = 7; b >= 0; --b) bits += ((raw.at(i) >> b) & 1) != 0 ? '1' : '0';
    }
    return bits;
}

const std::string kMapped = std::string(80, '0') + std::string(16, '1');

std::string without_mapping(const std::string& bits) {
    return bits.size() == 128 && bits.rfind(kMapped, 0) == 0 ? bits.substr(96) : bits;
}

bool in_range(const std::string& range, const std::string& value) {
    const auto slash = range.find('/');
    const auto base = address_bits(range.substr(0, slash));
    const auto bits = address_bits(value);
    if (!base || !bits) return false;
    std::size_t prefix =
        slash == std::string::npos ? base->size() : std::strtoul(range.c_str() + slash + 1, nullptr, 10);
    auto network = *base;
    if (network.size() == 128 && network.rfind(kMapped, 0) == 0 && prefix >= 96) {
        network = network.substr(96);
        prefix -= 96;
    }
    const auto address = without_mapping(*bits);
    return network.size() == address.size() && network.compare(0, prefix, address, 0, prefix) == 0;
}

std::optional<std::string> base64_bits(const std::string& text) {
    static const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (text.size() % 4 != 0) return std::nullopt;
    std::string bits;
    std::size_t padding = 0;
    for (const char c : text) {
        if (c == '=') {
            ++padding;
            continue;
        }
        const auto worth = alphabet.find(c);
        if (worth == std::string::npos || padding > 0) return std::nullopt;
        for (int b = 5; b >= 0; --b) bits += ((worth >> b) & 1U) != 0 ? '1' : '0';
    }
    if (padding > 2) return std::nullopt;
    const auto whole = bits.size() / 8 * 8;
    if (bits.find('1', whole) != std::string::npos) return std::nullopt;
    return bits.substr(0, whole);
}

// ---- conditions
// --------------------------------------------------------------------------------------------

struct Operator {
    std::string name;  // without qualifier, negation and suffix
    std::string set;
    bool negated = false;
    bool if_exists = false;
};

Operator take_apart(std::string name) {
    Operator out;
    if (const auto colon = name.find(':'); colon != std::string::npos) {
        out.set = name.substr(0, colon);
        name = name.substr(colon + 1);
    }
    if (name.size() > 8 && name.substr(name.size() - 8) == "IfExists") {
        out.if_exists = true;
        name = name.substr(0, name.size() - 8);
    }
    if (const auto at = name.find("Not"); at != std::string::npos) {
        out.negated = true;
        name.erase(at, 3);
    }
    out.name = name;
    return out;
}

template <class T>
bool ordered(const std::string& op, const T& a, const T& b) {
    if (op.find("LessThanEquals") != std::string::npos) return a <= b;
    if (op.find("LessThan") != std::string::npos) return a < b;
    if (op.find("GreaterThanEquals") != std::string::npos) return a >= b;
    if (op.find("GreaterThan") != std::string::npos) return a > b;
    return a == b;
}

bool has_variables_in_values(const std::string& op) {
    return op.rfind("String", 0) == 0 || op.rfind("Arn", 0) == 0 || op == "Bool";
}

/// One value of the request against one of the policy.
bool compare(const std::string& op, const std::string& value, const std::string& operand, bool v2012,
             const Request& request) {
    if (op.rfind("Numeric", 0) == 0) {
        const auto a = number(value);
        const auto b = number(operand);
        return a && b && ordered(op, *a, *b);
    }
    if (op.rfind("Date", 0) == 0) {
        const auto a = moment(value);
        const auto b = moment(operand);
        return a && b && ordered(op, *a, *b);
    }
    if (op == "IpAddress") return in_range(operand, value);
    if (op == "BinaryEquals") {
        const auto a = base64_bits(value);
        return a && a == base64_bits(operand);
    }
    const bool wildcards = op == "StringLike" || op == "ArnLike" || op == "ArnEquals";
    const auto expanded = expand(operand, wildcards, v2012, request);
    if (!expanded) return false;
    if (op == "StringLike") return like(expanded->whole, letters(value, false));
    if (op == "ArnLike" || op == "ArnEquals") return arn_like(*expanded, value);
    const auto text = joined(expanded->whole);
    if (op == "StringEqualsIgnoreCase") return lower(text) == lower(value);
    if (op == "Bool") return (lower(text) == "true" || lower(text) == "false") && lower(text) == lower(value);
    return text == value;
}

bool condition_holds(const Operator& op, const Strings& values, const Strings& operands, bool v2012,
                     const Request& request) {
    const auto matches = [&](const std::string& value) {
        return std::any_of(operands.begin(), operands.end(), [&](const std::string& operand) {
            return compare(op.name, value, operand, v2012, request);
        });
    };
    if (values.empty()) {
        if (op.if_exists) return true;
        if (op.set == "ForAllValues") return true;
        if (op.set == "ForAnyValue") return false;
        return op.negated;
    }
    const bool empty_set =
        std::all_of(values.begin(), values.end(), [](const std::string& v) { return v.empty(); });
    if (op.set == "ForAllValues") {
        if (empty_set) return true;
        return std::all_of(values.begin(), values.end(),
                           [&](const auto& v) { return op.negated ? !matches(v) : matches(v); });
    }
    if (op.set == "ForAnyValue") {
        if (empty_set) return false;
        return std::any_of(values.begin(), values.end(),
                           [&](const auto& v) { return op.negated ? !matches(v) : matches(v); });
    }
    const bool any = std::any_of(values.begin(), values.end(), matches);
    return op.negated ? !any : any;
}

bool conditions_hold(const JsonValue& statement, bool v2012, const Request& request) {
    const auto* conditions = member(statement, "Condition");
    if (conditions == nullptr) return true;
    for (const auto& under : conditions->members) {
        for (const auto& key : under.value.members) {
            const auto values = key_values(request, key.name);
            const auto operands = texts(key.value);
            bool holds = false;
            if (under.name == "Null") {
                holds = std::any_of(operands.begin(), operands.end(), [&](const std::string& operand) {
                    return lower(operand) == (values.empty() ? "true" : "false");
                });
            } else {
                holds = condition_holds(take_apart(under.name), values, operands, v2012, request);
            }
            if (!holds) return false;
        }
    }
    return true;
}

/// Whether any variable in use cannot be replaced, which makes the whole statement void.
bool is_void(const JsonValue& statement, bool v2012, const Request& request) {
    if (!v2012) return false;
    for (const auto* name : {"Resource", "NotResource"}) {
        if (const auto* resources = member(statement, name)) {
            for (const auto& text : texts(*resources)) {
                if (!expand(text, true, true, request)) return true;
            }
        }
    }
    const auto* conditions = member(statement, "Condition");
    if (conditions == nullptr) return false;
    for (const auto& under : conditions->members) {
        const auto op = take_apart(under.name);
        if (under.name == "Null" || !has_variables_in_values(op.name)) continue;
        for (const auto& key : under.value.members) {
            if (op.if_exists && key_values(request, key.name).empty()) continue;
            for (const auto& text : texts(key.value)) {
                if (!expand(text, true, true, request)) return true;
            }
        }
    }
    return false;
}

// ---- statements
// --------------------------------------------------------------------------------------------

bool listed_action(const JsonValue& list, const Request& request) {
    const auto all = texts(list);
    return std::any_of(all.begin(), all.end(), [&](const std::string& pattern) {
        return like(letters(lower(pattern), true), letters(lower(request.action), false));
    });
}

bool action_matches(const JsonValue& statement, const Request& request) {
    if (const auto* list = member(statement, "Action")) return listed_action(*list, request);
    return !listed_action(*member(statement, "NotAction"), request);
}

bool listed_resource(const JsonValue& list, bool v2012, const Request& request) {
    const auto all = texts(list);
    return std::any_of(all.begin(), all.end(), [&](const std::string& text) {
        const auto pattern = expand(text, true, v2012, request);
        return pattern && arn_like(*pattern, request.resource);
    });
}

bool resource_matches(const JsonValue& statement, bool v2012, const Request& request) {
    if (const auto* list = member(statement, "Resource")) return listed_resource(*list, v2012, request);
    if (const auto* list = member(statement, "NotResource")) return !listed_resource(*list, v2012, request);
    return true;
}

enum Closeness { kNobody, kAccount, kIssuer, kSelf };

Closeness closeness(const std::string& kind, const std::string& text, const Request& request) {
    const auto yes = [](bool y) { return y ? kSelf : kNobody; };
    if (kind == "Service") return yes(request.principal_type == "Service" && request.name == text);
    if (kind == "Federated" && request.provider == text && request.principal_type != "FederatedUser")
        return kIssuer;
    if (kind == "Federated") return yes(request.provider == text);
    if (kind == "CanonicalUser") return kNobody;
    if (text == "*") return kSelf;
    const auto parts = at_colons(letters(text, false));
    std::string account;
    if (digits(text) && text.size() == 12) account = text;
    if (parts.size() == 6 && joined(parts[5]) == "root") account = joined(parts[4]);
    if (!account.empty()) {
        if (account != request.account) return kNobody;
        return request.principal_type == "Account" ? kSelf : kAccount;
    }
    if (!request.issuer_arn.empty() && text == request.issuer_arn) return kIssuer;
    if (text.find(':') == std::string::npos && request.id.rfind(text + ":", 0) == 0) return kIssuer;
    return yes(text == request.principal_arn || (text.find(':') == std::string::npos && text == request.id));
}

using Ids = std::map<std::string, std::string>;

/// AWS keeps the unique id behind the ARN of a user or role. `gains`: who is named has something from it.
Closeness closeness_by_id(const std::string& kind, const std::string& text, const Ids& ids, bool gains,
                          const Request& request) {
    const auto found = ids.find(text);
    if (kind != "AWS" || found == ids.end()) return closeness(kind, text, request);
    if (found->second.empty()) return gains ? kNobody : closeness(kind, text, request);
    const auto colon = request.id.find(':');
    if (request.id.substr(0, colon) != found->second) return kNobody;
    return colon == std::string::npos ? kSelf : kIssuer;
}

Closeness closest(const JsonValue& element, const Ids& ids, bool gains, const Request& request) {
    if (element.kind == JsonKind::string) return kSelf;  // only "*" is valid
    auto best = kNobody;
    for (const auto& kind : element.members) {
        for (const auto& text : texts(kind.value))
            best = std::max(best, closeness_by_id(kind.name, text, ids, gains, request));
    }
    return best;
}

Closeness principal_matches(const JsonValue& statement, const Ids& ids, bool has_boundary,
                            const Request& request) {
    const bool deny = member(statement, "Effect")->text == "Deny";
    if (const auto* element = member(statement, "Principal")) return closest(*element, ids, !deny, request);
    const auto* element = member(statement, "NotPrincipal");
    if (element == nullptr) return kSelf;
    if (deny && has_boundary) return kSelf;
    return closest(*element, ids, deny, request) >= (deny ? kIssuer : kAccount) ? kNobody : kSelf;
}

struct Says {
    bool deny = false;
    Closeness allow = kNobody;
};

Says read_policy(const JsonValue& document, bool has_boundary, const Request& request, const Ids& ids = {}) {
    Says says;
    const auto* version = member(document, "Version");
    const bool v2012 = version != nullptr && version->text == "2012-10-17";
    const auto* statements = member(document, "Statement");
    std::vector<const JsonValue*> all;
    if (statements->kind == JsonKind::object) all.push_back(statements);
    for (const auto& item : statements->items) all.push_back(&item);
    for (const auto* statement : all) {
        const auto who = principal_matches(*statement, ids, has_boundary, request);
        if (who == kNobody || !action_matches(*statement, request)) continue;
        if (is_void(*statement, v2012, request)) continue;
        if (!resource_matches(*statement, v2012, request) || !conditions_hold(*statement, v2012, request))
            continue;
        if (member(*statement, "Effect")->text == "Deny") {
            says.deny = true;
        } else {
            says.allow = std::max(says.allow, who);
        }
    }
    return says;
}

Says read_all(const std::vector<JsonValue>& documents, bool has_boundary, const Request& request) {
    Says all;
    for (const auto& document : documents) {
        const auto one = read_policy(document, has_boundary, request);
        all.deny = all.deny || one.deny;
        all.allow = std::max(all.allow, one.allow);
    }
    return all;
}

Says read_one(const std::optional<JsonValue>& document, bool has_boundary, const Request& request,
              const Ids& ids = {}) {
    return document ? read_policy(*document, has_boundary, request, ids) : Says{};
}

}  // namespace

std::string decide(const Request& request, const Policies& policies) {
    const bool bound = policies.boundary.has_value();
    const auto identity = read_all(policies.identity, bound, request);
    const auto session = read_all(policies.session, bound, request);
    const auto boundary = read_one(policies.boundary, bound, request);
    const auto resource = read_one(policies.resource, bound, request, policies.resource_ids);
    const auto listener = read_one(policies.listener, bound, request);
    const auto stored_listener = read_one(policies.stored_listener, bound, request);
    if (identity.deny || session.deny || boundary.deny || resource.deny || listener.deny ||
        stored_listener.deny)
        return "explicit deny";
    if (policies.listener && listener.allow == kNobody) return "implicit deny";
    if (policies.stored_listener && stored_listener.allow == kNobody) return "implicit deny";

    const auto parts = at_colons(letters(request.resource, false));
    const bool arn = parts.size() == 6 && joined(parts[0]) == "arn";
    const auto owner = arn ? joined(parts[4]) : std::string();
    const bool same = request.principal_type == "Service" || owner.empty() || owner == request.account;
    const bool by_token = request.action == "sts:AssumeRoleWithWebIdentity";
    if (by_token && request.principal_type != "FederatedUser") return "implicit deny";
    const bool assume = by_token || request.action == "sts:AssumeRole" ||
                        request.action == "sts:TagSession" || request.action == "sts:SetSourceIdentity";
    const bool root = request.principal_type == "Account";
    const bool within_limits = (!policies.boundary || boundary.allow != kNobody) &&
                               (policies.session.empty() || session.allow != kNobody);
    const bool own_side = root || (identity.allow != kNobody && within_limits);

    if ((assume || !same) && resource.allow == kNobody) return "implicit deny";
    if (!same) return own_side ? "allow" : "implicit deny";
    if (resource.allow == kSelf || root) return "allow";
    if (resource.allow == kIssuer) return within_limits ? "allow" : "implicit deny";
    return own_side ? "allow" : "implicit deny";
}

void add_derived_keys(Request& request) {
    const auto put = [&](const std::string& key, const std::string& value) {
        if (!value.empty()) request.keys.emplace(key, Strings{value});
    };
    const bool role = request.principal_type == "AssumedRole" && !request.issuer_arn.empty();
    put("aws:principalarn", role ? request.issuer_arn : request.principal_arn);
    put("aws:principalaccount", request.account);
    put("aws:principaltype", request.principal_type);
    put("aws:userid", request.id);
    if (request.principal_type == "User") put("aws:username", request.name);
    if (request.principal_type == "Service") put("aws:principalservicename", request.name);
    put("aws:federatedprovider", request.provider);
    put("aws:principalisawsservice", request.principal_type == "Service" ? "true" : "false");
    put("aws:viaawsservice", "false");
    const auto parts = at_colons(letters(request.resource, false));
    if (parts.size() == 6 && joined(parts[0]) == "arn") {
        put("aws:resourceaccount", joined(parts[4]));
        put("aws:requestedregion", joined(parts[3]));
    }
    if (!request.request_tags.empty()) {
        Strings keys;
        for (const auto& tag : request.request_tags) keys.push_back(tag.first);
        request.keys.emplace("aws:tagkeys", keys);
    }
}

}  // namespace coffer::access::plain
