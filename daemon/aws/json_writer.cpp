#include "daemon/aws/json_writer.hpp"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "coffer/v1/options.pb.h"

namespace coffer::aws {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

void write_base64(std::string_view bytes, Bytes& out) {
    out.push_back('"');
    const auto at = out.size();
    out.resize(at + 4 * ((bytes.size() + 2) / 3) + 1);  // OpenSSL adds a NUL
    const int size = EVP_EncodeBlock(out.data() + at, as_bytes(bytes).data(), static_cast<int>(bytes.size()));
    out.resize(at + static_cast<std::size_t>(size));
    out.push_back('"');
}

/// Milliseconds, as AWS has them, and a fraction always.
void write_time(double seconds, Bytes& out) {
    auto text = fmt::format("{:.3f}", seconds);
    while (text.ends_with('0') && !text.ends_with(".0")) text.pop_back();
    append(text, out);
}

void write_value(const Message& message, const FieldDescriptor& field, Bytes& out) {
    const auto& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_MESSAGE:
            return write_json(reflection.GetMessage(message, &field), out);
        case FieldDescriptor::CPPTYPE_BOOL:
            return append(reflection.GetBool(message, &field) ? "true" : "false", out);
        case FieldDescriptor::CPPTYPE_INT64:
            return append(std::to_string(reflection.GetInt64(message, &field)), out);
        case FieldDescriptor::CPPTYPE_DOUBLE:  // in this schema: always a time
            return write_time(reflection.GetDouble(message, &field), out);
        case FieldDescriptor::CPPTYPE_STRING: {
            std::string scratch;
            const auto& text = reflection.GetStringReference(message, &field, &scratch);
            const bool blob = field.type() == FieldDescriptor::TYPE_BYTES &&
                              !field.options().GetExtension(v1::limits).text();
            return blob ? write_base64(text, out) : write_json_string(text, out);
        }
        default:
            return append("null", out);
    }
}

void write_list(const Message& message, const FieldDescriptor& field, Bytes& out) {
    const auto& reflection = *message.GetReflection();
    out.push_back('[');
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
        if (i > 0) out.push_back(',');
        if (field.message_type() != nullptr) {
            write_json(reflection.GetRepeatedMessage(message, &field, i), out);
        } else {
            std::string scratch;
            write_json_string(reflection.GetRepeatedStringReference(message, &field, i, &scratch), out);
        }
    }
    out.push_back(']');
}

/// Maps are messages {key, value} to reflection, in no order.
void write_map(const Message& message, const FieldDescriptor& field, Bytes& out) {
    const auto& reflection = *message.GetReflection();
    std::vector<const Message*> entries;
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
        entries.push_back(&reflection.GetRepeatedMessage(message, &field, i));
    }
    const auto* key = field.message_type()->map_key();
    const auto key_of = [key](const Message* entry) {
        return entry->GetReflection()->GetString(*entry, key);
    };
    std::ranges::sort(entries, {}, key_of);
    out.push_back('{');
    for (const auto* entry : entries) {
        if (entry != entries.front()) out.push_back(',');
        write_json_string(key_of(entry), out);
        out.push_back(':');
        write_value(*entry, *field.message_type()->map_value(), out);
    }
    out.push_back('}');
}

constexpr bool needs_escape(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

void write_escape(char c, Bytes& out) {
    switch (c) {
        case '"':
            return append("\\\"", out);
        case '\\':
            return append("\\\\", out);
        case '\n':
            return append("\\n", out);
        case '\r':
            return append("\\r", out);
        case '\t':
            return append("\\t", out);
        default:
            return append(fmt::format("\\u{:04x}", static_cast<unsigned>(c)), out);
    }
}

bool is_shown(const Message& message, const FieldDescriptor& field) {
    const auto& reflection = *message.GetReflection();
    if (!field.is_repeated()) return reflection.HasField(message, &field);
    return reflection.FieldSize(message, &field) > 0 || field.options().GetExtension(v1::emit_empty);
}

}  // namespace

void write_json_string(std::string_view text, Bytes& out) {
    out.push_back('"');
    while (true) {
        const auto special = std::ranges::find_if(text, needs_escape);
        const auto plain = static_cast<std::size_t>(special - text.begin());
        append(text.substr(0, plain), out);
        if (special == text.end()) break;
        write_escape(*special, out);
        text.remove_prefix(plain + 1);
    }
    out.push_back('"');
}

void write_json(const Message& message, Bytes& out) {
    const Descriptor& type = *message.GetDescriptor();
    if (type.options().GetExtension(v1::list_wrapper)) return write_list(message, *type.field(0), out);
    out.push_back('{');
    bool first = true;
    for (int i = 0; i < type.field_count(); ++i) {
        const auto& field = *type.field(i);
        if (!is_shown(message, field)) continue;
        if (!first) out.push_back(',');
        first = false;
        write_json_string(field.json_name(), out);
        out.push_back(':');
        if (field.is_map()) {
            write_map(message, field, out);
        } else if (field.is_repeated()) {
            write_list(message, field, out);
        } else {
            write_value(message, field, out);
        }
    }
    out.push_back('}');
}

}  // namespace coffer::aws
