#include "daemon/aws/operations.hpp"

#include <map>
#include <string>

#include "coffer/v1/secrets.pb.h"
#include "coffer/v1/sts.pb.h"

namespace coffer::aws {

namespace {

using google::protobuf::FieldDescriptor;

constexpr std::string_view kTargetPrefix = "secretsmanager.";
constexpr std::string_view kRequestSuffix = "Request";

using Operations = std::map<std::string, const FieldDescriptor*, std::less<>>;

/// A service's operations: those whose messages are in its file.
Operations operations_of(const google::protobuf::FileDescriptor* file) {
    const auto& fields = *v1::Request::descriptor()->FindOneofByName("operation");
    Operations operations;
    for (int i = 0; i < fields.field_count(); ++i) {
        const auto* message = fields.field(i)->message_type();
        if (message == nullptr || message->file() != file) continue;
        operations.emplace(message->name().substr(0, message->name().size() - kRequestSuffix.size()),
                           fields.field(i));
    }
    return operations;
}

}  // namespace

const FieldDescriptor* find_target(std::string_view target) {
    static const Operations operations = operations_of(v1::GetSecretValueRequest::descriptor()->file());
    if (!target.starts_with(kTargetPrefix)) return nullptr;
    const auto found = operations.find(target.substr(kTargetPrefix.size()));
    return found == operations.end() ? nullptr : found->second;
}

const FieldDescriptor* find_sts_action(std::string_view action) {
    static const Operations operations = operations_of(v1::AssumeRoleRequest::descriptor()->file());
    const auto found = operations.find(action);
    return found == operations.end() ? nullptr : found->second;
}

google::protobuf::Message& message_of(v1::Request& request, const FieldDescriptor& operation) {
    return *request.GetReflection()->MutableMessage(&request, &operation);
}

const google::protobuf::Message* result_of(const v1::Response& response) {
    const auto* field = response.GetReflection()->GetOneofFieldDescriptor(
        response, v1::Response::descriptor()->FindOneofByName("result"));
    if (field == nullptr || response.has_error()) return nullptr;
    return &response.GetReflection()->GetMessage(response, field);
}

}  // namespace coffer::aws
