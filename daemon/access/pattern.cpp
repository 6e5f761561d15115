#include "daemon/access/pattern.hpp"

#include <stdexcept>

#include "daemon/access/glob.hpp"

namespace coffer::access {
namespace {

/// "aws:username" or "aws:username, 'nobody'", what stands between `${` and `}`.
Pattern::Variable parse_variable(std::string_view text) {
    const auto invalid = [&](const std::string& why) {
        return std::invalid_argument("the policy variable ${" + std::string(text) + "} " + why);
    };
    const auto comma = text.find(',');
    const auto name = text.substr(0, comma);
    if (name.empty()) throw invalid("has no name");
    if (name.find_first_of(" \t'\"$?*") != std::string_view::npos) {
        throw invalid("has a name with a character that condition keys do not have");
    }
    Pattern::Variable variable{find_key(name), std::nullopt, {}};
    if (comma == std::string_view::npos) return variable;
    auto rest = text.substr(comma + 1);
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    if (rest.size() < 2 || !rest.starts_with('\'') || !rest.ends_with('\'')) {
        throw invalid("has a default that is not in single quotation marks");
    }
    variable.fallback = rest.substr(1, rest.size() - 2);
    return variable;
}

/// Whether a value can stand in a glob: the marks are bytes that no UTF-8 text has.
bool is_plain(std::string_view value) noexcept {
    return value.find(kManyMark) == std::string_view::npos && value.find(kOneMark) == std::string_view::npos;
}

}  // namespace

Pattern Pattern::parse(std::string_view text, PatternSyntax syntax) {
    Pattern pattern;
    std::string* out = &pattern.head_;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (syntax.variables && text.substr(i, 2) == "${") {
            const auto close = text.find('}', i);
            if (close == std::string_view::npos) {
                throw std::invalid_argument("the policy variable " + std::string(text.substr(i)) +
                                            " has no closing }");
            }
            const auto inside = text.substr(i + 2, close - i - 2);
            i = close;
            if (inside == "*" || inside == "?" || inside == "$") {
                *out += inside;
                continue;
            }
            pattern.variables_.push_back(parse_variable(inside));
            out = &pattern.variables_.back().after;
        } else if (syntax.wildcards && (text[i] == '*' || text[i] == '?')) {
            *out += text[i] == '*' ? kManyMark : kOneMark;
        } else {
            *out += text[i];
        }
    }
    return pattern;
}

bool Pattern::expand(const RequestContext& request, std::string& out) const {
    out += head_;
    for (const auto& variable : variables_) {
        const auto values = request.values(variable.key);
        if (values.size() == 1 && is_plain(values.front())) {
            out += values.front();
        } else if (values.empty() && variable.fallback) {
            out += *variable.fallback;
        } else {
            return false;
        }
        out += variable.after;
    }
    return true;
}

}  // namespace coffer::access
