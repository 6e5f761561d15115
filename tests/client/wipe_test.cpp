// Which fields are overwritten: those that the schema marks as sensitive, and no others.

#include "client/wipe.hpp"

#include <google/protobuf/arena.h>
#include <gtest/gtest.h>

#include <string_view>

#include "coffer/v1/secrets.pb.h"

namespace coffer::client {
namespace {

TEST(Wipe, ClearsValuesAndLeavesTheRest) {
    v1::GetSecretValueResponse response;
    response.set_name("app/db");
    response.set_secret_string("s3cret");
    wipe(response);
    EXPECT_EQ(response.name(), "app/db");
    EXPECT_FALSE(response.has_secret_string());
}

TEST(Wipe, OverwritesTheMemoryItself) {
    google::protobuf::Arena arena;  // keeps the memory of cleared strings, so that it may be looked at
    auto& response = *google::protobuf::Arena::CreateMessage<v1::GetRandomPasswordResponse>(&arena);
    response.set_random_password(std::string(64, 'x'));
    const char* const bytes = response.random_password().data();
    wipe(response);
    EXPECT_EQ(std::string_view(bytes, 64).find('x'), std::string_view::npos);
}

TEST(Wipe, ReachesMessagesWithin) {
    v1::BatchGetSecretValueResponse response;
    response.add_secret_values()->set_secret_binary("one");
    response.add_secret_values()->set_secret_string("two");
    response.mutable_secret_values(1)->set_name("b");
    wipe(response);
    EXPECT_FALSE(response.secret_values(0).has_secret_binary());
    EXPECT_FALSE(response.secret_values(1).has_secret_string());
    EXPECT_EQ(response.secret_values(1).name(), "b");
}

TEST(Wipe, KnowsWhichMessagesHoldSecrets) {
    EXPECT_TRUE(holds_secrets(*v1::PutSecretValueRequest::descriptor()));
    EXPECT_TRUE(holds_secrets(*v1::BatchGetSecretValueResponse::descriptor()));
    EXPECT_FALSE(holds_secrets(*v1::DescribeSecretResponse::descriptor()));
}

TEST(Wiped, WipesWhenItGoes) {
    v1::GetSecretValueResponse response;
    response.set_secret_string("s3cret");
    const Wiped kept(std::move(response));
    EXPECT_EQ(kept->secret_string(), "s3cret");
}

}  // namespace
}  // namespace coffer::client
