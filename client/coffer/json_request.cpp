#include "client/coffer/json_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <optional>
#include <string>

#include "client/coffer/failure.hpp"
#include "client/coffer/parameter.hpp"
#include "proto/utf8.hpp"

namespace coffer::cli {

namespace {

namespace json = boost::json;
using google::protobuf::Message;
using google::protobuf::Reflection;

const FieldDescriptor* find_member(const Descriptor& type, std::string_view name) {
    for (int i = 0; i < type.field_count(); ++i) {
        if (type.field(i)->json_name() == name) return type.field(i);
    }
    return nullptr;
}

std::string member_names(const Descriptor& type) {
    std::string names;
    for (int i = 0; i < type.field_count(); ++i) names += (i == 0 ? "" : ", ") + type.field(i)->json_name();
    return names;
}

[[noreturn]] void wrong_type(std::string_view path, std::string_view wanted) {
    throw UsageError(fmt::format("{} must be {}", path, wanted));
}

std::optional<std::int64_t> to_integer(const json::value& value, Scalars scalars) {
    if (value.is_int64()) return value.get_int64();
    if (scalars == Scalars::as_json || !value.is_string()) return std::nullopt;
    const auto& text = value.get_string();
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<bool> to_flag(const json::value& value, Scalars scalars) {
    if (value.is_bool()) return value.get_bool();
    if (scalars == Scalars::as_json || !value.is_string()) return std::nullopt;
    if (value.get_string() == "true") return true;
    if (value.get_string() == "false") return false;
    return std::nullopt;
}

/// How values are taken.
struct Reading {
    Scalars scalars = Scalars::as_json;
    /// What the values stand in, where it is known.
    const JsonText* text = nullptr;
};

std::string to_bytes(const FieldDescriptor& field, const json::value& value, std::string_view path,
                     const Reading& reading) {
    if (limits(field).json() && value.is_object()) {
        return reading.text != nullptr ? reading.text->dense(value) : json::serialize(value);
    }
    if (!value.is_string()) wrong_type(path, is_text(field) ? "a string" : "a string in base64");
    const std::string_view text = value.get_string();
    if (!is_text(field)) return std::string(from_base64(text, path).text());
    if (!proto::utf8_length(text)) wrong_type(path, "text in UTF-8");
    return std::string(text);
}

void fill(Message& message, const json::value& object, std::string_view path, const Reading& reading);

/// Sets or, for a repeated field, adds one value.
void put_one(Message& message, const FieldDescriptor& field, const json::value& value, std::string_view path,
             const Reading& reading) {
    const Reflection& reflection = *message.GetReflection();
    const bool add = field.is_repeated();
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_MESSAGE:
            return fill(*(add ? reflection.AddMessage(&message, &field)
                              : reflection.MutableMessage(&message, &field)),
                        value, path, reading);
        case FieldDescriptor::CPPTYPE_BOOL: {
            const auto flag = to_flag(value, reading.scalars);
            if (!flag) wrong_type(path, "true or false");
            return reflection.SetBool(&message, &field, *flag);
        }
        case FieldDescriptor::CPPTYPE_INT64: {
            const auto number = to_integer(value, reading.scalars);
            if (!number) wrong_type(path, "a whole number");
            return reflection.SetInt64(&message, &field, *number);
        }
        default: {
            std::string bytes = to_bytes(field, value, path, reading);
            return add ? reflection.AddString(&message, &field, std::move(bytes))
                       : reflection.SetString(&message, &field, std::move(bytes));
        }
    }
}

void put_all(Message& message, const FieldDescriptor& field, const json::value& value, std::string_view path,
             const Reading& reading) {
    const auto* array = value.if_array();
    if (!field.is_repeated()) return put_one(message, field, value, path, reading);
    if (array == nullptr) {
        if (reading.scalars == Scalars::as_json) wrong_type(path, "a list");
        return put_one(message, field, value, path, reading);
    }
    for (std::size_t i = 0; i < array->size(); ++i) {
        put_one(message, field, (*array)[i], fmt::format("{}[{}]", path, i), reading);
    }
}

void fill(Message& message, const json::value& object, std::string_view path, const Reading& reading) {
    const Descriptor& type = *message.GetDescriptor();
    const auto* members = object.if_object();
    if (members == nullptr) wrong_type(path, "a structure with the members " + member_names(type));
    for (const auto& member : *members) {
        const auto* field = find_member(type, member.key());
        if (field == nullptr) {
            throw UsageError(fmt::format("{} has no member '{}' (it may have: {})", path,
                                         std::string(member.key()), member_names(type)));
        }
        if (member.value().is_null()) continue;
        put_all(message, *field, member.value(), fmt::format("{}.{}", path, field->json_name()), reading);
    }
}

}  // namespace

void fill_message(Message& message, const json::value& object, std::string_view path, Scalars scalars) {
    fill(message, object, path, {scalars, nullptr});
}

void fill_message(Message& message, const JsonText& text, const json::value& object, std::string_view path) {
    fill(message, object, path, {Scalars::as_json, &text});
}

void fill_field(Message& message, const FieldDescriptor& field, const json::value& value,
                std::string_view path, Scalars scalars) {
    put_all(message, field, value, path, {scalars, nullptr});
}

json::value parse_json(std::string_view text, std::string_view what) {
    return JsonText(text, what).take();
}

}  // namespace coffer::cli
