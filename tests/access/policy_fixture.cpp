#include "policy_fixture.hpp"

#include "daemon/access/json_reader.hpp"
#include "daemon/access/limits.hpp"

namespace coffer::access::test {
namespace {

plain::Tags plain_tags(const std::vector<Tag>& tags) {
    plain::Tags out;
    for (const auto& tag : tags) out.emplace_back(tag.key, tag.value);
    return out;
}

JsonValue parsed(const std::string& text) {
    return read_json(text, kMaxJsonDepth).root;
}

PolicyPtr compiled_as(const std::string& text, std::string name, DocumentKind kind,
                      const PrincipalIds& ids = {}) {
    return Policy::parse(text, std::move(name), {kind, kMaxDocumentBytes}, ids);
}

}  // namespace

RequestContext TestRequest::compiled() const {
    RequestContext out(principal, action, resource);
    out.set_resource_tags(resource_tags);
    if (!request_tags.empty()) out.set_request_tags(request_tags);
    if (time) out.set_time(*time);
    for (const auto& [key, values] : context) out.set_named(key, values);
    return out;
}

plain::Request TestRequest::plain() const {
    plain::Request out;
    out.principal_type = principal_type_name(principal.type);
    out.principal_arn = principal.arn;
    out.issuer_arn = principal.issuer_arn;
    out.account = principal.account;
    out.id = principal.id;
    out.name = principal.name;
    out.provider = principal.federated_provider;
    out.action = action_info(action).name;
    out.resource = resource;
    out.principal_tags = plain_tags(principal.tags);
    out.resource_tags = plain_tags(resource_tags);
    out.request_tags = plain_tags(request_tags);
    for (const auto& [key, values] : context) {
        std::string name = key;
        for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        out.keys[name] = values;
    }
    if (time) {
        out.keys.emplace("aws:currenttime", std::vector<std::string>{format_iso_time(*time)});
        out.keys.emplace("aws:epochtime", std::vector<std::string>{std::to_string(time->millis() / 1000)});
    }
    if (!principal.groups.empty()) out.keys["coffer:principalgroups"] = principal.groups;
    plain::add_derived_keys(out);
    return out;
}

void TestPolicies::add_identity(const std::string& text, std::string name) {
    identity_.push_back(compiled_as(text, std::move(name), DocumentKind::identity));
    plain_.identity.push_back(parsed(text));
}

void TestPolicies::add_session(const std::string& text, std::string name) {
    session_.push_back(compiled_as(text, std::move(name), DocumentKind::session));
    plain_.session.push_back(parsed(text));
}

void TestPolicies::set_boundary(const std::string& text, std::string name) {
    boundary_ = compiled_as(text, std::move(name), DocumentKind::boundary);
    plain_.boundary = parsed(text);
}

void TestPolicies::set_resource(const std::string& text, std::string name, DocumentKind kind,
                                const PrincipalIds& ids) {
    resource_ = compiled_as(text, std::move(name), kind, ids);
    plain_.resource = parsed(text);
    plain_.resource_ids = ids;
}

void TestPolicies::set_listener(const std::string& text, std::string name) {
    listener_ = compiled_as(text, std::move(name), DocumentKind::listener);
    plain_.listener = parsed(text);
}

void TestPolicies::set_stored_listener(const std::string& text, std::string name) {
    stored_listener_ = compiled_as(text, std::move(name), DocumentKind::listener);
    plain_.stored_listener = parsed(text);
}

PolicySet TestPolicies::compiled() const {
    return {identity_, session_, boundary_.get(), resource_.get(), listener_.get(), stored_listener_.get()};
}

Principal alice() {
    return {PrincipalType::user,
            "arn:aws:iam::111122223333:user/alice",
            "",
            "111122223333",
            "AIDAEXAMPLEALICE",
            "alice",
            "",
            {},
            {}};
}

Principal role_session(const std::string& account, const std::string& role, const std::string& id,
                       const std::string& session) {
    return {PrincipalType::assumed_role,
            "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + session,
            "arn:aws:iam::" + account + ":role/" + role,
            account,
            id + ":" + session,
            "",
            "",
            {},
            {}};
}

}  // namespace coffer::access::test
