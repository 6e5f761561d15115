// Whatever error code an event can have, events can be searched by it.

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "coffer/v1/frame.pb.h"
#include "daemon/aws/request_refused.hpp"
#include "daemon/base/event_outcome.hpp"
#include "proto/names.hpp"

namespace coffer::aws {
namespace {

TEST(EventOutcome, KnowsTheErrorsOfOperations) {
    const auto& codes = *v1::ErrorCode_descriptor();
    for (int i = 0; i < codes.value_count(); ++i) {
        const auto code = static_cast<v1::ErrorCode>(codes.value(i)->number());
        const auto name = proto::error_name(code);
        const bool denied = code == v1::ACCESS_DENIED;
        EXPECT_EQ(event_outcome(name), denied ? "denied" : name) << codes.value(i)->name();
    }
}

TEST(EventOutcome, KnowsWhatTheEndpointRefuses) {
    using namespace error_names;
    for (const auto name :
         {kExpiredToken, kIncompleteSignature, kInvalidParameterValue, kInvalidSignature,
          kMalformedQueryString, kMissingAuthenticationToken, kRequestAborted, kRequestTimeout,
          kRequestTooLarge, kSerialization, kThrottling, kUnknownOperation, kUnrecognizedClient, kValidation,
          std::string_view("MalformedHttpRequestException")}) {
        EXPECT_EQ(event_outcome(name), name);
    }
}

TEST(EventOutcome, KnowsHowConnectionsEnd) {
    const auto& reasons = *v1::ConnectionError::Reason_descriptor();
    for (int i = 1; i < reasons.value_count(); ++i) {
        auto label = std::string(reasons.value(i)->name());
        std::ranges::transform(label, label.begin(), [](unsigned char c) { return std::tolower(c); });
        EXPECT_EQ(event_outcome(label), label);
    }
}

TEST(EventOutcome, OfAnyCaseAndNothingElse) {
    EXPECT_EQ(event_outcome("Denied"), "denied");
    EXPECT_EQ(event_outcome("AccessDenied"), "denied");
    EXPECT_EQ(event_outcome("FAILURE"), "failure");
    EXPECT_EQ(event_outcome("resourcenotfoundexception"), "ResourceNotFoundException");
    for (const auto* none : {"", "error", "denie", "ResourceNotFound", "success "}) {
        EXPECT_FALSE(event_outcome(none)) << none;
    }
}

}  // namespace
}  // namespace coffer::aws
