#pragma once
// Which operations this front door has, and the messages behind them.

#include <google/protobuf/descriptor.h>

#include <string_view>

#include "coffer/v1/frame.pb.h"

namespace coffer::aws {

/// The field of v1::Request that the value of an X-Amz-Target names: "secretsmanager.GetSecretValue". Null
/// for other services and unknown operations.
[[nodiscard]] const google::protobuf::FieldDescriptor* find_target(std::string_view target);

/// The same for the Action of a query to STS: "AssumeRole".
[[nodiscard]] const google::protobuf::FieldDescriptor* find_sts_action(std::string_view action);

/// The message that `operation`, a field of v1::Request, has in `request`; made when it is not there.
[[nodiscard]] google::protobuf::Message& message_of(v1::Request& request,
                                                    const google::protobuf::FieldDescriptor& operation);

/// What the response answers; null when it is an error or nothing.
[[nodiscard]] const google::protobuf::Message* result_of(const v1::Response& response);

}  // namespace coffer::aws
