#include "client/coffer/schema.hpp"

#include <algorithm>

#include "coffer/v1/frame.pb.h"
#include "proto/names.hpp"

namespace coffer::cli {

namespace {

/// The operations whose messages are in the same file as `message`.
std::vector<const FieldDescriptor*> operations_beside(const Descriptor& message) {
    const auto* oneof = v1::Request::descriptor()->FindOneofByName("operation");
    std::vector<const FieldDescriptor*> fields;
    for (int i = 0; i < oneof->field_count(); ++i) {
        if (oneof->field(i)->message_type()->file() == message.file()) fields.push_back(oneof->field(i));
    }
    return fields;
}

}  // namespace

std::vector<const FieldDescriptor*> operations() {
    return operations_beside(*v1::GetSecretValueRequest::descriptor());
}

std::vector<const FieldDescriptor*> iam_operations() {
    return operations_beside(*v1::GetUserRequest::descriptor());
}

std::vector<const FieldDescriptor*> sts_operations() {
    return operations_beside(*v1::AssumeRoleRequest::descriptor());
}

std::string kebab_case(std::string_view snake_case) {
    std::string name(snake_case);
    std::replace(name.begin(), name.end(), '_', '-');
    return name;
}

std::string aws_name(const FieldDescriptor& operation) {
    return std::string(proto::operation_name(static_cast<v1::Request::OperationCase>(operation.number())));
}

const v1::Limits& limits(const FieldDescriptor& field) {
    return field.options().GetExtension(v1::limits);
}

bool is_text(const FieldDescriptor& field) {
    return field.type() == FieldDescriptor::TYPE_STRING || limits(field).text();
}

bool is_list_wrapper(const Descriptor& type) {
    return type.options().GetExtension(v1::list_wrapper);
}

}  // namespace coffer::cli
