#include <gmock/gmock.h>

#include "daemon/iam/json_fields.hpp"
#include "daemon/iam/record_json.hpp"

namespace coffer::iam {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(RecordJson, AUserComesBackWhole) {
    User user;
    user.name = "alice";
    user.path = "/people/";
    user.id = "AIDAX";
    user.created = Timestamp::from_millis(1'700'000'000'123);
    user.inline_policies = {{"own", R"({"a":"\u00e9 \""})"}};
    user.attached = {"arn:aws:iam::aws:policy/AdministratorAccess"};
    user.tags = {{"team", "billing"}, {"b", ""}};
    user.boundary = "arn:aws:iam::111122223333:policy/b";
    user.groups = {"dev", "ops"};
    user.identities = {{IdentityKind::dns, "a.example", "CN=CA"},
                       {IdentityKind::subject, "CN=*", std::nullopt}};
    user.disabled = true;
    user.expires = Timestamp::from_millis(1'800'000'000'000);
    const auto back = read_document<User>("alice", to_document(user));
    EXPECT_EQ(back.path, user.path);
    EXPECT_EQ(back.id, user.id);
    EXPECT_EQ(back.created, user.created);
    EXPECT_EQ(back.inline_policies, user.inline_policies);
    EXPECT_EQ(back.attached, user.attached);
    EXPECT_EQ(back.tags, user.tags);
    EXPECT_EQ(back.boundary, user.boundary);
    EXPECT_EQ(back.groups, user.groups);
    EXPECT_EQ(back.identities, user.identities);
    EXPECT_TRUE(back.disabled);
    EXPECT_EQ(back.expires, user.expires);
    EXPECT_EQ(to_document(back), to_document(user));
}

TEST(RecordJson, APolicyAndARoleComeBackWhole) {
    ManagedPolicy policy;
    policy.name = "p";
    policy.id = "ANPAX";
    policy.description = "text";
    policy.versions = {{2, Timestamp::from_millis(5), "{}"}, {3, Timestamp::from_millis(6), "[]"}};
    policy.default_version = 3;
    policy.next_version = 4;
    const auto back = read_document<ManagedPolicy>("p", to_document(policy));
    EXPECT_EQ(back.current().document, "[]");
    EXPECT_EQ(back.next_version, 4);
    EXPECT_EQ(to_document(back), to_document(policy));

    Role role;
    role.name = "r";
    role.id = "AROAX";
    role.trust = "{\"x\":1}";
    role.trust_principals = {{"arn:aws:iam::111122223333:user/a", "AIDAA"},
                             {"arn:aws:iam::111122223333:role/b", ""}};
    role.max_session_duration = 7200;
    role.description = "d";
    EXPECT_EQ(to_document(read_document<Role>("r", to_document(role))), to_document(role));
    EXPECT_EQ(read_document<Role>("r", to_document(role)).trust_principals, role.trust_principals);
    // A document of schema 20.
    role.trust_principals.clear();
    EXPECT_THAT(to_document(role), testing::Not(HasSubstr("trust_principals")));
}

TEST(RecordJson, WhatIsNotWrittenIsNotRead) {
    const auto read = [](const char* text) {
        return [text] { static_cast<void>(read_document<Group>("g", text)); };
    };
    EXPECT_THAT(read("x"), ThrowsMessage<BadDocument>(HasSubstr("no JSON")));
    EXPECT_THAT(read("[]"), ThrowsMessage<BadDocument>(HasSubstr("no JSON object")));
    EXPECT_THAT(read(R"({"id":"x","created":1})"), ThrowsMessage<BadDocument>(HasSubstr("'path'")));
    EXPECT_THAT(read(R"({"path":1,"id":"x","created":1})"), ThrowsMessage<BadDocument>(HasSubstr("'path'")));
    EXPECT_THAT(read(R"({"path":"/","id":"x","created":"1"})"),
                ThrowsMessage<BadDocument>(HasSubstr("'created'")));
    EXPECT_THAT(read(R"({"path":"/","id":"x","created":1,"more":1})"),
                ThrowsMessage<BadDocument>(HasSubstr("'more'")));
    EXPECT_THROW(
        static_cast<void>(read_document<ManagedPolicy>(
            "p", R"({"path":"/","id":"x","created":1,"updated":1,"versions":[],"default":1,"next":2})")),
        BadDocument);
}

}  // namespace
}  // namespace coffer::iam
