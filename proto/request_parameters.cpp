#include "proto/request_parameters.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/string.hpp>
#include <string>

#include "coffer/v1/options.pb.h"

namespace coffer::proto {

namespace {

namespace json = boost::json;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kElementsMax = 100;
constexpr int kDepthMax = 4;
constexpr std::string_view kToken = "client_request_token";

// Short names of fields, whichever message they are in: one spelling means one thing throughout the schema.
constexpr std::array kRequestFields = {
    std::string_view("secret_id"),
    std::string_view("secret_id_list"),
    std::string_view("name"),
    std::string_view("description"),
    std::string_view("kms_key_id"),
    std::string_view("client_request_token"),
    std::string_view("version_id"),
    std::string_view("version_stage"),
    std::string_view("version_stages"),
    std::string_view("remove_from_version_id"),
    std::string_view("move_to_version_id"),
    std::string_view("recovery_window_in_days"),
    std::string_view("force_delete_without_recovery"),
    std::string_view("force_overwrite_replica_secret"),
    std::string_view("add_replica_regions"),
    std::string_view("remove_replica_regions"),
    std::string_view("region"),
    std::string_view("type"),
    std::string_view("tags"),
    std::string_view("tag_keys"),
    std::string_view("key"),
    std::string_view("value"),
    std::string_view("filters"),
    std::string_view("values"),
    std::string_view("max_results"),
    std::string_view("sort_order"),
    std::string_view("sort_by"),
    std::string_view("include_deprecated"),
    std::string_view("include_planned_deletion"),
    std::string_view("resource_policy"),
    std::string_view("block_public_policy"),
    std::string_view("rotation_lambda_arn"),
    std::string_view("rotation_rules"),
    std::string_view("automatically_after_days"),
    std::string_view("duration"),
    std::string_view("schedule_expression"),
    std::string_view("rotate_immediately"),
    std::string_view("external_secret_rotation_role_arn"),
    std::string_view("password_length"),
    std::string_view("exclude_numbers"),
    std::string_view("exclude_punctuation"),
    std::string_view("exclude_uppercase"),
    std::string_view("exclude_lowercase"),
    std::string_view("include_space"),
    std::string_view("require_each_included_type"),
    std::string_view("user_name"),
    std::string_view("new_user_name"),
    std::string_view("group_name"),
    std::string_view("new_group_name"),
    std::string_view("role_name"),
    std::string_view("listener_name"),
    std::string_view("policy_name"),
    std::string_view("policy_arn"),
    std::string_view("policy_document"),
    std::string_view("assume_role_policy_document"),
    std::string_view("permissions_boundary"),
    std::string_view("path"),
    std::string_view("path_prefix"),
    std::string_view("new_path"),
    std::string_view("expires"),
    std::string_view("identity"),
    std::string_view("identities"),
    std::string_view("kind"),
    std::string_view("issuer"),
    std::string_view("set_as_default"),
    std::string_view("max_session_duration"),
    std::string_view("max_items"),
    std::string_view("scope"),
    std::string_view("only_attached"),
    std::string_view("policy_source_arn"),
    std::string_view("prune"),
    std::string_view("dry_run"),
    std::string_view("month"),
    std::string_view("by"),
    std::string_view("days"),
    std::string_view("unused_days"),
    std::string_view("caller_arn"),
    std::string_view("lookup_attributes"),
    std::string_view("attribute_key"),
    std::string_view("attribute_value"),
    std::string_view("start_time"),
    std::string_view("end_time"),
    std::string_view("access_key_id"),
    std::string_view("status"),
    std::string_view("role_arn"),
    std::string_view("role_session_name"),
    std::string_view("alias"),
    std::string_view("key_id"),
    std::string_view("generation"),
    std::string_view("rotation_period_in_days"),
    std::string_view("pending_window_in_days"),
    std::string_view("backup_proven"),
    std::string_view("force"),
    std::string_view("policy"),
    std::string_view("policy_arns"),
    std::string_view("arn"),
    std::string_view("duration_seconds"),
    std::string_view("transitive_tag_keys"),
    std::string_view("external_id"),
    std::string_view("source_identity"),
    std::string_view("row_id"),
};

constexpr std::array kResponseFields = {
    std::string_view("arn"),           std::string_view("name"),
    std::string_view("version_id"),    std::string_view("version_stages"),
    std::string_view("deletion_date"),
};

using List = bool (*)(std::string_view) noexcept;

bool in_requests(std::string_view name) noexcept {
    return std::find(kRequestFields.begin(), kRequestFields.end(), name) != kRequestFields.end();
}

bool in_responses(std::string_view name) noexcept {
    return std::find(kResponseFields.begin(), kResponseFields.end(), name) != kResponseFields.end();
}

/// The second lock on the door: no list can let these through.
bool may_be_shown(const FieldDescriptor& field) {
    return field.type() != FieldDescriptor::TYPE_BYTES &&
           !field.options().GetExtension(v1::limits).sensitive() && !field.is_map();
}

/// CloudTrail spells members with a small first letter, and `ARN` as `arn`.
std::string parameter_name(const FieldDescriptor& field) {
    std::string name = field.json_name();
    if (name == "ARN") return "arn";
    if (!name.empty() && name[0] >= 'A' && name[0] <= 'Z') name[0] = static_cast<char>(name[0] - 'A' + 'a');
    return name;
}

bool is_token(std::string_view text) noexcept {
    return text.size() >= 32 && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
           });
}

json::object shown(const Message& message, List list, int depth);

json::value single(const Message& message, const FieldDescriptor& field, List list, int depth) {
    const auto& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_STRING:
            return json::string(reflection.GetString(message, &field));
        case FieldDescriptor::CPPTYPE_INT64:
            return reflection.GetInt64(message, &field);
        case FieldDescriptor::CPPTYPE_BOOL:
            return reflection.GetBool(message, &field);
        case FieldDescriptor::CPPTYPE_DOUBLE:
            return reflection.GetDouble(message, &field);
        case FieldDescriptor::CPPTYPE_MESSAGE:
            return shown(reflection.GetMessage(message, &field), list, depth + 1);
        default:
            return nullptr;
    }
}

json::array repeated(const Message& message, const FieldDescriptor& field, List list, int depth) {
    const auto& reflection = *message.GetReflection();
    const int count = std::min(reflection.FieldSize(message, &field), kElementsMax);
    json::array out;
    for (int i = 0; i < count; ++i) {
        if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
            out.push_back(json::string(reflection.GetRepeatedString(message, &field, i)));
        } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
            out.push_back(shown(reflection.GetRepeatedMessage(message, &field, i), list, depth + 1));
        }
    }
    return out;
}

json::object shown(const Message& message, List list, int depth) {
    json::object out;
    if (depth > kDepthMax) return out;
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    for (const auto* field : fields) {
        if (!list(field->name()) || !may_be_shown(*field)) continue;
        if (field->is_repeated()) {
            out.emplace(parameter_name(*field), repeated(message, *field, list, depth));
            continue;
        }
        if (field->name() == kToken && !is_token(message.GetReflection()->GetString(message, field)))
            continue;
        out.emplace(parameter_name(*field), single(message, *field, list, depth));
    }
    return out;
}

}  // namespace

json::object request_parameters(const Message& message) {
    return shown(message, in_requests, 0);
}

json::object response_elements(const Message& message) {
    return shown(message, in_responses, 0);
}

std::vector<std::string_view> audited_fields() {
    std::vector<std::string_view> out(kRequestFields.begin(), kRequestFields.end());
    out.insert(out.end(), kResponseFields.begin(), kResponseFields.end());
    return out;
}

}  // namespace coffer::proto
