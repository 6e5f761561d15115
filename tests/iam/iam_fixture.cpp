#include "tests/iam/iam_fixture.hpp"

#include <stdexcept>

#include "daemon/iam/record_json.hpp"
#include "daemon/secrets/request_record.hpp"
#include "proto/names.hpp"

namespace coffer::iam {

std::string allow(const std::string& action) {
    return R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":")" + action +
           R"(","Resource":"*"}]})";
}

std::string deny(const std::string& action) {
    return R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":")" + action +
           R"(","Resource":"*"}]})";
}

std::string for_everybody(const std::string& effect, const std::string& action) {
    return R"({"Version":"2012-10-17","Statement":[{"Sid":"one","Effect":")" + effect +
           R"(","Principal":"*","Action":")" + action + R"(","Resource":"*"}]})";
}

std::string trust() {
    return R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sts:AssumeRole"}]})";
}

storage::StoredIamEntityPtr entity(IamKind kind, const std::string& name, const std::string& document,
                                   std::int64_t revision) {
    return std::make_shared<const storage::StoredIamEntity>(
        storage::StoredIamEntity{{kind, name}, revision, document, Bytes(32, 1)});
}

storage::StoredIam stored(const std::vector<storage::StoredIamEntityPtr>& entities) {
    storage::StoredIam iam;
    iam.revision = 1;
    for (const auto& each : entities) {
        iam.entities.emplace(each->key, each);
        iam.listed.emplace(each->key, storage::IamListing{each->revision, each->seal});
    }
    return iam;
}

access::CertificateIdentity spiffe(const std::string& id) {
    return named(access::NameKind::spiffe, id);
}

access::CertificateIdentity named(access::NameKind kind, const std::string& name, const std::string& subject,
                                  const std::string& issuer) {
    return {kind, name, subject, issuer};
}

World::World() {
    User root;
    root.name = "root";
    root.id = "AIDAAAAAAAAAAAAAAAAAA";
    root.attached = {std::string(kAdministratorAccess)};
    root.identities = {{IdentityKind::spiffe, "spiffe://t/root", std::nullopt}};
    stored_ = stored({entity(IamKind::user, "root", to_document(root))});
    directory_ = Directory::build(stored_, kAccount);
}

secrets::CallContext World::context_of(const std::string& caller) const {
    secrets::CallContext context;
    context.record = std::make_shared<secrets::RequestRecord>();
    context.caller.principal = caller;
    context.caller.listener = "local";
    context.caller.source_address = "10.0.0.1";
    const auto standing = directory_->standing({IamKind::user, caller});
    if (!standing || !standing->rights) throw std::logic_error("the test's caller has no rights: " + caller);
    context.caller.rights = standing->rights;
    return context;
}

void World::store(const Draft& draft) {
    ++stored_.revision;
    for (const auto& [key, document, claims] : draft.changes()) {
        stored_.entities.erase(key);
        stored_.listed.erase(key);
        stored_.faults.erase(key);
        if (!document) continue;
        stored_.entities.emplace(key, entity(key.kind, key.name, *document, stored_.revision));
        stored_.listed.emplace(key, storage::IamListing{stored_.revision, Bytes(32, 1), claims});
    }
    directory_ = Directory::build(stored_, kAccount, directory_.get());
}

void World::forget_trusted(const std::string& role) {
    Draft draft(directory_->records());
    draft.edit<Role>(role).trust_principals.clear();
    store(draft);
}

void World::damage(const IamKey& key, storage::IamFault fault) {
    stored_.entities.erase(key);
    stored_.faults.emplace(key, fault);
    directory_ = Directory::build(stored_, kAccount, directory_.get());
}

void World::user(const std::string& name) {
    v1::CreateUserRequest request;
    request.set_user_name(name);
    static_cast<void>(call(create_user, request));
}

void World::group(const std::string& name) {
    v1::CreateGroupRequest request;
    request.set_group_name(name);
    static_cast<void>(call(create_group, request));
}

void World::role(const std::string& name) {
    v1::CreateRoleRequest request;
    request.set_role_name(name);
    request.set_assume_role_policy_document(trust());
    static_cast<void>(call(create_role, request));
}

std::string World::policy(const std::string& name, const std::string& document) {
    v1::CreatePolicyRequest request;
    request.set_policy_name(name);
    request.set_policy_document(document);
    return call(create_policy, request).policy().arn();
}

void World::join(const std::string& user, const std::string& group) {
    v1::AddUserToGroupRequest request;
    request.set_user_name(user);
    request.set_group_name(group);
    static_cast<void>(call(add_user_to_group, request));
}

void World::attach_to_user(const std::string& user, const std::string& arn) {
    v1::AttachUserPolicyRequest request;
    request.set_user_name(user);
    request.set_policy_arn(arn);
    static_cast<void>(call(attach_user_policy, request));
}

void World::identity(const std::string& user, const std::string& spiffe_id) {
    v1::AddUserIdentityRequest request;
    request.set_user_name(user);
    request.mutable_identity()->set_kind("spiffe");
    request.mutable_identity()->set_value(spiffe_id);
    static_cast<void>(call(add_user_identity, request));
}

std::string refusal_of(const std::function<void()>& operation) {
    try {
        operation();
    } catch (const ServiceError& error) {
        return std::string(proto::error_name(error.code())) + ": " + error.what();
    } catch (const access::AccessDenied& error) {
        return std::string("AccessDeniedException: ") + error.what();
    }
    return "done";
}

}  // namespace coffer::iam
