#pragma once
// Somebody with few rights, and a secret with a policy of its own.

#include <string>
#include <vector>

#include "service_environment.hpp"

namespace coffer::secrets {

/// A statement of an identity policy.
inline std::string allow(const std::string& action, const std::string& resource,
                         const std::string& condition = "{}") {
    return R"({"Effect":"Allow","Action":")" + action + R"(","Resource":")" + resource + R"(","Condition":)" +
           condition + "}";
}

class PoliciesTest : public ::testing::Test {
protected:
    Node& node() { return Environment::get().node(); }

    /// From now on alice has these statements, and nothing else.
    void alice_may(const std::string& statements) {
        access::Rights rights;
        rights.principal.arn = alice_arn_;
        rights.principal.account = "111122223333";
        rights.principal.id = alice_id_;
        rights.principal.name = "alice";
        rights.principal.tags = {{"team", "payments"}};
        rights.identity.push_back(access::Policy::parse(
            R"({"Version":"2012-10-17","Statement":[)" + statements + "]}", "alice", {}));
        node().set_rights("alice", std::make_shared<const access::Rights>(std::move(rights)));
    }

    std::string create(const std::string& name, const std::vector<access::Tag>& tags = {}) {
        v1::CreateSecretRequest request;
        request.set_name(name);
        request.set_client_request_token(Uuid::random().text());
        request.set_secret_string("s3cret");
        for (const auto& tag : tags) {
            auto& added = *request.add_tags();
            added.set_key(tag.key);
            added.set_value(tag.value);
        }
        return node().call(request).arn();
    }

    template <class Request>
    std::string as_alice(const Request& request) {
        try {
            static_cast<void>(node().call(request, "alice"));
            return "allowed";
        } catch (const CallError& e) {
            return e.what();
        }
    }
    std::string get(const std::string& id, const std::string& stage = "", const std::string& version = "") {
        v1::GetSecretValueRequest request;
        request.set_secret_id(id);
        if (!stage.empty()) request.set_version_stage(stage);
        if (!version.empty()) request.set_version_id(version);
        return as_alice(request);
    }
    std::string describe(const std::string& id) {
        v1::DescribeSecretRequest request;
        request.set_secret_id(id);
        return as_alice(request);
    }

    std::string attach(const std::string& policy, bool block_public = false) {
        v1::PutResourcePolicyRequest request;
        request.set_secret_id(name_);
        request.set_resource_policy(policy);
        if (block_public) request.set_block_public_policy(true);
        try {
            return node().call(request).name();
        } catch (const CallError& e) {
            return e.what();
        }
    }
    v1::GetResourcePolicyResponse attached() {
        v1::GetResourcePolicyRequest request;
        request.set_secret_id(name_);
        return node().call(request);
    }

    std::string alice_arn_ = "arn:aws:iam::111122223333:user/alice";
    std::string alice_id_ = "AIDAALICE";
    const std::string name_ = "policies/" + Uuid::random().text().substr(0, 8);
};

}  // namespace coffer::secrets
