#include "proto/names.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "coffer/v1/frame.pb.h"

namespace coffer::proto {
namespace {

TEST(ErrorName, IsAwsSpelling) {
    EXPECT_EQ(error_name(v1::RESOURCE_NOT_FOUND), "ResourceNotFoundException");
    EXPECT_EQ(error_name(v1::DECRYPTION_FAILURE), "DecryptionFailure");  // AWS has no "Exception" here
    EXPECT_EQ(error_name(v1::INTERNAL_SERVICE_ERROR), "InternalServiceError");
}

TEST(ErrorName, UnknownNumbersAreInternalErrors) {
    EXPECT_EQ(error_name(v1::ERROR_CODE_UNSPECIFIED), "InternalServiceError");
    EXPECT_EQ(error_name(static_cast<v1::ErrorCode>(9999)), "InternalServiceError");
}

TEST(ErrorCode, IsTheInverseForEveryCode) {
    const auto* codes = v1::ErrorCode_descriptor();
    for (int i = 0; i < codes->value_count(); ++i) {
        const auto code = static_cast<v1::ErrorCode>(codes->value(i)->number());
        if (code == v1::ERROR_CODE_UNSPECIFIED) continue;
        EXPECT_EQ(error_code(error_name(code)), code) << codes->value(i)->name();
    }
    EXPECT_EQ(error_code("NoSuchException"), std::nullopt);
    EXPECT_EQ(error_code(""), std::nullopt);
}

TEST(OperationName, IsAwsName) {
    EXPECT_EQ(operation_name(v1::Request::kGetSecretValue), "GetSecretValue");
    EXPECT_EQ(operation_name(v1::Request::kListSecretVersionIds), "ListSecretVersionIds");
    EXPECT_EQ(operation_name(v1::Request::OPERATION_NOT_SET), "Unknown");
    EXPECT_EQ(operation_name(static_cast<v1::Request::OperationCase>(63)), "Unknown");
    EXPECT_EQ(operation_name(static_cast<v1::Request::OperationCase>(1)), "Unknown");  // Request.id
}

TEST(Schema, ResponsesHaveTheNumbersOfTheirRequests) {
    const auto* operations = v1::Request::descriptor()->FindOneofByName("operation");
    for (int i = 0; i < operations->field_count(); ++i) {
        const auto& request = *operations->field(i);
        const auto* response = v1::Response::descriptor()->FindFieldByNumber(request.number());
        ASSERT_NE(response, nullptr) << request.name();
        EXPECT_EQ(response->name(), request.name());
        const std::string stem =
            request.message_type()->name().substr(0, request.message_type()->name().size() - 7);
        EXPECT_EQ(request.message_type()->name(), stem + "Request");
        EXPECT_EQ(response->message_type()->name(), stem + "Response");
    }
}

}  // namespace
}  // namespace coffer::proto
