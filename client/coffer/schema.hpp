#pragma once
// The schema as the command needs it: operations as verbs, fields as options, both spelled as the AWS CLI
// does.

#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>
#include <vector>

#include "coffer/v1/options.pb.h"

namespace coffer::cli {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

/// The fields of v1::Request for the operations of Secrets Manager, in the schema's (alphabetical) order.
[[nodiscard]] std::vector<const FieldDescriptor*> operations();
/// The same for those on principals (iam.proto).
[[nodiscard]] std::vector<const FieldDescriptor*> iam_operations();
/// The same for those on temporary credentials (sts.proto).
[[nodiscard]] std::vector<const FieldDescriptor*> sts_operations();

/// "get_secret_value" as "get-secret-value".
[[nodiscard]] std::string kebab_case(std::string_view snake_case);

/// AWS's name of the operation, e.g. "GetSecretValue".
[[nodiscard]] std::string aws_name(const FieldDescriptor& operation);

[[nodiscard]] const v1::Limits& limits(const FieldDescriptor& field);

/// Whether the field's JSON is text, though it is `bytes` in the schema.
[[nodiscard]] bool is_text(const FieldDescriptor& field);

/// Whether the message is a bare list in JSON, and the field that it wraps.
[[nodiscard]] bool is_list_wrapper(const Descriptor& type);

}  // namespace coffer::cli
