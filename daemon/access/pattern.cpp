#include "daemon/access/pattern.hpp"

#include <algorithm>
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
bool is_plain(std::string_view text) noexcept {
    return text.find(kManyMark) == std::string_view::npos && text.find(kOneMark) == std::string_view::npos;
}

/// What takes the variable's place.
std::optional<std::string_view> value_of(const Pattern::Variable& variable,
                                         const RequestContext& request) noexcept {
    const auto values = request.values(variable.key);
    if (values.empty() && variable.fallback) return std::string_view(*variable.fallback);
    if (values.size() != 1 || !is_plain(values.front())) return std::nullopt;
    return std::string_view(values.front());
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

bool Pattern::resolves(const RequestContext& request) const noexcept {
    return std::all_of(variables_.begin(), variables_.end(),
                       [&](const Variable& variable) { return value_of(variable, request).has_value(); });
}

bool Pattern::may_resolve(const RequestContext& request) const noexcept {
    return std::all_of(variables_.begin(), variables_.end(), [&](const Variable& variable) {
        return value_of(variable, request).has_value() || request.is_open(variable.key);
    });
}

void Pattern::collect_open(const RequestContext& request, std::vector<KeyRef>& out) const {
    for (const auto& variable : variables_) {
        if (request.is_open(variable.key)) out.push_back(variable.key);
    }
}

bool Pattern::expand(const RequestContext& request, std::string& out) const {
    out += head_;
    for (const auto& variable : variables_) {
        const auto value = value_of(variable, request);
        if (!value) return false;
        out += *value;
        out += variable.after;
    }
    return true;
}

bool Pattern::matches(std::string_view text, const RequestContext& request) const {
    if (variables_.empty()) return glob_matches(head_, text);
    return matches_from(0, head_, text, request);
}

/// `piece` is what stands before the variable `next`. Literal pieces and values are taken off the front of
/// the text one by one; from the first wildcard on, the rest is matched as one glob.
bool Pattern::matches_from(std::size_t next, std::string_view piece, std::string_view text,
                           const RequestContext& request) const {
    while (next < variables_.size() && is_plain(piece)) {
        const auto value = value_of(variables_[next], request);
        if (!text.starts_with(piece)) return false;
        text.remove_prefix(piece.size());
        if (!value || !text.starts_with(*value)) return false;
        text.remove_prefix(value->size());
        piece = variables_[next++].after;
    }
    if (next == variables_.size()) return glob_matches(piece, text);
    std::string glob(piece);
    for (; next < variables_.size(); ++next) {
        const auto value = value_of(variables_[next], request);
        if (!value) return false;
        glob += *value;
        glob += variables_[next].after;
    }
    return glob_matches(glob, text);
}

}  // namespace coffer::access
