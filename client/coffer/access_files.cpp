#include "client/coffer/access_files.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>
#include <vector>

#include "client/coffer/failure.hpp"
#include "client/coffer/json_request.hpp"
#include "client/coffer/parameter.hpp"
#include "proto/validator.hpp"

namespace coffer::cli {

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

std::vector<fs::path> files_in(const fs::path& folder) {
    std::error_code error;
    if (!fs::is_directory(folder, error)) {
        throw UsageError(
            fmt::format("-f must be a folder with JSON or TOML files; {} is none", folder.string()));
    }
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
        const auto extension = entry.path().extension();
        if (entry.is_regular_file() && (extension == ".json" || extension == ".toml"))
            files.push_back(entry.path());
    }
    if (error) throw Failure(fmt::format("{} cannot be read: {}", folder.string(), error.message()));
    if (files.empty())
        throw UsageError(fmt::format("there is no *.json or *.toml file in {}", folder.string()));
    std::sort(files.begin(), files.end());
    return files;
}

bool is_toml(const fs::path& file) {
    return file.extension() == ".toml";
}

/// TOML refuses a key that comes twice by itself (TOML 1.0.0, "Keys").
toml::table parse_toml(std::string_view text, const fs::path& file) {
    try {
        return toml::parse(text);
    } catch (const toml::parse_error& error) {
        throw UsageError(fmt::format("{}:{}:{}: {}", file.string(), error.source().begin.line,
                                     error.source().begin.column, std::string(error.description())));
    }
}

std::string as_json(const fs::path& file, std::string bytes) {
    if (!is_toml(file)) return bytes;
    std::ostringstream out;
    out << toml::json_formatter(parse_toml(bytes, file));
    return out.str();
}

/// Where the values of `value` stand that were made of `node`.
void note_places(const toml::node& node, const json::value& value,
                 std::unordered_map<const json::value*, TextPlace>& places) {
    if (const auto begin = node.source().begin) places[&value] = {begin.line, begin.column};
    const auto* table = node.as_table();
    const auto* object = value.if_object();
    if (table != nullptr && object != nullptr) {
        for (const auto& [key, inner] : *table) {
            if (const auto* member = object->if_contains(key.str())) note_places(inner, *member, places);
        }
    }
    const auto* list = node.as_array();
    const auto* array = value.if_array();
    if (list == nullptr || array == nullptr) return;
    for (std::size_t i = 0; i < std::min(list->size(), array->size()); ++i) {
        note_places(*list->get(i), (*array)[i], places);
    }
}

// How the daemon names entities.
std::string title(const v1::UserConfiguration& user) {
    return fmt::format("user '{}'", user.user_name());
}
std::string title(const v1::GroupConfiguration& group) {
    return fmt::format("group '{}'", group.group_name());
}
std::string title(const v1::RoleConfiguration& role) {
    return fmt::format("role '{}'", role.role_name());
}
std::string title(const v1::PolicyConfiguration& policy) {
    return fmt::format("policy '{}'", policy.policy_name());
}
std::string title(const v1::ListenerConfiguration& listener) {
    return fmt::format("listener '{}'", listener.listener_name());
}

const json::value* member(const json::value& object, std::string_view name) {
    const auto* members = object.if_object();
    return members == nullptr ? nullptr : members->if_contains(json::string_view(name.data(), name.size()));
}

const json::value* inline_policy(const json::value& entity, std::string_view name) {
    const auto* all = member(entity, "InlinePolicies");
    const auto* list = all == nullptr ? nullptr : all->if_array();
    if (list == nullptr) return nullptr;
    for (const auto& policy : *list) {
        const auto* own = member(policy, "PolicyName");
        if (own != nullptr && own->is_string() && std::string_view(own->get_string()) == name)
            return member(policy, "PolicyDocument");
    }
    return nullptr;
}

/// The document that `problem` begins to tell about; null when it tells about none.
const json::value* document_of(const json::value& entity, std::string_view problem) {
    constexpr std::string_view kInline = "inline policy '";
    if (problem.starts_with("trust policy: ")) return member(entity, "AssumeRolePolicyDocument");
    if (problem.starts_with("document: ")) return member(entity, "PolicyDocument");
    if (!problem.starts_with(kInline)) return nullptr;
    problem.remove_prefix(kInline.size());
    return inline_policy(entity, problem.substr(0, problem.find('\'')));
}

/// The column of "... (line 1, column 48)", which is cut off; a document that was an object has one line.
std::optional<std::size_t> take_column(std::string& problem) {
    constexpr std::string_view kBegin = " (line 1, column ";
    const auto begin = problem.rfind(kBegin);
    if (begin == std::string::npos || !problem.ends_with(')')) return std::nullopt;
    std::size_t column = 0;
    const auto* const last = problem.data() + problem.size() - 1;
    const auto [end, error] = std::from_chars(problem.data() + begin + kBegin.size(), last, column);
    if (error != std::errc{} || end != last || column == 0) return std::nullopt;
    problem.resize(begin);
    return column;
}

}  // namespace

AccessFiles::File::File(fs::path name, std::string bytes)
    : path(std::move(name)), text(as_json(path, bytes)), json(text, path.string()), toml(is_toml(path)) {
    if (toml) note_places(parse_toml(bytes, path), json.value(), places);
}

AccessFiles::AccessFiles(const fs::path& folder) {
    for (const auto& path : files_in(folder)) {
        const auto bytes = read_file(path);
        add_file(files_.emplace_back(path, std::string(bytes.text())));
    }
}

void AccessFiles::add_file(const File& file) {
    const auto& value = file.json.value();
    const auto name = file.path.string();
    const auto one = [&](const char* key, auto begin) {
        if (member(value, key) == nullptr) return false;
        add(file, value, name, *(configuration_.*begin)());
        return true;
    };
    using All = v1::AccessConfiguration;
    if (one("UserName", &All::add_users) || one("GroupName", &All::add_groups) ||
        one("RoleName", &All::add_roles) || one("ListenerName", &All::add_listeners) ||
        one("PolicyName", &All::add_policies)) {
        return;
    }
    // That each member is a list of what it should be.
    All all;
    fill_message(all, file.json, value, name);
    const auto several = [&](const char* key, auto begin) {
        const auto* list = member(value, key);
        if (list == nullptr || !list->is_array()) return;
        std::size_t i = 0;
        for (const auto& object : list->get_array()) {
            add(file, object, fmt::format("{}.{}[{}]", name, key, i++), *(configuration_.*begin)());
        }
    };
    several("Users", &All::add_users);
    several("Groups", &All::add_groups);
    several("Roles", &All::add_roles);
    several("Policies", &All::add_policies);
    several("Listeners", &All::add_listeners);
}

template <class Message>
void AccessFiles::add(const File& file, const json::value& object, const std::string& path,
                      Message& message) {
    fill_message(message, file.json, object, path);
    const auto name = title(message);
    if (const auto problem = proto::validation_error(message))
        throw UsageError(fmt::format("{}: {}: {}", place(file, object), name, *problem));
    const auto [other, fresh] = entities_.emplace(name, Entity{&file, &object});
    if (fresh) return;
    throw UsageError(fmt::format("{}: {} is in the files twice; the other is {}", place(file, object), name,
                                 place(*other->second.file, *other->second.object)));
}

std::string AccessFiles::place(const File& file, const json::value& value) {
    const auto shown = [&](const TextPlace& at) {
        return fmt::format("{}:{}:{}", file.path.string(), at.line, at.column);
    };
    if (!file.toml) return shown(file.json.place(value));
    const auto found = file.places.find(&value);
    return found != file.places.end() ? shown(found->second) : file.path.string();
}

std::string AccessFiles::place_in(const File& file, const json::value& document, std::size_t column) {
    if (file.toml) return place(file, file.json.value_in(document, column));
    const auto at = file.json.place_in(document, column);
    return fmt::format("{}:{}:{}", file.path.string(), at.line, at.column);
}

std::string AccessFiles::located(const std::string& message) const {
    constexpr std::string_view kEnd = "': ";
    const auto end = message.find(kEnd);
    if (end == std::string::npos) return message;
    const auto found = entities_.find(std::string_view(message).substr(0, end + 1));
    if (found == entities_.end()) return message;
    const auto& [file, object] = found->second;
    const auto* document = document_of(*object, std::string_view(message).substr(end + kEnd.size()));
    if (document == nullptr) return fmt::format("{}: {}", place(*file, *object), message);
    if (!document->is_object())
        return fmt::format("{}: {} of the document's text", place(*file, *document), message);
    std::string problem = message;
    const auto column = take_column(problem);
    return fmt::format("{}: {}", column ? place_in(*file, *document, *column) : place(*file, *document),
                       problem);
}

}  // namespace coffer::cli
