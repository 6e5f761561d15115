// Policies of listeners: stored, shown, applied, asked, and what becomes of a listener whose policy was
// damaged. Evaluation is AWS's of VPC endpoint policies: each that there is must allow; it grants nothing.

#include <gmock/gmock.h>

#include "tests/iam/iam_fixture.hpp"

namespace coffer::iam {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr const char* kRoot = "arn:aws:iam::111122223333:user/root";

class Listeners : public testing::Test {
protected:
    Listeners() {
        world_.node.listeners = [this] { return configured_; };
        configured_ = {{"local", nullptr}, {"public", nullptr}};
    }
    void put(const std::string& listener, const std::string& document, const std::string& caller = "root") {
        v1::PutListenerPolicyRequest request;
        request.set_listener_name(listener);
        request.set_policy_document(document);
        static_cast<void>(world_.call(put_listener_policy, request, caller));
    }
    void remove(const std::string& listener) {
        v1::DeleteListenerPolicyRequest request;
        request.set_listener_name(listener);
        static_cast<void>(world_.call(delete_listener_policy, request));
    }
    v1::GetListenerPolicyResponse get(const std::string& listener) {
        v1::GetListenerPolicyRequest request;
        request.set_listener_name(listener);
        return world_.call(get_listener_policy, request);
    }
    /// "NAME configured file stored", without what is not so.
    std::vector<std::string> list() {
        std::vector<std::string> lines;
        const auto response = world_.call(list_listeners, v1::ListListenersRequest());
        for (const auto& listener : response.listeners()) {
            lines.push_back(listener.listener_name() + (listener.is_configured() ? " configured" : "") +
                            (listener.has_policy_file() ? " file" : "") +
                            (listener.has_policy() ? " stored" : ""));
        }
        return lines;
    }
    v1::EvaluationResult simulate(const std::string& action, const std::string& listener) {
        v1::SimulatePrincipalPolicyRequest request;
        request.set_policy_source_arn(kRoot);
        request.add_action_names(action);
        if (!listener.empty()) request.set_listener_name(listener);
        return world_.call(simulate_principal_policy, request).evaluation_results(0);
    }
    std::vector<std::string> who_can(const std::string& action, const std::string& listener) {
        v1::WhoCanRequest request;
        request.set_action(action);
        request.set_resource("*");
        request.set_listener_name(listener);
        std::vector<std::string> who;
        const auto response = world_.call(iam::who_can, request);
        for (const auto& grant : response.grants()) who.push_back(grant.principal());
        return who;
    }

    World world_;
    std::vector<ConfiguredListener> configured_;
};

TEST_F(Listeners, APolicyIsPutShownAndRemoved) {
    EXPECT_THAT(list(), ElementsAre("local configured", "public configured"));
    const auto document = for_everybody("Allow", "secretsmanager:GetSecretValue");
    put("public", document);
    EXPECT_EQ(get("public").policy_document(), document);
    EXPECT_EQ(get("public").update_date(), world_.now.seconds());
    put("elsewhere", document);  // of another node
    EXPECT_THAT(list(), ElementsAre("elsewhere stored", "local configured", "public configured stored"));
    remove("public");
    remove("elsewhere");
    EXPECT_THAT(list(), ElementsAre("local configured", "public configured"));
    EXPECT_THAT(refusal_of([&] { remove("public"); }), StartsWith("NoSuchEntity"));
    EXPECT_THAT(refusal_of([&] { static_cast<void>(get("public")); }), StartsWith("NoSuchEntity"));
}

TEST_F(Listeners, AMalformedPolicyIsRefusedWithItsPlace) {
    EXPECT_THAT(refusal_of([&] { put("public", "{\n\"Statement\": {\"Effect\": \"allow\"}\n}"); }),
                AllOf(StartsWith("MalformedPolicyDocument"), HasSubstr("line 2")));
    // A listener's policy says whom it is about, as a resource policy does.
    EXPECT_THAT(refusal_of([&] { put("public", allow("*")); }), StartsWith("MalformedPolicyDocument"));
}

TEST_F(Listeners, WhoMayNotIsRefusedOnTheListenersArn) {
    world_.user("alice");
    EXPECT_THAT(refusal_of([&] { put("public", for_everybody("Allow", "*"), "alice"); }),
                AllOf(StartsWith("AccessDeniedException"), HasSubstr("coffer:PutListenerPolicy"),
                      HasSubstr("arn:aws:coffer:eu-test-1:111122223333:listener/public")));
}

TEST_F(Listeners, QuestionsAskBothPoliciesAndSayWhichDecided) {
    put("public", for_everybody("Allow", "secretsmanager:Get*"));
    configured_[1].policy = access::Policy::parse(for_everybody("Allow", "secretsmanager:*SecretValue"),
                                                  "the file", {.kind = access::DocumentKind::listener});
    EXPECT_EQ(simulate("GetSecretValue", "public").eval_decision(), "allowed");
    const auto by_stored = simulate("PutSecretValue", "public");
    EXPECT_EQ(by_stored.eval_decision(), "implicitDeny");
    EXPECT_THAT(by_stored.explanation(),
                HasSubstr("the VPC endpoint policy listener/public does not allow it"));
    const auto by_file = simulate("GetResourcePolicy", "public");
    EXPECT_EQ(by_file.eval_decision(), "implicitDeny");
    EXPECT_THAT(by_file.explanation(), HasSubstr("the VPC endpoint policy the file does not allow it"));
    EXPECT_EQ(simulate("PutSecretValue", "local").eval_decision(), "allowed");
    EXPECT_EQ(simulate("PutSecretValue", "").eval_decision(), "allowed");
    EXPECT_THAT(who_can("GetSecretValue", "public"), ElementsAre(kRoot));
    EXPECT_THAT(who_can("PutSecretValue", "public"), IsEmpty());
    EXPECT_THAT(who_can("PutSecretValue", "local"), ElementsAre(kRoot));
    put("public", for_everybody("Deny", "secretsmanager:GetSecretValue"));
    const auto denied = simulate("GetSecretValue", "public");
    EXPECT_EQ(denied.eval_decision(), "explicitDeny");
    EXPECT_THAT(denied.explanation(), HasSubstr("by one of the VPC endpoint policy listener/public"));
    EXPECT_THAT(refusal_of([&] { static_cast<void>(simulate("GetSecretValue", "pulbic")); }),
                AllOf(StartsWith("NoSuchEntity"), HasSubstr("pulbic")));
}

TEST_F(Listeners, WhatCanAsksTheListenerToo) {
    put("public", for_everybody("Allow", "secretsmanager:ListSecrets"));
    v1::WhatCanRequest request;
    request.set_policy_source_arn(kRoot);
    request.add_resources("*");
    request.set_listener_name("public");
    const auto response = world_.call(what_can, request);
    ASSERT_EQ(response.grants_size(), 1);
    EXPECT_EQ(response.grants(0).action(), "secretsmanager:ListSecrets");
}

TEST_F(Listeners, TheListenersNameIsAConditionKeyOfTheQuestion) {
    world_.user("alice");
    v1::PutUserPolicyRequest request;
    request.set_user_name("alice");
    request.set_policy_name("p");
    request.set_policy_document(
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*",)"
        R"("Condition":{"StringEquals":{"aws:SourceVpce":"local"}}}]})");
    static_cast<void>(world_.call(put_user_policy, request));
    EXPECT_THAT(who_can("GetSecretValue", "local"),
                ElementsAre("arn:aws:iam::111122223333:user/alice", kRoot));
    EXPECT_THAT(who_can("GetSecretValue", "public"), ElementsAre(kRoot));
}

TEST_F(Listeners, ADamagedPolicyKeepsItsListenerClosedUntilItIsRemoved) {
    put("public", for_everybody("Deny", "secretsmanager:DeleteSecret"));
    world_.damage({IamKind::listener, "public"}, storage::IamFault::missing);
    EXPECT_EQ(world_.directory().stored_listener("public").refusal,
              "the policy of listener 'public' is gone from the database");
    EXPECT_TRUE(world_.directory().stored_listener("local").refusal.empty());
    EXPECT_THAT(simulate("GetSecretValue", "public").explanation(), HasSubstr("is gone from the database"));
    EXPECT_THAT(who_can("GetSecretValue", "public"), IsEmpty());
    EXPECT_THAT(list(), ElementsAre("local configured", "public configured stored"));
    remove("public");
    EXPECT_THAT(who_can("GetSecretValue", "public"), ElementsAre(kRoot));
}

TEST_F(Listeners, OneThatSomebodyInsertedRestrictsNobody) {
    world_.damage({IamKind::listener, "public"}, storage::IamFault::unlisted);
    EXPECT_TRUE(world_.directory().stored_listener("public").refusal.empty());
    EXPECT_THAT(who_can("GetSecretValue", "public"), ElementsAre(kRoot));
}

TEST_F(Listeners, AreAppliedAndExportedAndPruned) {
    v1::ApplyAccessConfigurationRequest request;
    auto& listener = *request.mutable_configuration()->add_listeners();
    listener.set_listener_name("public");
    listener.set_policy_document(for_everybody("Allow", "secretsmanager:GetSecretValue"));
    const auto apply = [&] {
        std::vector<std::string> lines;
        const auto response = world_.call(apply_access_configuration, request);
        for (const auto& change : response.changes()) {
            lines.push_back(change.action() + " " + change.entity() +
                            (change.detail().empty() ? "" : ": " + change.detail()));
        }
        return lines;
    };
    EXPECT_THAT(apply(), ElementsAre("create listener public: document: new"));
    EXPECT_THAT(apply(), IsEmpty());
    const auto exported =
        world_.call(get_access_configuration, v1::GetAccessConfigurationRequest()).configuration();
    ASSERT_EQ(exported.listeners_size(), 1);
    EXPECT_EQ(exported.listeners(0).policy_document(), listener.policy_document());
    listener.set_policy_document(for_everybody("Allow", "*"));
    EXPECT_THAT(apply(), ElementsAre("update listener public: document: changed"));
    *request.mutable_configuration() = exported;
    request.mutable_configuration()->clear_listeners();
    request.set_prune(true);
    EXPECT_THAT(apply(), ElementsAre("delete listener public: document: deleted"));
}

}  // namespace
}  // namespace coffer::iam
