#include "daemon/access/bound_principals.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>

#include "daemon/access/document_parser.hpp"
#include "daemon/access/malformed_policy.hpp"

namespace coffer::access {

namespace {

template <class Visit>
void each_named(const PolicyDocument& document, Visit visit) {
    for (const auto& statement : document.statements) {
        if (!statement.principal) continue;
        for (const auto& entry : statement.principal->entries) {
            if (entry.kind == PrincipalKind::aws) visit(entry.value);
        }
    }
}

/// What stands for the ARN in a policy that is shown; nothing: the ARN itself.
std::optional<std::string> shown_name(const std::string& arn, const std::string& id,
                                      const PrincipalNames& names) {
    if (id.empty()) return std::nullopt;
    auto now = names.arn_of(id);
    if (!now) {
        // Not the ARN of somebody else, who would be meant when this is put back.
        const auto other = names.id_of(arn);
        return other && !other->empty() && *other != id ? std::optional(id) : std::nullopt;
    }
    if (*now == arn) return std::nullopt;
    return now->empty() ? id : std::move(*now);
}

std::string json_string(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {  // of an ARN: printable ASCII
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

/// Behind the string that begins at `at` with its quotation mark.
std::size_t end_of_string(const std::string& text, std::size_t at) {
    for (++at; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\') ++at;
    }
    return std::min(at + 1, text.size());
}

/// The text with other strings at some places, each of which is that of a string's first mark.
std::string with_strings(const std::string& text, const std::map<TextPosition, std::string>& strings) {
    std::string out;
    TextPosition position;
    auto next = strings.begin();
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at + 1;
        const bool found = next != strings.end() && next->first == position;
        if (found) {
            end = end_of_string(text, at);
            out += json_string(next++->second);
        }
        for (; at < end; ++at) {
            if (!found) out += text[at];
            if (text[at] == '\n') {
                position = {position.line + 1, 1};
            } else if (at + 1 == text.size() || (static_cast<unsigned char>(text[at + 1]) & 0xC0U) != 0x80U) {
                ++position.column;  // the last byte of a character
            }
        }
    }
    return out;
}

}  // namespace

bool favours_named(const StatementDocument& statement) noexcept {
    return (statement.effect == Effect::allow) != statement.principal->negated;
}

PrincipalIds bind_principals(const PolicyDocument& document, const PrincipalNames& names) {
    PrincipalIds ids;
    each_named(document, [&](const Located& named) {
        if (auto id = names.id_of(named.text)) ids.emplace(named.text, std::move(*id));
    });
    return ids;
}

std::string shown_policy(const std::string& text, DocumentKind kind, const PrincipalIds& ids,
                         const PrincipalNames& names) {
    std::map<std::string, std::string, std::less<>> others;
    for (const auto& [arn, id] : ids) {
        if (auto name = shown_name(arn, id, names)) others.emplace(arn, std::move(*name));
    }
    if (others.empty()) return text;
    try {
        std::map<TextPosition, std::string> strings;
        each_named(parse_policy(text, {.kind = kind}), [&](const Located& named) {
            const auto other = others.find(named.text);
            if (other != others.end()) strings.emplace(named.at, other->second);
        });
        return with_strings(text, strings);
    } catch (const MalformedPolicy&) {
        return text;  // another version of Coffer took it
    }
}

PrincipalIds shown_ids(const PrincipalIds& ids, const PrincipalNames& names) {
    PrincipalIds shown;
    for (const auto& [arn, id] : ids) {
        const auto name = shown_name(arn, id, names);
        if (!name) {
            shown.emplace(arn, id);
        } else if (*name != id) {
            shown.emplace(*name, id);
        }
    }
    return shown;
}

}  // namespace coffer::access
