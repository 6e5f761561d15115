#include "proto/validator.hpp"

#include <algorithm>
#include <boost/regex.hpp>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "coffer/v1/frame.pb.h"
#include "coffer/v1/options.pb.h"
#include "proto/utf8.hpp"

namespace coffer::proto {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::Message;

constexpr std::size_t kViolationsMax = 10;
constexpr std::size_t kShownCharactersMax = 256;

constexpr std::string_view kNotNull = "Member must not be null";
constexpr std::string_view kNoNul = "Member must not contain NUL characters";
constexpr std::string_view kUtf8 = "Member must be valid UTF-8";

std::string at_most(std::string_view what, std::int64_t limit) {
    return "Member must have " + std::string(what) + " less than or equal to " + std::to_string(limit);
}

std::string at_least(std::string_view what, std::int64_t limit) {
    return "Member must have " + std::string(what) + " greater than or equal to " + std::to_string(limit);
}

std::string join(const std::vector<std::string>& parts) {
    std::string out;
    for (const auto& part : parts) {
        if (!out.empty()) out += ", ";
        out += part;
    }
    return out;
}

/// What is asked of one text or byte string, compiled.
struct TextRule {
    bool utf8 = false;         ///< must be UTF-8
    bool characters = false;   ///< its length is in characters, not bytes
    bool nul_allowed = false;  ///< encrypted before it is stored, so PostgreSQL never sees the NUL
    std::optional<std::uint32_t> min_length;
    std::optional<std::uint32_t> max_length;
    std::string pattern_text;
    std::optional<boost::regex> pattern;
    std::vector<std::string> one_of;
};

/// What is asked of one field, compiled from its options.
struct FieldRule {
    const FieldDescriptor* field = nullptr;
    std::string member;  ///< AWS's name of the member, as its errors spell it
    bool required = false;
    bool unquoted = false;
    TextRule text;  ///< of the text, or of every element of a list of texts
    std::optional<std::int64_t> min;
    std::optional<std::int64_t> max;
    std::optional<std::uint32_t> min_items;
    std::size_t max_items = kItemsMax;
};

using MessageRules = std::vector<FieldRule>;

/// AWS's front end spells members with a small first letter, and leaves the others: `rotationLambdaARN`.
std::string member_name(const FieldDescriptor& field) {
    std::string name = field.json_name();
    if (!name.empty() && name[0] >= 'A' && name[0] <= 'Z') name[0] = static_cast<char>(name[0] - 'A' + 'a');
    return name;
}

TextRule compile_text(const FieldDescriptor& field, const v1::Limits& limits) {
    TextRule rule;
    rule.utf8 = field.type() == FieldDescriptor::TYPE_STRING || limits.text();
    rule.characters = field.type() == FieldDescriptor::TYPE_STRING;
    rule.nul_allowed = field.type() == FieldDescriptor::TYPE_BYTES;
    const bool list = field.is_repeated();
    if (list ? limits.has_item_min_length() : limits.has_min_length()) {
        rule.min_length = list ? limits.item_min_length() : limits.min_length();
    }
    if (list ? limits.has_item_max_length() : limits.has_max_length()) {
        rule.max_length = list ? limits.item_max_length() : limits.max_length();
    }
    rule.pattern_text = list ? limits.item_pattern() : limits.pattern();
    if (!rule.pattern_text.empty()) {
        rule.pattern.emplace(rule.pattern_text, boost::regex::ECMAScript | boost::regex::optimize);
    }
    rule.one_of.assign(limits.one_of().begin(), limits.one_of().end());
    return rule;
}

FieldRule compile_field(const FieldDescriptor& field) {
    const auto& limits = field.options().GetExtension(v1::limits);
    FieldRule rule;
    rule.field = &field;
    rule.member = member_name(field);
    rule.required = limits.required();
    rule.unquoted = limits.sensitive() || limits.unquoted();
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) rule.text = compile_text(field, limits);
    if (limits.has_min()) rule.min = limits.min();
    if (limits.has_max()) rule.max = limits.max();
    if (limits.has_min_items()) rule.min_items = limits.min_items();
    rule.max_items = most_items(field);
    return rule;
}

/// Fields of which nothing can be asked have no rule. Maps are in responses only, which are not checked.
bool has_rule(const FieldDescriptor& field) {
    if (field.is_map()) return false;
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_STRING:
        case FieldDescriptor::CPPTYPE_MESSAGE:
            return true;
        default:
            return field.options().HasExtension(v1::limits);
    }
}

MessageRules compile_message(const Descriptor& descriptor) {
    MessageRules rules;
    for (int i = 0; i < descriptor.field_count(); ++i) {
        const auto& field = *descriptor.field(i);
        if (has_rule(field)) rules.push_back(compile_field(field));
    }
    return rules;
}

/// The rules of every message of the schema, compiled once; read-only afterwards, so threads share it.
class Rulebook {
public:
    Rulebook() {
        // A frame can hold any message, so its file names all the others.
        const auto& frame = *v1::Frame::descriptor()->file();
        for (int i = 0; i < frame.dependency_count(); ++i) add(*frame.dependency(i));
        add(frame);
    }

    [[nodiscard]] const MessageRules& of(const Descriptor& descriptor) const {
        const auto found = rules_.find(&descriptor);
        if (found == rules_.end()) {
            throw std::invalid_argument(descriptor.full_name() + " is not a message of Coffer's schema");
        }
        return found->second;
    }

private:
    void add(const FileDescriptor& file) {
        for (int i = 0; i < file.message_type_count(); ++i) {
            rules_.emplace(file.message_type(i), compile_message(*file.message_type(i)));
        }
    }

    std::unordered_map<const Descriptor*, MessageRules> rules_;
};

const Rulebook& rulebook() {
    static const Rulebook book;
    return book;
}

/// Where in the request a message stands. A chain on the stack, spelled out only when something is wrong.
struct Path {
    const Path* parent = nullptr;
    const FieldRule* rule = nullptr;
    std::size_t element = 0;  ///< counted from 1 in a list, 0 for a member that is no list

    [[nodiscard]] std::string text() const {
        std::string out = parent != nullptr ? parent->text() : std::string();
        if (rule == nullptr) return out;
        out += rule->member + ".";
        if (element > 0) out += std::to_string(element) + ".member.";
        return out;
    }
};

class Checker {
public:
    void check(const Message& message, const Path& path) {
        for (const auto& rule : rulebook().of(*message.GetDescriptor())) {
            if (full()) return;
            if (rule.field->is_repeated()) {
                check_list(message, rule, path);
            } else {
                check_single(message, rule, path);
            }
        }
    }

    [[nodiscard]] std::optional<std::string> result() const {
        if (violations_.empty()) return std::nullopt;
        std::string out = std::to_string(violations_.size()) +
                          (violations_.size() == 1 ? " validation error" : " validation errors") +
                          " detected: ";
        for (std::size_t i = 0; i < violations_.size(); ++i) {
            if (i > 0) out += "; ";
            out += violations_[i];
        }
        return out;
    }

private:
    [[nodiscard]] bool full() const noexcept { return violations_.size() >= kViolationsMax; }

    /// `shown` is the value as the error has it, quotes and all, with a space before; empty to leave it out.
    void violated(const FieldRule& rule, const Path& path, const std::string& shown,
                  std::string_view constraint) {
        if (full()) return;
        violations_.push_back("Value" + (rule.unquoted ? std::string() : shown) + " at '" + path.text() +
                              rule.member + "' failed to satisfy constraint: " + std::string(constraint));
    }

    void check_single(const Message& message, const FieldRule& rule, const Path& path) {
        const auto& reflection = *message.GetReflection();
        if (!reflection.HasField(message, rule.field)) {
            if (rule.required) violated(rule, path, " null", kNotNull);
            return;
        }
        switch (rule.field->cpp_type()) {
            case FieldDescriptor::CPPTYPE_STRING:
                check_text(message, rule, path);
                break;
            case FieldDescriptor::CPPTYPE_INT64:
                check_number(reflection.GetInt64(message, rule.field), rule, path);
                break;
            case FieldDescriptor::CPPTYPE_MESSAGE:
                check(reflection.GetMessage(message, rule.field), Path{&path, &rule, 0});
                break;
            default:
                throw std::logic_error(rule.field->full_name() + " has limits that its type cannot have");
        }
    }

    void check_number(std::int64_t value, const FieldRule& rule, const Path& path) {
        const auto shown = [value] { return " '" + std::to_string(value) + "'"; };
        if (rule.max && value > *rule.max) violated(rule, path, shown(), at_most("value", *rule.max));
        if (rule.min && value < *rule.min) violated(rule, path, shown(), at_least("value", *rule.min));
    }

    void check_text(const Message& message, const FieldRule& rule, const Path& path) {
        std::string scratch;
        const std::string& value = message.GetReflection()->GetStringReference(message, rule.field, &scratch);
        each_broken(value, rule.text, [&](std::string_view constraint) {
            violated(rule, path, " '" + printable(value, kShownCharactersMax) + "'", constraint);
        });
    }

    void check_list(const Message& message, const FieldRule& rule, const Path& path) {
        const auto count = static_cast<std::size_t>(message.GetReflection()->FieldSize(message, rule.field));
        // The wire does not tell an empty list from an absent one.
        if (count == 0) {
            if (rule.required) violated(rule, path, " null", kNotNull);
            return;
        }
        const auto shown = [&] { return shown_list(message, rule, count); };
        if (count > rule.max_items) {
            violated(rule, path, shown(), at_most("length", static_cast<std::int64_t>(rule.max_items)));
            return;  // so that what is done for one request stays bounded by the schema
        }
        if (rule.min_items && count < *rule.min_items) {
            violated(rule, path, shown(), at_least("length", *rule.min_items));
        }
        if (rule.field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
            check_list_of_texts(message, rule, path, count);
        } else {
            check_list_of_messages(message, rule, path, count);
        }
    }

    /// AWS does not say which element is wrong, nor how: it lists all that is asked of an element.
    void check_list_of_texts(const Message& message, const FieldRule& rule, const Path& path,
                             std::size_t count) {
        const auto& reflection = *message.GetReflection();
        bool broken = false;
        std::string scratch;
        for (std::size_t i = 0; i < count && !broken; ++i) {
            const auto& value =
                reflection.GetRepeatedStringReference(message, rule.field, static_cast<int>(i), &scratch);
            each_broken(value, rule.text, [&](std::string_view constraint) {
                if (broken) return;
                broken = true;
                const bool ours = constraint == kNoNul || constraint == kUtf8;
                violated(rule, path, shown_list(message, rule, count),
                         ours ? std::string(constraint)
                              : "Member must satisfy constraint: [" + asked_of_element(rule.text) + "]");
            });
        }
    }

    void check_list_of_messages(const Message& message, const FieldRule& rule, const Path& path,
                                std::size_t count) {
        const auto& reflection = *message.GetReflection();
        for (std::size_t i = 0; i < count && !full(); ++i) {
            check(reflection.GetRepeatedMessage(message, rule.field, static_cast<int>(i)),
                  Path{&path, &rule, i + 1});
        }
    }

    static std::string asked_of_element(const TextRule& rule) {
        std::vector<std::string> all;
        if (rule.max_length) all.push_back(at_most("length", *rule.max_length));
        if (rule.min_length) all.push_back(at_least("length", *rule.min_length));
        if (rule.pattern) all.push_back(pattern_constraint(rule));
        if (!rule.one_of.empty()) all.push_back(enum_constraint(rule));
        return join(all);
    }

    static std::string pattern_constraint(const TextRule& rule) {
        return "Member must satisfy regular expression pattern: " + rule.pattern_text;
    }

    static std::string enum_constraint(const TextRule& rule) {
        return "Member must satisfy enum value set: [" + join(rule.one_of) + "]";
    }

    /// Calls `report(constraint)` for each constraint that `value` breaks.
    template <class Report>
    static void each_broken(const std::string& value, const TextRule& rule, Report report) {
        std::size_t length = value.size();
        if (rule.utf8) {
            const auto characters = utf8_length(value);
            if (!characters) return report(kUtf8);
            if (rule.characters) length = *characters;
        }
        if (!rule.nul_allowed && value.find('\0') != std::string::npos) return report(kNoNul);
        const bool too_long = rule.max_length && length > *rule.max_length;
        // Matching takes time; nobody may buy more of it than a text of the allowed length costs.
        if (rule.pattern && !too_long && !boost::regex_match(value, *rule.pattern)) {
            report(pattern_constraint(rule));
        }
        if (too_long) report(at_most("length", *rule.max_length));
        if (rule.min_length && length < *rule.min_length) report(at_least("length", *rule.min_length));
        if (!rule.one_of.empty() &&
            std::find(rule.one_of.begin(), rule.one_of.end(), value) == rule.one_of.end()) {
            report(enum_constraint(rule));
        }
    }

    /// A list of texts as AWS shows it, `[a, b]`. Of structures AWS shows what its language makes of them,
    /// which says nothing: they are left out.
    static std::string shown_list(const Message& message, const FieldRule& rule, std::size_t count) {
        if (rule.field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) return {};
        std::string all = "[";
        std::string scratch;
        for (std::size_t i = 0; i < count; ++i) {
            // Four bytes a character at most: enough for what will be shown, however long the list is.
            if (all.size() > 4 * kShownCharactersMax) break;
            if (i > 0) all += ", ";
            all += message.GetReflection()->GetRepeatedStringReference(message, rule.field,
                                                                       static_cast<int>(i), &scratch);
        }
        all += "]";
        return " '" + printable(all, kShownCharactersMax) + "'";
    }

    std::vector<std::string> violations_;
};

}  // namespace

std::size_t most_items(const FieldDescriptor& field) {
    const auto& limits = field.options().GetExtension(v1::limits);
    return limits.has_max_items() ? limits.max_items() : kItemsMax;
}

std::optional<std::string> validation_error(const Message& message) {
    Checker checker;
    checker.check(message, Path{});
    return checker.result();
}

}  // namespace coffer::proto
