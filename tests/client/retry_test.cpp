// Which failures are tried again. Expected: docs/protocol.md, "Retrying".

#include "client/retry.hpp"

#include <gtest/gtest.h>

#include "client/errors.hpp"

namespace coffer::client {
namespace {

using namespace std::chrono_literals;

template <class E>
std::exception_ptr failure(const E& error) {
    return std::make_exception_ptr(error);
}

TEST(Repeatable, Reads) {
    v1::Request request;
    request.mutable_get_secret_value();
    EXPECT_TRUE(is_repeatable(request));
    request.mutable_list_secrets();
    EXPECT_TRUE(is_repeatable(request));
    request.mutable_get_random_password();
    EXPECT_TRUE(is_repeatable(request));
}

TEST(Repeatable, WritesOfValuesNeedTheirToken) {
    v1::Request request;
    request.mutable_create_secret();
    EXPECT_FALSE(is_repeatable(request));
    request.mutable_create_secret()->set_client_request_token("t");
    EXPECT_TRUE(is_repeatable(request));
    request.mutable_put_secret_value();
    EXPECT_FALSE(is_repeatable(request));
    request.mutable_put_secret_value()->set_client_request_token("t");
    EXPECT_TRUE(is_repeatable(request));
    request.mutable_update_secret()->set_client_request_token("t");
    EXPECT_TRUE(is_repeatable(request));
    request.mutable_rotate_secret()->set_client_request_token("t");
    EXPECT_TRUE(is_repeatable(request));
}

TEST(Repeatable, DeletionOnlyWhenForced) {
    v1::Request request;
    request.mutable_delete_secret();
    EXPECT_FALSE(is_repeatable(request));
    request.mutable_delete_secret()->set_recovery_window_in_days(7);
    EXPECT_FALSE(is_repeatable(request));
    request.mutable_delete_secret()->set_force_delete_without_recovery(true);
    EXPECT_TRUE(is_repeatable(request));
}

TEST(Repeatable, ALabelsMoveOnlyWhenItNamesNoHolder) {
    v1::Request request;
    request.mutable_update_secret_version_stage()->set_move_to_version_id("b");
    EXPECT_TRUE(is_repeatable(request));
    request.mutable_update_secret_version_stage()->set_remove_from_version_id("a");
    EXPECT_FALSE(is_repeatable(request));
}

TEST(Repeatable, WhatEndsTheSame) {
    v1::Request request;
    request.mutable_restore_secret();
    EXPECT_TRUE(is_repeatable(request));
    request.mutable_tag_resource();
    EXPECT_TRUE(is_repeatable(request));
    request.mutable_untag_resource();
    EXPECT_TRUE(is_repeatable(request));
}

TEST(Repeatable, WhatIsGoneTheSecondTimeIsNot) {
    v1::Request request;
    request.mutable_discard_damaged_secret()->set_row_id("2f6c1e0a-8a54-4d0e-9b57-3c5d1f0e7a11");
    EXPECT_FALSE(is_repeatable(request));
    request.mutable_list_damaged_secrets();
    EXPECT_TRUE(is_repeatable(request));
}

// A second generation of a master key would be made; the others would be refused although they were done.
TEST(Repeatable, ChangesOfMasterKeysAreNot) {
    v1::Request request;
    request.mutable_rotate_key_on_demand();
    EXPECT_FALSE(is_repeatable(request));
    request.mutable_create_key();
    EXPECT_FALSE(is_repeatable(request));
    request.mutable_schedule_key_deletion();
    EXPECT_FALSE(is_repeatable(request));
    request.mutable_cancel_key_deletion();
    EXPECT_FALSE(is_repeatable(request));
    request.mutable_retire_key_generations();
    EXPECT_FALSE(is_repeatable(request));
    request.mutable_enable_key_rotation();
    EXPECT_TRUE(is_repeatable(request));
}

// "retry" would begin another rotation once the first one was done.
TEST(Repeatable, SteeringOfARotationIsNot) {
    v1::Request request;
    request.mutable_retry_rotation();
    EXPECT_FALSE(is_repeatable(request));
    request.mutable_abandon_rotation();
    EXPECT_FALSE(is_repeatable(request));
    request.mutable_acknowledge_rotation();
    EXPECT_FALSE(is_repeatable(request));
    request.mutable_pause_rotations();
    EXPECT_TRUE(is_repeatable(request));
    request.mutable_cancel_rotate_secret();
    EXPECT_TRUE(is_repeatable(request));
}

TEST(Repeatable, WhatIsMadeOrRemovedOfPrincipalsIsNot) {
    v1::Request request;
    request.mutable_create_access_key();
    EXPECT_FALSE(is_repeatable(request));
    request.mutable_create_user();
    EXPECT_FALSE(is_repeatable(request));
    request.mutable_delete_listener_policy();
    EXPECT_FALSE(is_repeatable(request));
    request.mutable_put_user_policy();
    EXPECT_TRUE(is_repeatable(request));
}

TEST(Repeatable, ChangesOfReplicasAreNot) {
    v1::Request request;
    request.mutable_replicate_secret_to_regions();
    EXPECT_FALSE(is_repeatable(request));
    request.mutable_remove_regions_from_replication();
    EXPECT_FALSE(is_repeatable(request));
    request.mutable_stop_replication_to_replica();
    EXPECT_FALSE(is_repeatable(request));
}

TEST(Judge, ConnectionsThatFailedBeforeSending) {
    const auto refused = failure(ConnectionError("refused", Sent::no));
    EXPECT_EQ(judge(refused, true), Verdict::try_again);
    EXPECT_EQ(judge(refused, false), Verdict::try_again);
}

TEST(Judge, ConnectionsLostAfterSending) {
    const auto lost = failure(ConnectionError("lost", Sent::maybe));
    EXPECT_EQ(judge(lost, true), Verdict::try_again);
    EXPECT_EQ(judge(lost, false), Verdict::outcome_unknown);
}

TEST(Judge, RefusedCertificates) {
    EXPECT_EQ(judge(failure(CertificateRefused("expired")), true), Verdict::give_up);
    EXPECT_EQ(judge(failure(ServerNotTrusted("name")), true), Verdict::give_up);
}

TEST(Judge, ServiceErrors) {
    const auto service = [](v1::ErrorCode code, bool retryable) {
        return failure(ServiceError(code, "", "", retryable, ""));
    };
    EXPECT_EQ(judge(service(v1::RESOURCE_NOT_FOUND, false), true), Verdict::give_up);
    EXPECT_EQ(judge(service(v1::SERVICE_UNAVAILABLE, true), true), Verdict::try_again);
    EXPECT_EQ(judge(service(v1::SERVICE_UNAVAILABLE, true), false), Verdict::give_up);
    EXPECT_EQ(judge(service(v1::SERVICE_UNAVAILABLE, false), true), Verdict::give_up) << "the flag counts";
    EXPECT_EQ(judge(service(v1::THROTTLING, true), false), Verdict::try_again) << "it was not begun";
}

TEST(Judge, EverythingElse) {
    EXPECT_EQ(judge(failure(DeadlineExceeded("late")), true), Verdict::give_up);
    EXPECT_EQ(judge(failure(ConfigError("file")), true), Verdict::give_up);
    EXPECT_EQ(judge(failure(Overloaded("full")), true), Verdict::give_up);
}

// min(2 s, 50 ms * 2^n), for n = 1, 2, ...
TEST(Backoff, DoublesUpToItsCeiling) {
    const Config config;
    EXPECT_EQ(backoff_ceiling(config, 1), 100ms);
    EXPECT_EQ(backoff_ceiling(config, 2), 200ms);
    EXPECT_EQ(backoff_ceiling(config, 5), 1600ms);
    EXPECT_EQ(backoff_ceiling(config, 6), 2000ms);
    EXPECT_EQ(backoff_ceiling(config, 1'000'000), 2000ms);
}

}  // namespace
}  // namespace coffer::client
