#include "daemon/aws/query_reader.hpp"

#include <google/protobuf/descriptor.h>

#include <charconv>

#include "daemon/aws/request_refused.hpp"
#include "proto/utf8.hpp"

namespace coffer::aws {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::size_t kShownNameMax = 64;

[[noreturn]] void refuse(const std::string& name, std::string_view wanted) {
    throw RequestRefused(error_names::kValidation,
                         "The parameter " + name + " must be " + std::string(wanted));
}

std::int64_t integer(const std::string& name, std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) refuse(name, "a whole number");
    return number;
}

bool flag(const std::string& name, std::string_view text) {
    if (text != "true" && text != "false") refuse(name, "true or false");
    return text == "true";
}

bool has_below(const FormParameters& parameters, const std::string& prefix) {
    const auto found = parameters.lower_bound(prefix);
    return found != parameters.end() && found->first.starts_with(prefix);
}

void fill(Message& message, const FormParameters& parameters, const std::string& prefix);

/// Sets the field or, of a repeated one, adds an element. False when there is nothing of that name.
bool put(Message& message, const FieldDescriptor& field, const FormParameters& parameters,
         const std::string& name) {
    const auto& reflection = *message.GetReflection();
    const bool add = field.is_repeated();
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        if (!has_below(parameters, name + ".")) return false;
        fill(*(add ? reflection.AddMessage(&message, &field) : reflection.MutableMessage(&message, &field)),
             parameters, name + ".");
        return true;
    }
    const auto found = parameters.find(name);
    if (found == parameters.end()) return false;
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_INT64:
            reflection.SetInt64(&message, &field, integer(name, found->second));
            return true;
        case FieldDescriptor::CPPTYPE_BOOL:
            reflection.SetBool(&message, &field, flag(name, found->second));
            return true;
        case FieldDescriptor::CPPTYPE_STRING:
            if (add) {
                reflection.AddString(&message, &field, found->second);
            } else {
                reflection.SetString(&message, &field, found->second);
            }
            return true;
        default:
            refuse(name, "left out: it is not supported");
    }
}

/// Elements are numbered from 1 without a gap (AWS query protocol). What is numbered otherwise would be left
/// out, and with it a policy that was to restrict a session.
void require_all_read(const FormParameters& parameters, const std::string& list, int read) {
    const auto wanted = [&](const std::string& name) {
        refuse(proto::printable(name, kShownNameMax),
               "numbered like its neighbours: " + list + ".member.1, .member.2 and so on, without a gap");
    };
    // How clients write a list that is empty.
    if (const auto whole = parameters.find(list); whole != parameters.end() && !whole->second.empty())
        wanted(whole->first);
    const auto prefix = list + ".member.";
    for (auto at = parameters.lower_bound(list + ".");
         at != parameters.end() && at->first.starts_with(list + "."); ++at) {
        if (!at->first.starts_with(prefix)) wanted(at->first);
        const auto rest = std::string_view(at->first).substr(prefix.size());
        const auto number = rest.substr(0, rest.find('.'));
        int value = 0;
        const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
        if (error != std::errc{} || end != number.data() + number.size() || number.starts_with('0') ||
            value < 1 || value > read) {
            wanted(at->first);
        }
    }
}

void fill(Message& message, const FormParameters& parameters, const std::string& prefix) {
    const auto& type = *message.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
        const auto& field = *type.field(i);
        const auto name = prefix + field.json_name();
        if (!field.is_repeated()) {
            put(message, field, parameters, name);
            continue;
        }
        int member = 1;
        while (put(message, field, parameters, name + ".member." + std::to_string(member))) ++member;
        require_all_read(parameters, name, member - 1);
    }
}

}  // namespace

FormParameters form_of(const QueryParameters& parameters) {
    FormParameters form;
    for (const auto& [name, value] : parameters) {
        if (form.emplace(name, value).second) continue;
        throw RequestRefused(
            error_names::kInvalidParameterValue,
            "The parameter '" + proto::printable(name, kShownNameMax) + "' comes more than once");
    }
    return form;
}

FormParameters parse_form(ByteView body) {
    if (body.size() > kFormBytesMax) {
        throw RequestRefused(error_names::kValidation,
                             "A form must have at most " + std::to_string(kFormBytesMax) + " bytes");
    }
    // In a form '+' is a blank (HTML, 4.10.21.7); the signature covers the body as it is.
    std::string encoded;
    encoded.reserve(body.size());
    for (const char c : as_text(body)) {
        if (c == '+') {
            encoded += "%20";
        } else {
            encoded += c;
        }
    }
    return form_of(parse_query(encoded));
}

void read_form(const FormParameters& parameters, Message& message) {
    fill(message, parameters, "");
}

}  // namespace coffer::aws
