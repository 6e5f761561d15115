#pragma once
// AWS's spelling of what the schema numbers: error codes and operations.

#include <optional>
#include <string_view>

#include "coffer/v1/frame.pb.h"

namespace coffer::proto {

/// AWS's exception name, e.g. "ResourceNotFoundException". Numbers this build does not know are
/// "InternalServiceError", as a client must treat them.
[[nodiscard]] std::string_view error_name(v1::ErrorCode code) noexcept;

/// The code of an exception name; nothing for unknown names.
[[nodiscard]] std::optional<v1::ErrorCode> error_code(std::string_view name) noexcept;

/// AWS's name of the operation, e.g. "GetSecretValue"; "Unknown" when none is set.
[[nodiscard]] std::string_view operation_name(v1::Request::OperationCase operation) noexcept;

/// The message of the operation that the request has; null when none is set. Part of `request`.
[[nodiscard]] const google::protobuf::Message* operation_message(const v1::Request& request);

/// Whether the operation changes nothing (CloudTrail's readOnly), which its name tells: Get*, List*, ...
/// Also true when none is set.
[[nodiscard]] bool is_read_only(v1::Request::OperationCase operation) noexcept;

}  // namespace coffer::proto
