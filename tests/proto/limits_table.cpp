#include "limits_table.hpp"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "coffer/v1/frame.pb.h"
#include "coffer/v1/options.pb.h"

namespace coffer::proto {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

std::string code(const std::string& text) {
    return "`" + text + "`";
}

/// "1 to 20 characters", "at least 1 element", "at most 256 characters"; empty when nothing is stated.
/// `unit` is a plural, or empty for plain numbers.
std::string range(bool has_min, std::int64_t min, bool has_max, std::int64_t max, const std::string& unit) {
    const auto counted = [&unit](std::int64_t n) {
        if (unit.empty()) return std::to_string(n);
        return std::to_string(n) + " " + (n == 1 ? unit.substr(0, unit.size() - 1) : unit);
    };
    if (has_min && has_max) return std::to_string(min) + " to " + counted(max);
    if (has_min) return "at least " + counted(min);
    if (has_max) return "at most " + counted(max);
    return {};
}

/// A table's cell ends at a bar.
std::string escaped(std::string text) {
    for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
    return text;
}

std::string limits_of(const FieldDescriptor& field) {
    const auto& l = field.options().GetExtension(v1::limits);
    const bool is_bytes = field.type() == FieldDescriptor::TYPE_BYTES;
    const std::string unit = is_bytes ? "bytes" : "characters";
    std::vector<std::string> parts;
    if (l.required()) parts.emplace_back("required");
    parts.push_back(range(l.has_min_items(), l.min_items(), l.has_max_items(), l.max_items(), "elements"));
    parts.push_back(range(l.has_min_length(), l.min_length(), l.has_max_length(), l.max_length(), unit));
    if (const auto each = range(l.has_item_min_length(), l.item_min_length(), l.has_item_max_length(),
                                l.item_max_length(), unit);
        !each.empty()) {
        parts.push_back("each " + each);
    }
    parts.push_back(range(l.has_min(), l.min(), l.has_max(), l.max(), ""));
    if (!l.pattern().empty()) parts.push_back(code(escaped(l.pattern())));
    if (!l.item_pattern().empty()) parts.push_back("each " + code(escaped(l.item_pattern())));
    if (l.one_of_size() > 0) {
        std::string values = "one of";
        for (const auto& value : l.one_of()) values += " " + code(value);
        parts.push_back(values);
    }
    if (l.text()) parts.emplace_back("UTF-8");
    if (l.json()) parts.emplace_back("JSON");
    if (l.sensitive()) parts.emplace_back("sensitive");

    std::string out;
    for (const auto& part : parts) {
        if (part.empty()) continue;
        if (!out.empty()) out += "; ";
        out += part;
    }
    return out;
}

std::string type_of(const FieldDescriptor& field) {
    const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    const std::string name = is_message ? field.message_type()->name() : field.type_name();
    return field.is_repeated() ? "repeated " + name : name;
}

std::string table_of(const Descriptor& message) {
    if (message.field_count() == 0) return "No fields.\n";
    std::string out = "| number | field | AWS's member | type | limits |\n|---|---|---|---|---|\n";
    for (int i = 0; i < message.field_count(); ++i) {
        const auto& field = *message.field(i);
        out += "| " + std::to_string(field.number()) + " | " + code(field.name()) + " | " +
               code(field.json_name()) + " | " + type_of(field) + " | " + limits_of(field) + " |\n";
    }
    return out;
}

/// Messages inside `message`, each once, in the order in which they are met.
void gather_parts(const Descriptor& message, std::vector<const Descriptor*>& parts) {
    for (int i = 0; i < message.field_count(); ++i) {
        const auto* part = message.field(i)->message_type();
        if (part == nullptr || std::find(parts.begin(), parts.end(), part) != parts.end()) continue;
        parts.push_back(part);
        gather_parts(*part, parts);
    }
}

}  // namespace

std::string limits_tables() {
    std::string out;
    std::vector<const Descriptor*> parts;
    const auto* operations = v1::Request::descriptor()->FindOneofByName("operation");
    for (int i = 0; i < operations->field_count(); ++i) {
        const auto& field = *operations->field(i);
        const auto& message = *field.message_type();
        out += "\n### " + message.name() + "\n\nField " + std::to_string(field.number()) + " of `Request`, " +
               code(field.name()) + ".\n\n" + table_of(message);
        gather_parts(message, parts);
    }
    for (const auto* part : parts) out += "\n### " + part->name() + "\n\n" + table_of(*part);
    return out + "\n";
}

std::string with_limits(std::string_view document) {
    const auto begin = document.find(kLimitsBegin);
    const auto end = document.find(kLimitsEnd);
    if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) {
        throw std::invalid_argument("the marks of the limits' section are missing");
    }
    std::string out(document.substr(0, begin + kLimitsBegin.size()));
    out += limits_tables();
    out += document.substr(end);
    return out;
}

}  // namespace coffer::proto
