#include "client/coffer/completion_tree.hpp"

#include <algorithm>
#include <set>

namespace coffer::cli {

namespace {

/// "TEXT:{a,b}", as CLI11 describes CLI::IsMember.
std::vector<std::string> members_in(std::string_view type) {
    const auto open = type.find('{');
    const auto close = type.find('}', open == std::string_view::npos ? 0 : open);
    std::vector<std::string> members;
    if (open == std::string_view::npos || close == std::string_view::npos) return members;
    for (auto begin = open + 1; begin < close;) {
        const auto end = std::min(type.find(',', begin), close);
        members.emplace_back(type.substr(begin, end - begin));
        begin = end + 1;
    }
    return members;
}

Values values_of(const CLI::Option& option) {
    using Kind = Values::Kind;
    const auto type = option.get_type_name();
    const auto own = type.substr(0, type.find(':'));
    if (own == kTypeSecret || own == kTypePrefix) return {Kind::secrets, {}};
    if (own == kTypeFile) return {Kind::files, {}};
    if (own == kTypeFolder) return {Kind::folders, {}};
    if (own == kTypeLabel) return {Kind::words, {"AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"}};
    auto members = members_in(type);
    const auto kind = members.empty() ? Kind::none : Kind::words;
    return {kind, std::move(members)};
}

CompletedOption completed(const CLI::Option& option) {
    CompletedOption result;
    for (const auto& name : option.get_lnames()) result.names.push_back("--" + name);
    for (const auto& name : option.get_snames()) result.names.push_back("-" + name);
    result.description = option.get_description();
    result.takes_value = option.get_items_expected_max() > 0;
    result.takes_several = option.get_items_expected_max() > 1;
    if (result.takes_value) result.values = values_of(option);
    return result;
}

void add_place(std::vector<Place>& places, const CLI::App& app, const std::string& path,
               std::set<std::string> known) {
    Place place{path, {}, {}, {}};
    for (const auto* option : app.get_options()) {
        if (option->get_positional()) {
            place.arguments.push_back(values_of(*option));
            continue;
        }
        auto one = completed(*option);
        std::erase_if(one.names, [&](const auto& name) { return !known.insert(name).second; });
        if (!one.names.empty()) place.options.push_back(std::move(one));
    }
    const auto verbs = app.get_subcommands(nullptr);
    for (const auto* verb : verbs) place.verbs.emplace_back(verb->get_name(), verb->get_description());
    places.push_back(std::move(place));
    for (const auto* verb : verbs) {
        add_place(places, *verb, path.empty() ? verb->get_name() : path + " " + verb->get_name(), known);
    }
}

}  // namespace

std::vector<Place> places_of(const CLI::App& app) {
    std::vector<Place> places;
    add_place(places, app, "", {});
    return places;
}

}  // namespace coffer::cli
