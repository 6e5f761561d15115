#include "daemon/sts/strict_json.hpp"

#include <algorithm>
#include <set>

#include "daemon/access/malformed_policy.hpp"

namespace coffer::sts {

using access::JsonKind;
using access::JsonValue;

namespace {

/// The depth of what comes here is bounded.
void refuse_names_that_come_twice(const JsonValue& value) {
    std::set<std::string_view> names;
    for (const auto& member : value.members) {
        if (!names.insert(member.name).second) throw BadJson("a name comes twice in one JSON object");
        refuse_names_that_come_twice(member.value);
    }
    for (const auto& item : value.items) refuse_names_that_come_twice(item);
}

}  // namespace

JsonValue read_strict_object(std::string_view text, std::size_t max_depth) {
    try {
        auto document = access::read_json(text, max_depth);
        if (document.root.kind != JsonKind::object) throw BadJson("it is no JSON object");
        refuse_names_that_come_twice(document.root);
        return std::move(document.root);
    } catch (const access::MalformedPolicy&) {
        throw BadJson("it is no JSON text, or too deep a one");  // the reader's own words are about policies
    }
}

const JsonValue* find_member(const JsonValue& object, std::string_view name) noexcept {
    const auto found =
        std::ranges::find_if(object.members, [&](const auto& member) { return member.name == name; });
    return found == object.members.end() ? nullptr : &found->value;
}

std::optional<std::string> text_member(const JsonValue& object, std::string_view name) {
    const auto* value = find_member(object, name);
    if (value == nullptr) return std::nullopt;
    if (value->kind != JsonKind::string) throw BadJson("its member '" + std::string(name) + "' is no string");
    return value->text;
}

std::optional<std::vector<std::string>> texts_in(const JsonValue& value) {
    if (value.kind != JsonKind::array) return std::nullopt;
    std::vector<std::string> texts;
    for (const auto& item : value.items) {
        if (item.kind != JsonKind::string) return std::nullopt;
        texts.push_back(item.text);
    }
    return texts;
}

}  // namespace coffer::sts
