#include "daemon/access/document_parser.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "daemon/access/ascii.hpp"
#include "daemon/access/json_reader.hpp"
#include "daemon/access/limits.hpp"
#include "daemon/access/malformed_policy.hpp"
#include "daemon/access/statement_checks.hpp"

namespace coffer::access {
namespace {

std::size_t default_limit(DocumentKind kind) noexcept {
    switch (kind) {
        case DocumentKind::resource:
            return kMaxResourcePolicyCharacters;
        case DocumentKind::listener:
            return kMaxListenerPolicyCharacters;
        case DocumentKind::trust:
            return kMaxTrustPolicyCharacters;
        case DocumentKind::session:
            return kMaxSessionPolicyCharacters;
        case DocumentKind::identity:
        case DocumentKind::boundary:
            return kMaxManagedPolicyCharacters;
    }
    return kMaxManagedPolicyCharacters;
}

void check_size(const JsonDocument& json, const ParseOptions& options) {
    const bool whole = options.kind == DocumentKind::resource || options.kind == DocumentKind::listener;
    const auto size = whole ? json.characters : json.dense_characters;
    const auto limit = options.max_characters != 0 ? options.max_characters : default_limit(options.kind);
    if (size <= limit) return;
    fail("The policy has " + std::to_string(size) + " characters" + (whole ? "" : " besides white space") +
             "; a " + std::string(kind_name(options.kind)) + " may have " + std::to_string(limit),
         {});
}

/// One name twice in an object is a mistake of its author wherever it is: which of both counts is unclear.
void check_names(const JsonValue& object, bool ignore_case) {
    for (std::size_t i = 0; i < object.members.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            const auto& a = object.members[j].name;
            const auto& b = object.members[i].name;
            if (a == b || (ignore_case && equals_ignore_case(a, b))) {
                fail("Duplicate key \"" + b + "\"; it was there already on line " +
                         std::to_string(object.members[j].at.line),
                     object.members[i].at);
            }
        }
    }
}

const std::string& require_string(const JsonValue& value, const std::string& element) {
    if (value.kind != JsonKind::string) {
        fail("The value of " + element + " must be a string, not " + std::string(describe(value.kind)),
             value.at);
    }
    return value.text;
}

void require_object(const JsonValue& value, const std::string& element) {
    if (value.kind != JsonKind::object) {
        fail("The value of " + element + " must be an object, not " + std::string(describe(value.kind)),
             value.at);
    }
}

/// A string or a list of strings.
std::vector<Located> strings(const JsonValue& value, const std::string& element) {
    std::vector<Located> out;
    if (value.kind == JsonKind::array) {
        for (const auto& item : value.items) out.push_back({require_string(item, element), item.at});
    } else if (value.kind == JsonKind::string) {
        out.push_back({value.text, value.at});
    } else {
        fail("The value of " + element + " must be a string or a list of strings, not " +
                 std::string(describe(value.kind)),
             value.at);
    }
    return out;
}

/// Values of a condition: numbers and booleans may do without quotation marks.
std::vector<Located> condition_values(const JsonValue& value, const std::string& key) {
    std::vector<Located> out;
    const auto add = [&](const JsonValue& item) {
        const bool scalar =
            item.kind == JsonKind::string || item.kind == JsonKind::number || item.kind == JsonKind::boolean;
        if (!scalar) {
            fail("A value of the condition key " + key + " must be a string, a number or a boolean, not " +
                     std::string(describe(item.kind)),
                 item.at);
        }
        out.push_back({item.text, item.at});
    };
    if (value.kind == JsonKind::array) {
        for (const auto& item : value.items) add(item);
    } else {
        add(value);
    }
    return out;
}

class Parser {
public:
    explicit Parser(DocumentKind kind) { document_.kind = kind; }

    PolicyDocument parse(const JsonValue& root) {
        if (root.kind != JsonKind::object) {
            fail("Syntax errors in policy: a policy is an object, not " + std::string(describe(root.kind)),
                 root.at);
        }
        check_names(root, false);
        const JsonMember* statements = nullptr;
        // The version goes first, wherever it stands: it decides what `${` means.
        for (const auto& member : root.members) {
            if (member.name == "Version") version(member.value);
        }
        for (const auto& member : root.members) {
            if (member.name == "Id") {
                id(member);
            } else if (member.name == "Statement") {
                statements = &member;
            } else if (member.name != "Version") {
                fail("Unknown element \"" + member.name + "\"; a policy has Version, Id and Statement",
                     member.at);
            }
        }
        if (statements == nullptr) fail("Missing required field Statement", root.at);
        statement_list(*statements);
        return std::move(document_);
    }

private:
    void version(const JsonValue& value) {
        const auto& text = require_string(value, "Version");
        if (text == "2012-10-17") {
            document_.version = LanguageVersion::v2012;
        } else if (text != "2008-10-17") {
            fail("Invalid policy version: \"" + text + "\"; it must be 2012-10-17 or 2008-10-17", value.at);
        }
        document_.version_given = true;
    }

    void id(const JsonMember& member) {
        const auto kind = document_.kind;
        if (kind == DocumentKind::identity || kind == DocumentKind::boundary ||
            kind == DocumentKind::session) {
            fail("Has prohibited field Id: only policies with principals may have it", member.at);
        }
        document_.id = Located{require_string(member.value, "Id"), member.value.at};
    }

    void statement_list(const JsonMember& member) {
        const auto& value = member.value;
        if (value.kind == JsonKind::object) {
            document_.statements.push_back(statement(value));
        } else if (value.kind == JsonKind::array) {
            for (const auto& item : value.items) document_.statements.push_back(statement(item));
        } else {
            fail("The value of Statement must be an object or a list of objects, not " +
                     std::string(describe(value.kind)),
                 value.at);
        }
        if (document_.statements.empty()) fail("Syntax errors in policy: there is no statement", value.at);
        check_sids();
    }

    void check_sids() const {
        const auto& all = document_.statements;
        for (std::size_t i = 0; i < all.size(); ++i) {
            for (std::size_t j = 0; j < i; ++j) {
                if (all[i].sid && all[j].sid && !all[i].sid->text.empty() &&
                    all[i].sid->text == all[j].sid->text) {
                    fail("Statement IDs (SID) in a single policy must be unique: \"" + all[i].sid->text +
                             "\" is also on line " + std::to_string(all[j].sid->at.line),
                         all[i].sid->at);
                }
            }
        }
    }

    StatementDocument statement(const JsonValue& value) {
        require_object(value, "Statement");
        check_names(value, false);
        StatementDocument out;
        out.at = value.at;
        bool has_effect = false;
        bool has_action = false;
        for (const auto& member : value.members) {
            if (member.name == "Sid") {
                out.sid = sid(member.value);
            } else if (member.name == "Effect") {
                out.effect = effect(member.value);
                has_effect = true;
            } else if (member.name == "Action" || member.name == "NotAction") {
                if (has_action) fail("A statement has either Action or NotAction, not both", member.at);
                out.actions = actions(member);
                has_action = true;
            } else if (member.name == "Resource" || member.name == "NotResource") {
                if (out.resources)
                    fail("A statement has either Resource or NotResource, not both", member.at);
                out.resources = resources(member);
            } else if (member.name == "Principal" || member.name == "NotPrincipal") {
                if (out.principal)
                    fail("A statement has either Principal or NotPrincipal, not both", member.at);
                out.principal = principal(member);
            } else if (member.name == "Condition") {
                out.conditions = conditions(member.value);
            } else {
                fail("Unknown element \"" + member.name +
                         "\"; a statement has Sid, Effect, Principal, Action, Resource and Condition",
                     member.at);
            }
        }
        if (!has_effect) fail("Missing required field Effect", value.at);
        if (!has_action) fail("Missing required field Action", value.at);
        require_elements(out);
        return out;
    }

    void require_elements(const StatementDocument& statement) const {
        const auto kind = document_.kind;
        if (takes_principal(kind) && !statement.principal)
            fail("Missing required field Principal", statement.at);
        if (kind != DocumentKind::trust && !statement.resources) {
            fail("Policy statement must contain resources", statement.at);
        }
    }

    Located sid(const JsonValue& value) const {
        const auto& text = require_string(value, "Sid");
        const bool spaced =
            document_.kind == DocumentKind::resource || document_.kind == DocumentKind::listener;
        const bool valid = std::all_of(text.begin(), text.end(), [&](char c) {
            return is_alphanumeric(c) || (spaced && (c == ' ' || c == '-' || c == '_'));
        });
        if (!valid) {
            fail("Statement IDs (SID) must be alpha-numeric: \"" + text + "\" does not match [0-9A-Za-z" +
                     (spaced ? " _-" : "") + "]*",
                 value.at);
        }
        return {text, value.at};
    }

    static Effect effect(const JsonValue& value) {
        const auto& text = require_string(value, "Effect");
        if (text == "Allow") return Effect::allow;
        if (text == "Deny") return Effect::deny;
        fail("Invalid effect: \"" + text + "\"; it must be Allow or Deny", value.at);
    }

    /// NotX with nothing in it would be everything; nobody means that.
    static void refuse_empty_negation(const JsonMember& member, bool negated, bool empty) {
        if (negated && empty)
            fail(member.name + " must name something: it would apply to everything", member.at);
    }

    static ElementList actions(const JsonMember& member) {
        ElementList out{member.name.starts_with("Not"), strings(member.value, member.name), member.at};
        for (const auto& value : out.values) check_action(value);
        refuse_empty_negation(member, out.negated, out.values.empty());
        return out;
    }

    ElementList resources(const JsonMember& member) const {
        if (document_.kind == DocumentKind::trust) {
            fail("Has prohibited field " + member.name + ": a trust policy is about its own role", member.at);
        }
        ElementList out{member.name.starts_with("Not"), strings(member.value, member.name), member.at};
        for (const auto& value : out.values) check_resource(value, document_.version);
        refuse_empty_negation(member, out.negated, out.values.empty());
        return out;
    }

    PrincipalElement principal(const JsonMember& member) const {
        const bool negated = member.name == "NotPrincipal";
        if (!takes_principal(document_.kind)) {
            fail("Has prohibited field " + member.name + ": a policy for an identity is about that identity",
                 member.at);
        }
        if (negated && document_.kind == DocumentKind::trust) {
            fail("Has prohibited field NotPrincipal: a trust policy names whom it trusts", member.at);
        }
        PrincipalElement out{negated, {}, member.at};
        if (member.value.kind == JsonKind::string) {
            if (member.value.text != "*") {
                fail("Invalid principal in policy: \"" + member.value.text +
                         "\"; write \"*\" or an object such as {\"AWS\": ...}",
                     member.value.at);
            }
            out.entries.push_back({PrincipalKind::any, {"*", member.value.at}});
        } else {
            require_object(member.value, member.name);
            principal_map(member.value, out);
        }
        refuse_empty_negation(member, negated, out.entries.empty());
        return out;
    }

    static void principal_map(const JsonValue& value, PrincipalElement& out) {
        check_names(value, false);
        for (const auto& member : value.members) {
            const auto kind = principal_kind(member);
            for (auto& item : strings(member.value, member.name)) {
                PrincipalEntry entry{kind, std::move(item)};
                check_principal(entry);
                if (entry.kind == PrincipalKind::aws && entry.value.text == "*")
                    entry.kind = PrincipalKind::any;
                out.entries.push_back(std::move(entry));
            }
        }
    }

    static PrincipalKind principal_kind(const JsonMember& member) {
        if (member.name == "AWS") return PrincipalKind::aws;
        if (member.name == "Service") return PrincipalKind::service;
        if (member.name == "Federated") return PrincipalKind::federated;
        if (member.name == "CanonicalUser") return PrincipalKind::canonical_user;
        fail("Invalid principal in policy: unknown kind \"" + member.name +
                 "\"; there are AWS, Service, Federated and CanonicalUser",
             member.at);
    }

    std::vector<ConditionEntry> conditions(const JsonValue& value) const {
        require_object(value, "Condition");
        check_names(value, false);
        std::vector<ConditionEntry> out;
        for (const auto& under : value.members) {
            const auto op = find_operator(under.name);
            if (!op)
                fail("Invalid Condition type: \"" + under.name + "\" is not a condition operator", under.at);
            require_object(under.value, under.name);
            check_names(under.value, true);
            for (const auto& member : under.value.members) {
                ConditionEntry entry{*op, {under.name, under.at}, {}, member.at, {}};
                check_condition_key(Located{member.name, member.at});
                entry.key = find_key(member.name);
                entry.values = condition_values(member.value, member.name);
                for (const auto& item : entry.values) check_condition_value(entry, item, document_.version);
                out.push_back(std::move(entry));
            }
        }
        return out;
    }

    PolicyDocument document_;
};

}  // namespace

std::string_view kind_name(DocumentKind kind) noexcept {
    switch (kind) {
        case DocumentKind::identity:
            return "identity-based policy";
        case DocumentKind::resource:
            return "resource-based policy";
        case DocumentKind::trust:
            return "role trust policy";
        case DocumentKind::boundary:
            return "permissions boundary";
        case DocumentKind::session:
            return "session policy";
        case DocumentKind::listener:
            return "VPC endpoint policy";
    }
    return "policy";
}

PolicyDocument parse_policy(std::string_view text, const ParseOptions& options) {
    if (text.size() > kMaxDocumentBytes) {
        fail("The policy has " + std::to_string(text.size()) + " bytes; a document may have " +
                 std::to_string(kMaxDocumentBytes),
             {});
    }
    const auto json = read_json(text, kMaxJsonDepth);
    check_size(json, options);
    return Parser(options.kind).parse(json.root);
}

}  // namespace coffer::access
