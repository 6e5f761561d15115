#include "daemon/aws/json_reader.hpp"

#include <google/protobuf/descriptor.h>
#include <openssl/evp.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>
#include <cmath>
#include <string>

#include "coffer/v1/options.pb.h"
#include "coffer/v1/secrets.pb.h"
#include "daemon/aws/request_refused.hpp"
#include "proto/utf8.hpp"
#include "proto/validator.hpp"

namespace coffer::aws {

namespace {

namespace json = boost::json;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::size_t kDepthMax = 32;
/// Whole numbers up to this are the same number as a double.
constexpr double kExactMax = 9'007'199'254'740'992.0;

/// Where in the body something is; made into text only for an error.
struct Place {
    const Place* parent = nullptr;
    const FieldDescriptor* field = nullptr;
    std::size_t element = 0;  ///< of a list, from 1; 0: the member itself

    /// "filters.1.member.key", as AWS writes it in its ValidationExceptions.
    [[nodiscard]] std::string text() const {
        std::string path = parent == nullptr || parent->field == nullptr ? "" : parent->text() + ".";
        std::string name = field->json_name();
        if (!name.empty() && name[0] >= 'A' && name[0] <= 'Z')
            name[0] = static_cast<char>(name[0] - 'A' + 'a');
        path += name;
        if (element > 0) path += "." + std::to_string(element) + ".member";
        return path;
    }
};

[[noreturn]] void refuse(const std::string& what) {
    throw RequestRefused(error_names::kSerialization, what);
}

[[noreturn]] void refuse(const std::string& what, const Place& place) {
    refuse(what + " at '" + place.text() + "'");
}

/// Says what was found where `wanted` should have been, as AWS's parser does.
[[noreturn]] void wrong_type(const json::value& found, std::string_view wanted, const Place& place) {
    if (found.is_array()) refuse("Start of list found where not expected", place);
    if (found.is_object()) refuse("Start of structure or map found where not expected", place);
    const std::string_view kind = found.is_string() ? "STRING_VALUE"
                                  : found.is_bool() ? (found.get_bool() ? "TRUE_VALUE" : "FALSE_VALUE")
                                  : found.is_null() ? "NULL_VALUE"
                                                    : "NUMBER_VALUE";
    refuse(std::string(kind) + " cannot be converted to " + std::string(wanted), place);
}

std::int64_t integer(const json::value& value, const Place& place) {
    if (value.is_int64()) return value.get_int64();
    if (value.is_double() && std::abs(value.get_double()) <= kExactMax &&
        std::trunc(value.get_double()) == value.get_double()) {
        return static_cast<std::int64_t>(value.get_double());
    }
    if (value.is_number()) {
        refuse("NUMBER_VALUE cannot be converted to Long: it must be a whole number of 64 bits", place);
    }
    wrong_type(value, "Long", place);
}

double number(const json::value& value, const Place& place) {
    if (!value.is_number()) wrong_type(value, "Double", place);
    return value.to_number<double>();
}

/// RFC 4648, 4, with padding and without line ends.
std::string from_base64(std::string_view text, const Place& place) {
    const auto is_digit = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
               c == '/';
    };
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    if (text.size() % 4 != 0 || !std::ranges::all_of(text.substr(0, text.size() - padding), is_digit)) {
        refuse("A blob must be base64 (RFC 4648, section 4, with padding)", place);
    }
    if (text.empty()) return {};
    std::string bytes(text.size() / 4 * 3, '\0');
    const int size =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    if (size < 0 || static_cast<std::size_t>(size) < padding) refuse("A blob must be base64", place);
    bytes.resize(static_cast<std::size_t>(size) - padding);  // which OpenSSL counts as zeros
    return bytes;
}

std::string characters(const FieldDescriptor& field, const json::value& value, const Place& place) {
    const bool blob =
        field.type() == FieldDescriptor::TYPE_BYTES && !field.options().GetExtension(v1::limits).text();
    if (!value.is_string()) wrong_type(value, blob ? "Blob" : "String", place);
    const std::string_view text = value.get_string();
    return blob ? from_base64(text, place) : std::string(text);
}

/// Counts the names of members in a text.
struct NameCounter {
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
    using Text = json::string_view;
    using Error = json::error_code;

    std::size_t names = 0;

    static bool on_document_begin(Error& /*error*/) { return true; }
    static bool on_document_end(Error& /*error*/) { return true; }
    static bool on_array_begin(Error& /*error*/) { return true; }
    static bool on_array_end(std::size_t /*size*/, Error& /*error*/) { return true; }
    static bool on_object_begin(Error& /*error*/) { return true; }
    static bool on_object_end(std::size_t /*size*/, Error& /*error*/) { return true; }
    static bool on_string_part(Text /*text*/, std::size_t /*size*/, Error& /*error*/) { return true; }
    static bool on_string(Text /*text*/, std::size_t /*size*/, Error& /*error*/) { return true; }
    static bool on_key_part(Text /*text*/, std::size_t /*size*/, Error& /*error*/) { return true; }
    bool on_key(Text /*text*/, std::size_t /*size*/, Error& /*error*/) {
        ++names;
        return true;
    }
    static bool on_number_part(Text /*text*/, Error& /*error*/) { return true; }
    static bool on_int64(std::int64_t /*value*/, Text /*text*/, Error& /*error*/) { return true; }
    static bool on_uint64(std::uint64_t /*value*/, Text /*text*/, Error& /*error*/) { return true; }
    static bool on_double(double /*value*/, Text /*text*/, Error& /*error*/) { return true; }
    static bool on_bool(bool /*value*/, Error& /*error*/) { return true; }
    static bool on_null(Error& /*error*/) { return true; }
    static bool on_comment_part(Text /*text*/, Error& /*error*/) { return true; }
    static bool on_comment(Text /*text*/, Error& /*error*/) { return true; }
};

/// Of a text that is JSON.
std::size_t names_in(ByteView body) {
    json::parse_options options;
    options.max_depth = kDepthMax;
    json::basic_parser<NameCounter> counter(options);
    json::error_code error;
    counter.write_some(false, as_text(body).data(), body.size(), error);
    return counter.handler().names;
}

/// Of what Boost.JSON made of it, which has the last of those that came twice in one object alone.
std::size_t names_in(const json::value& value) {
    std::size_t names = 0;
    if (const auto* object = value.if_object()) {
        names = object->size();
        for (const auto& member : *object) names += names_in(member.value());
    } else if (const auto* array = value.if_array()) {
        for (const auto& item : *array) names += names_in(item);
    }
    return names;
}

bool is_list_wrapper(const Descriptor& type) {
    return type.options().GetExtension(v1::list_wrapper);
}

void fill(Message& message, const json::value& value, const Place* place);
void fill_list(Message& message, const FieldDescriptor& field, const json::value& value, const Place* parent);

/// Sets the field or, of a repeated one, adds an element.
void put(Message& message, const FieldDescriptor& field, const json::value& value, const Place& place) {
    const auto& reflection = *message.GetReflection();
    const bool add = field.is_repeated();
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_MESSAGE:
            return fill(*(add ? reflection.AddMessage(&message, &field)
                              : reflection.MutableMessage(&message, &field)),
                        value, &place);
        case FieldDescriptor::CPPTYPE_BOOL:
            if (!value.is_bool()) wrong_type(value, "Boolean", place);
            return add ? reflection.AddBool(&message, &field, value.get_bool())
                       : reflection.SetBool(&message, &field, value.get_bool());
        case FieldDescriptor::CPPTYPE_INT64:
            return add ? reflection.AddInt64(&message, &field, integer(value, place))
                       : reflection.SetInt64(&message, &field, integer(value, place));
        case FieldDescriptor::CPPTYPE_DOUBLE:
            return add ? reflection.AddDouble(&message, &field, number(value, place))
                       : reflection.SetDouble(&message, &field, number(value, place));
        case FieldDescriptor::CPPTYPE_STRING:
            return add ? reflection.AddString(&message, &field, characters(field, value, place))
                       : reflection.SetString(&message, &field, characters(field, value, place));
        default:
            refuse("This member is not supported", place);
    }
}

[[noreturn]] void refuse_length(std::string_view shown, const Place& place, std::string_view constraint,
                                std::size_t limit) {
    throw RequestRefused(error_names::kValidation,
                         "1 validation error detected: Value '" + std::string(shown) + "' at '" +
                             place.text() + "' failed to satisfy constraint: Member must have length " +
                             std::string(constraint) + " than or equal to " + std::to_string(limit));
}

/// The protocol's messages do not tell an empty list from an absent one, which would stand for something
/// else: versions that are put without labels become AWSCURRENT. What has too many elements is refused before
/// a message is made of each.
void require_length(const FieldDescriptor& field, const json::array& array, const Place& place) {
    const auto& limits = field.options().GetExtension(v1::limits);
    const auto least = std::max(limits.min_items(), limits.required() ? 1U : 0U);
    if (array.empty() && least > 0) refuse_length("[]", place, "greater", least);
    const auto most = proto::most_items(field);
    // So many are read that the validator, which shows them, refuses them; not all that a body has room for.
    if (array.size() > std::max(most, proto::kItemsMax)) refuse_length("[...]", place, "less", most);
}

constexpr std::string_view kFilterCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 :_@/+=.-!";
constexpr std::size_t kShownCharactersMax = 256;

/// AWS's model, FilterValueStringType. The protocol itself has no such limit: descriptions are in any
/// language.
void require_filter_characters(const v1::Filter& filter, const Place& place) {
    const auto& values = filter.values();
    if (std::ranges::all_of(values, [](const std::string& value) {
            return value.find_first_not_of(kFilterCharacters) == std::string::npos;
        })) {
        return;
    }
    std::string shown = "[";
    for (const auto& value : values) {
        if (shown.size() > 4 * kShownCharactersMax) break;
        if (shown.size() > 1) shown += ", ";
        shown += value;
    }
    throw RequestRefused(
        error_names::kValidation,
        "1 validation error detected: Value '" + proto::printable(shown + "]", kShownCharactersMax) +
            "' at '" + place.text() +
            "' failed to satisfy constraint: Member must satisfy constraint: [Member must have "
            "length less than or equal to 512, Member must satisfy regular expression pattern: "
            "^\\!?[a-zA-Z0-9 :_@\\/\\+\\=\\.\\-\\!]*$]");
}

void fill_list(Message& message, const FieldDescriptor& field, const json::value& value,
               const Place* parent) {
    const auto* array = value.if_array();
    const Place place{parent, &field, 0};
    if (array == nullptr) {
        if (value.is_object()) wrong_type(value, "List", place);
        refuse("Expected list or null", place);
    }
    require_length(field, *array, place);
    for (std::size_t i = 0; i < array->size(); ++i)
        put(message, field, (*array)[i], Place{parent, &field, i + 1});
    if (const auto* filter = dynamic_cast<const v1::Filter*>(&message)) {
        require_filter_characters(*filter, place);
    }
}

void fill(Message& message, const json::value& value, const Place* place) {
    const Descriptor& type = *message.GetDescriptor();
    if (is_list_wrapper(type)) return fill_list(message, *type.field(0), value, place);
    const auto* object = value.if_object();
    if (object == nullptr) {
        if (place == nullptr) refuse("The body must be one JSON object");
        if (value.is_array()) wrong_type(value, "Structure", *place);
        refuse("Expected structure or null", *place);
    }
    for (int i = 0; i < type.field_count(); ++i) {
        const auto& field = *type.field(i);
        const auto& name = field.json_name();
        const auto* member = object->if_contains(json::string_view(name.data(), name.size()));
        if (member == nullptr || member->is_null()) continue;
        if (field.is_map()) refuse("This member is not supported", Place{place, &field, 0});
        if (field.is_repeated()) {
            fill_list(message, field, *member, place);
        } else {
            put(message, field, *member, Place{place, &field, 0});
        }
    }
}

}  // namespace

void read_json(ByteView body, Message& message) {
    if (body.empty()) return;
    json::parse_options options;
    options.max_depth = kDepthMax;
    json::error_code error;
    // Its strings lie on the heap, and are wiped when they are freed, as those of messages (decision 0006).
    const auto value = json::parse(json::string_view(as_text(body).data(), body.size()), error,
                                   json::storage_ptr(), options);
    if (error) {
        const bool text = proto::utf8_length(as_text(body)).has_value();
        refuse("Could not parse request body into json: " + (text ? error.message() : "it is not UTF-8"));
    }
    if (names_in(body) != names_in(value)) {
        refuse("A member comes more than once in one object of the request body");
    }
    fill(message, value, nullptr);
}

}  // namespace coffer::aws
