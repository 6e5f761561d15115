// The operations on access keys. Names and texts of errors are those of the IAM API reference; two keys a
// user are IAM's quota. What the token has to do with their secrets is tested in service_test.cpp.

#include <gmock/gmock.h>

#include "tests/iam/iam_fixture.hpp"

namespace coffer::iam {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::UnorderedElementsAre;

class AccessKeys : public testing::Test {
protected:
    AccessKeys() { world_.user("ci"); }

    v1::CreateAccessKeyRequest create_request(const std::string& user = "ci") {
        v1::CreateAccessKeyRequest request;
        request.set_user_name(user);
        return request;
    }
    std::string make() {
        return world_.call(create_access_key, create_request()).access_key().access_key_id();
    }
    template <class Request>
    Request about(const std::string& id) {
        Request request;
        request.set_user_name("ci");
        request.set_access_key_id(id);
        return request;
    }
    template <class Request, class Response>
    std::string refusal(Response (*operation)(Work&, const Request&), const Request& request,
                        const std::string& caller = "root") {
        return refusal_of([&] { static_cast<void>(world_.call(operation, request, caller)); });
    }
    std::vector<std::string> listed() {
        v1::ListAccessKeysRequest request;
        request.set_user_name("ci");
        std::vector<std::string> shown;
        const auto response = world_.call(list_access_keys, request);
        for (const auto& key : response.access_key_metadata()) {
            shown.push_back(key.access_key_id() + " " + key.status());
        }
        return shown;
    }

    World world_;
};

TEST_F(AccessKeys, TwoAUser) {
    const auto first = make();
    EXPECT_THAT(first, MatchesRegex("AKIA[A-Z2-7]{16}"));
    const auto second = make();
    EXPECT_THAT(listed(), UnorderedElementsAre(first + " Active", second + " Active"));
    EXPECT_EQ(refusal(create_access_key, create_request()),
              "LimitExceeded: Cannot exceed quota for AccessKeysPerUser: 2");
    static_cast<void>(world_.call(delete_access_key, about<v1::DeleteAccessKeyRequest>(first)));
    EXPECT_THAT(listed(), UnorderedElementsAre(second + " Active"));
    static_cast<void>(make());
}

TEST_F(AccessKeys, InactiveAndActiveAgain) {
    const auto id = make();
    auto request = about<v1::UpdateAccessKeyRequest>(id);
    request.set_status("Inactive");
    static_cast<void>(world_.call(update_access_key, request));
    EXPECT_THAT(listed(), UnorderedElementsAre(id + " Inactive"));
    EXPECT_FALSE(world_.directory().find_access_key(id)->key->active);
    request.set_status("Active");
    static_cast<void>(world_.call(update_access_key, request));
    EXPECT_TRUE(world_.directory().find_access_key(id)->key->active);
    request.set_access_key_id("AKIAAAAAAAAAAAAAAAAA");
    EXPECT_EQ(refusal(update_access_key, request),
              "NoSuchEntity: The Access Key with id AKIAAAAAAAAAAAAAAAAA cannot be found.");
}

TEST_F(AccessKeys, BelongToOneUser) {
    world_.user("other");
    const auto id = make();
    auto request = about<v1::DeleteAccessKeyRequest>(id);
    request.set_user_name("other");
    EXPECT_THAT(refusal(delete_access_key, request), HasSubstr("NoSuchEntity: The Access Key with id"));
    EXPECT_EQ(world_.directory().find_access_key(id)->user->name, "ci");
}

TEST_F(AccessKeys, AUserWithKeysIsNotDeleted) {
    const auto id = make();
    v1::DeleteUserRequest remove;
    remove.set_user_name("ci");
    EXPECT_EQ(refusal(delete_user, remove),
              "DeleteConflict: Cannot delete entity, must delete access keys first.");
    static_cast<void>(world_.call(delete_access_key, about<v1::DeleteAccessKeyRequest>(id)));
    static_cast<void>(world_.call(delete_user, remove));
    EXPECT_FALSE(world_.directory().find_access_key(id));
}

TEST_F(AccessKeys, StayWithARenamedUserAndAnAppliedConfiguration) {
    const auto id = make();
    v1::UpdateUserRequest rename;
    rename.set_user_name("ci");
    rename.set_new_user_name("builder");
    static_cast<void>(world_.call(update_user, rename));
    v1::ApplyAccessConfigurationRequest apply;
    auto& user = *apply.mutable_configuration()->add_users();
    user.set_user_name("builder");
    user.set_path("/ci/");
    static_cast<void>(world_.call(apply_access_configuration, apply));
    EXPECT_EQ(world_.directory().find_access_key(id)->user->path, "/ci/");
}

TEST_F(AccessKeys, WithoutANameTheyAreTheCallers) {
    world_.attach_to_user("ci", world_.policy("keys", allow("iam:*AccessKey*")));
    const auto id = world_.call(create_access_key, v1::CreateAccessKeyRequest(), "ci").access_key();
    EXPECT_EQ(id.user_name(), "ci");
    EXPECT_EQ(world_.call(list_access_keys, v1::ListAccessKeysRequest(), "ci").access_key_metadata_size(), 1);
}

TEST_F(AccessKeys, NeedTheirOwnRights) {
    EXPECT_THAT(refusal(create_access_key, create_request(), "ci"), HasSubstr("iam:CreateAccessKey"));
    EXPECT_THAT(refusal(create_access_key, create_request("nobody"), "ci"), HasSubstr("iam:CreateAccessKey"));
    EXPECT_THAT(refusal(list_access_keys, v1::ListAccessKeysRequest(), "ci"),
                HasSubstr("iam:ListAccessKeys"));
}

}  // namespace
}  // namespace coffer::iam
