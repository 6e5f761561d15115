#include "client/coffer/audit_event.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "client/coffer/columns.hpp"
#include "client/coffer/visible.hpp"
#include "proto/utf8.hpp"

namespace coffer::cli {

namespace {

namespace json = boost::json;

constexpr std::size_t kMemberCharactersMax = 128 * 1024;

json::object parsed(const v1::AuditEvent& event) {
    boost::system::error_code error;
    auto value = json::parse(event.cloud_trail_event(), error);
    if (error || !value.is_object()) return {};
    return std::move(value.get_object());
}

const json::object* object_in(const json::object& parent, json::string_view name) {
    const auto* value = parent.if_contains(name);
    return value == nullptr ? nullptr : value->if_object();
}

std::string text_in(const json::object* object, json::string_view name) {
    const auto* value = object == nullptr ? nullptr : object->if_contains(name);
    const auto* text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string() : std::string(*text);
}

std::string first_text(const json::object* object, std::initializer_list<json::string_view> names) {
    for (const auto name : names) {
        auto text = text_in(object, name);
        if (!text.empty()) return text;
    }
    return {};
}

/// The first secret, by its ARN or by what the request called it, and how many there are besides.
std::string secrets_in(const v1::AuditEvent& event, const json::object& whole) {
    if (event.resources_size() == 0) {
        return first_text(object_in(whole, "requestParameters"), {"secretId", "name"});
    }
    const auto& first = event.resources(0).resource_name();
    if (event.resources_size() == 1) return first;
    return fmt::format("{} and {} more", first, event.resources_size() - 1);
}

}  // namespace

const std::vector<std::string>& audit_heads() {
    static const std::vector<std::string> kHeads{"TIME",      "ACTION", "OUTCOME",
                                                 "PRINCIPAL", "SECRET", "EVENT ID"};
    return kHeads;
}

std::vector<std::string> audit_row(const v1::AuditEvent& event) {
    const auto whole = parsed(event);
    const auto error = text_in(&whole, "errorCode");
    return {text_in(&whole, "eventTime"),
            event.event_name(),
            error.empty() ? "OK" : error,
            first_text(object_in(whole, "userIdentity"), {"arn", "userName", "principalId", "invokedBy"}),
            secrets_in(event, whole),
            event.event_id()};
}

std::string audit_line(const std::vector<std::string>& row) {
    constexpr std::array<std::size_t, 6> kWidths{20, 24, 26, 44, 64, 36};
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
        auto cell = proto::printable(view(visible(row[i])), kCellCharactersMax);
        const auto width = proto::utf8_length(cell).value_or(cell.size());
        line += cell;
        if (i + 1 < row.size()) line.append(width < kWidths.at(i) ? kWidths.at(i) - width + 2 : 2, ' ');
    }
    return line + '\n';
}

std::string audit_members(const v1::AuditEvent& event) {
    std::string text;
    for (const auto& [name, value] : parsed(event)) {
        text += fmt::format("{:<20} {}\n", proto::printable(view(visible(name)), kCellCharactersMax),
                            proto::printable(view(visible(json::serialize(value))), kMemberCharactersMax));
    }
    return text;
}

}  // namespace coffer::cli
