#include "daemon/iam/json_fields.hpp"

namespace coffer::iam {

namespace json = boost::json;

namespace {

const json::object& object_in(const json::value& value) {
    const auto* object = value.if_object();
    if (object == nullptr) throw BadDocument("the document is no JSON object");
    return *object;
}

}  // namespace

JsonFields::JsonFields(const json::value& value) : object_(object_in(value)) {}

const json::value* JsonFields::find(std::string_view name) {
    asked_.emplace(name);
    return object_.if_contains(json::string_view(name.data(), name.size()));
}

void JsonFields::refuse(std::string_view name, std::string_view wanted) {
    throw BadDocument("the member '" + std::string(name) + "' of the document must be " +
                      std::string(wanted));
}

const std::string* JsonFields::optional_text(std::string_view name) {
    const auto* value = find(name);
    if (value == nullptr) return nullptr;
    if (!value->is_string()) refuse(name, "a string");
    text_ = std::string(value->get_string());
    return &text_;
}

const std::int64_t* JsonFields::optional_number(std::string_view name) {
    const auto* value = find(name);
    if (value == nullptr) return nullptr;
    if (!value->is_int64()) refuse(name, "a whole number");
    number_ = value->get_int64();
    return &number_;
}

std::string JsonFields::text(std::string_view name) {
    const auto* value = optional_text(name);
    if (value == nullptr) refuse(name, "a string");
    return *value;
}

std::int64_t JsonFields::number(std::string_view name) {
    const auto* value = optional_number(name);
    if (value == nullptr) refuse(name, "a whole number");
    return *value;
}

bool JsonFields::flag(std::string_view name) {
    const auto* value = find(name);
    if (value == nullptr) return false;
    if (!value->is_bool()) refuse(name, "true or false");
    return value->get_bool();
}

const json::array& JsonFields::list(std::string_view name) {
    static const json::array kEmpty;
    const auto* value = find(name);
    if (value == nullptr) return kEmpty;
    if (!value->is_array()) refuse(name, "a list");
    return value->get_array();
}

const json::object& JsonFields::object(std::string_view name) {
    static const json::object kEmpty;
    const auto* value = find(name);
    if (value == nullptr) return kEmpty;
    if (!value->is_object()) refuse(name, "an object");
    return value->get_object();
}

void JsonFields::finish() const {
    for (const auto& member : object_) {
        const std::string name(member.key());
        if (!asked_.contains(name))
            throw BadDocument("the member '" + name + "' of the document is not known");
    }
}

}  // namespace coffer::iam
