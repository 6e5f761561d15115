// The decisions of cases/*.json, by both evaluators. docs/policies.md has the rules that they follow.
//
// A file: {"source", "principals": {name: {...}}, "policies": {name: document}, "requests": {name: {...}},
// "cases": [{"name", "source"?, "identity"?: [policy], "session"?: [policy], "boundary"?, "resource"?,
// "trust"?, "listener"?, "meant"?: {ARN: unique id}, "expect": {request: outcome}}]}. "meant" is whom the
// principals of the resource or trust policy were when it was put; an empty id is nobody. An outcome is
// "allow", "deny" (nothing allows) or "Deny" (explicit), then, where it matters, "by POLICY/STATEMENT" or
// "lacking PART". In policies, "@secret:" stands for the beginning of a secret's ARN in account 111122223333,
// in a request's resource it may be left out.

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "daemon/access/values.hpp"
#include "policy_fixture.hpp"

namespace coffer::access::test {
namespace {

namespace json = boost::json;

std::string replaced(std::string text, std::string_view what, std::string_view with) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
        text.replace(at, what.size(), with);
    }
    return text;
}

std::string text_of(const json::value& value) {
    return std::string(value.as_string());
}

std::string optional_text(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value == nullptr ? std::string() : text_of(*value);
}

std::vector<Tag> tags_of(const json::object& object, std::string_view name) {
    std::vector<Tag> out;
    if (const auto* tags = object.if_contains(name)) {
        for (const auto& [key, value] : tags->as_object()) out.push_back({std::string(key), text_of(value)});
    }
    return out;
}

std::vector<std::string> texts_of(const json::value& value) {
    if (value.is_string()) return {text_of(value)};
    std::vector<std::string> out;
    for (const auto& item : value.as_array()) out.push_back(text_of(item));
    return out;
}

PrincipalType type_of(const std::string& name) {
    for (const auto type : {PrincipalType::account, PrincipalType::user, PrincipalType::assumed_role,
                            PrincipalType::federated_user, PrincipalType::service}) {
        if (principal_type_name(type) == name) return type;
    }
    throw std::invalid_argument("no such principal type: " + name);
}

Principal principal_of(const json::object& object) {
    Principal out;
    out.type = type_of(optional_text(object, "type"));
    out.arn = optional_text(object, "arn");
    out.issuer_arn = optional_text(object, "issuer");
    out.account = optional_text(object, "account");
    out.id = optional_text(object, "id");
    out.name = optional_text(object, "name");
    out.federated_provider = optional_text(object, "provider");
    out.tags = tags_of(object, "tags");
    if (const auto* groups = object.if_contains("groups")) out.groups = texts_of(*groups);
    return out;
}

class CaseFile {
public:
    explicit CaseFile(const std::filesystem::path& path) : name_(path.filename().string()) {
        std::ifstream in(path);
        std::stringstream text;
        text << in.rdbuf();
        root_ = json::parse(text.str()).as_object();
    }

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] const json::array& cases() const { return root_.at("cases").as_array(); }
    [[nodiscard]] bool has_source(const json::object& one) const {
        return !optional_text(one, "source").empty() || !optional_text(root_, "source").empty();
    }

    [[nodiscard]] TestRequest request(const std::string& name) const {
        const auto& object = root_.at("requests").as_object().at(name).as_object();
        TestRequest out;
        out.principal =
            principal_of(root_.at("principals").as_object().at(text_of(object.at("principal"))).as_object());
        const auto action = text_of(object.at("action"));
        const auto found =
            find_action(action.find(':') == std::string::npos ? "secretsmanager:" + action : action);
        if (!found) throw std::invalid_argument("no such action: " + action);
        out.action = *found;
        out.resource = text_of(object.at("resource"));
        if (out.resource != "*" && !out.resource.starts_with("arn:")) out.resource.insert(0, kSecretArn);
        out.resource_tags = tags_of(object, "resource_tags");
        out.request_tags = tags_of(object, "request_tags");
        if (const auto* time = object.if_contains("time")) {
            out.time = Timestamp::from_millis(parse_date(text_of(*time)).value() / 1000);
        }
        if (const auto* context = object.if_contains("context")) {
            for (const auto& [key, value] : context->as_object())
                out.context.emplace_back(key, texts_of(value));
        }
        return out;
    }

    [[nodiscard]] std::string policy(const std::string& name) const {
        return replaced(json::serialize(root_.at("policies").as_object().at(name)), "@secret:", kSecretArn);
    }

    [[nodiscard]] TestPolicies policies(const json::object& one) const {
        TestPolicies out;
        for (const auto& name : list(one, "identity")) out.add_identity(policy(name), name);
        for (const auto& name : list(one, "session")) out.add_session(policy(name), name);
        for (const auto& name : list(one, "boundary")) out.set_boundary(policy(name), name);
        for (const auto& name : list(one, "resource")) {
            out.set_resource(policy(name), name, DocumentKind::resource, meant(one));
        }
        for (const auto& name : list(one, "trust")) {
            out.set_resource(policy(name), name, DocumentKind::trust, meant(one));
        }
        for (const auto& name : list(one, "listener")) out.set_listener(policy(name), name);
        return out;
    }

private:
    static PrincipalIds meant(const json::object& one) {
        PrincipalIds ids;
        if (const auto* value = one.if_contains("meant")) {
            for (const auto& [arn, id] : value->as_object()) ids.emplace(arn, text_of(id));
        }
        return ids;
    }
    static std::vector<std::string> list(const json::object& one, std::string_view name) {
        const auto* value = one.if_contains(name);
        return value == nullptr ? std::vector<std::string>{} : texts_of(*value);
    }

    std::string name_;
    json::object root_;
};

std::string short_name(Outcome outcome) {
    switch (outcome) {
        case Outcome::allow:
            return "allow";
        case Outcome::explicit_deny:
            return "Deny";
        case Outcome::implicit_deny:
            return "deny";
    }
    return "";
}

std::string part_name(DocumentKind kind) {
    switch (kind) {
        case DocumentKind::identity:
            return "identity";
        case DocumentKind::resource:
            return "resource";
        case DocumentKind::trust:
            return "trust";
        case DocumentKind::boundary:
            return "boundary";
        case DocumentKind::session:
            return "session";
        case DocumentKind::listener:
            return "listener";
    }
    return "";
}

/// A decision in the words of `expected`, as far as those go.
std::string in_words(const Decision& decision, const std::string& expected) {
    std::string out = short_name(decision.outcome);
    if (expected.find(" by ") != std::string::npos) {
        out += " by " + (decision.policy == nullptr
                             ? std::string("root")
                             : decision.policy->name() + "/" + decision.statement->label());
    }
    if (expected.find(" lacking ") != std::string::npos) out += " lacking " + part_name(decision.part);
    return out;
}

std::size_t check_case(const CaseFile& file, const json::object& one) {
    EXPECT_TRUE(file.has_source(one)) << "a case says where its expectation comes from";
    const auto policies = file.policies(one);
    std::size_t decisions = 0;
    for (const auto& [name, value] : one.at("expect").as_object()) {
        SCOPED_TRACE("request " + std::string(name));
        const auto expected = text_of(value);
        const auto request = file.request(std::string(name));
        const auto context = request.compiled();
        const auto decision = decide(context, policies.compiled());
        const auto explanation = explain(context, policies.compiled());
        EXPECT_EQ(in_words(decision, expected), expected) << format_explanation(context, explanation);
        EXPECT_EQ(plain::decide(request.plain(), policies.plain()), outcome_name(decision.outcome))
            << "the plain evaluator disagrees";
        EXPECT_EQ(explanation.decision.outcome, decision.outcome);
        ++decisions;
    }
    return decisions;
}

TEST(Decisions, AreTheExpectedOnes) {
    std::size_t decisions = 0;
    for (const auto& entry : std::filesystem::directory_iterator(COFFER_POLICY_CASES)) {
        if (entry.path().extension() != ".json") continue;
        const CaseFile file(entry.path());
        for (const auto& value : file.cases()) {
            const auto& one = value.as_object();
            SCOPED_TRACE(file.name() + ": " + text_of(one.at("name")));
            try {
                decisions += check_case(file, one);
            } catch (const std::exception& e) {
                ADD_FAILURE() << e.what();
            }
        }
    }
    RecordProperty("decisions", static_cast<int>(decisions));
    EXPECT_GE(decisions, 300U);
}

}  // namespace
}  // namespace coffer::access::test
