// What LookupEvents asks for. Keys, and that both times are inclusive, are from CloudTrail's API reference
// (LookupEvents, LookupAttribute).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "daemon/audit_lookup/audit_lookup.hpp"
#include "daemon/secrets/errors.hpp"

namespace coffer::audit_lookup {
namespace {

using ::testing::HasSubstr;

v1::LookupEventsRequest asking(const std::string& key, const std::string& value) {
    v1::LookupEventsRequest request;
    auto& attribute = *request.add_lookup_attributes();
    attribute.set_attribute_key(key);
    attribute.set_attribute_value(value);
    return request;
}

std::string refusal(const v1::LookupEventsRequest& request) {
    try {
        (void)query_of(request);
    } catch (const secrets::ServiceError& error) {
        EXPECT_EQ(error.code(), v1::INVALID_PARAMETER);
        return error.what();
    }
    return "none";
}

TEST(LookupQuery, Attributes) {
    EXPECT_EQ(query_of(asking("EventName", "Put*")).name, "Put*");
    EXPECT_EQ(query_of(asking("Username", "alice")).user_name, "alice");
    EXPECT_EQ(query_of(asking("ResourceName", "app/db")).secret, "app/db");
    EXPECT_EQ(query_of(asking("EventSource", "iam.amazonaws.com")).source, "iam.amazonaws.com");
    EXPECT_EQ(query_of(asking("Outcome", "denied")).outcome, "denied");
    EXPECT_EQ(query_of(asking("Outcome", "Success")).outcome, "success");
    EXPECT_EQ(query_of(asking("Outcome", "resourcenotfoundexception")).outcome, "ResourceNotFoundException");
    EXPECT_EQ(query_of(asking("Principal", "bob")).principal, "bob");
    EXPECT_EQ(query_of(asking("ReadOnly", "false")).read_only, false);
    const std::string id = "7116c6a1-5c3f-4b57-9d0e-2f1d6f0c9a11";
    EXPECT_EQ(query_of(asking("EventId", id)).event_id->text(), id);
}

TEST(LookupQuery, TimesAreInclusive) {
    v1::LookupEventsRequest request;
    request.set_start_time(1'764'072'000.5);
    request.set_end_time(1'764'072'000.5);
    const auto query = query_of(request);
    EXPECT_EQ(query.since->millis(), 1'764'072'000'500);
    EXPECT_EQ(query.until->millis(), 1'764'072'000'501);
}

TEST(LookupQuery, FiftyUnlessAskedOtherwise) {
    EXPECT_EQ(query_of({}).most, 50U);  // CloudTrail's default
    v1::LookupEventsRequest request;
    request.set_max_results(1);
    EXPECT_EQ(query_of(request).most, 1U);
}

TEST(LookupQuery, WhatCannotBeIsRefusedByName) {
    EXPECT_THAT(refusal(asking("EventId", "xyzzy")), HasSubstr("EventId must be a UUID"));
    EXPECT_THAT(refusal(asking("ReadOnly", "yes")), HasSubstr("ReadOnly must be true or false"));
    EXPECT_THAT(refusal(asking("Outcome", "error")), HasSubstr("Outcome must be success, failure, denied"));
    auto twice = asking("EventName", "A");
    *twice.add_lookup_attributes() = twice.lookup_attributes(0);
    EXPECT_THAT(refusal(twice), HasSubstr("EventName more than once"));
    v1::LookupEventsRequest request;
    request.set_start_time(2);
    request.set_end_time(1);
    EXPECT_THAT(refusal(request), HasSubstr("EndTime must not be before StartTime"));
    request.set_start_time(std::nan(""));
    EXPECT_THAT(refusal(request), HasSubstr("StartTime must be a time"));
    request.set_start_time(-1);
    EXPECT_THAT(refusal(request), HasSubstr("StartTime must be a time"));
    request.set_start_time(1e300);
    EXPECT_THAT(refusal(request), HasSubstr("StartTime must be a time"));
}

}  // namespace
}  // namespace coffer::audit_lookup
