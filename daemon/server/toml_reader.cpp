#include "daemon/server/toml_reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "daemon/base/edit_distance.hpp"
#include "daemon/server/units.hpp"

namespace coffer::server {

namespace {

std::string_view type_name(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::table:
            return "a table";
        case toml::node_type::array:
            return "a list";
        case toml::node_type::string:
            return "text";
        case toml::node_type::integer:
            return "a whole number";
        case toml::node_type::floating_point:
            return "a decimal number";
        case toml::node_type::boolean:
            return "true or false";
        case toml::node_type::date:
        case toml::node_type::time:
        case toml::node_type::date_time:
            return "a date or time";
        case toml::node_type::none:
            break;
    }
    return "nothing";
}

std::uint32_t line_of(const toml::node& node) {
    return node.source().begin.line;
}

/// A number as it was written, or as text; the shortest decimal that is the same floating-point number is
/// what was written, up to its zeros.
std::optional<std::string> decimal_of(const toml::node& node) {
    if (const auto whole = node.value_exact<std::int64_t>()) return std::to_string(*whole);
    if (const auto text = node.value_exact<std::string>()) return text;
    const auto number = node.value_exact<double>();
    if (!number) return std::nullopt;
    std::array<char, 64> text{};
    const auto [end, error] =
        std::to_chars(text.data(), text.data() + text.size(), *number, std::chars_format::fixed);
    if (error != std::errc{}) return std::nullopt;
    return std::string(text.data(), end);
}

}  // namespace

std::string ConfigProblems::text() const {
    auto sorted = problems_;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.line < b.line; });
    std::ostringstream out;
    for (const auto& [line, text] : sorted) {
        if (out.tellp() > 0) out << '\n';
        out << file_.string() << ':';
        if (line > 0) out << line << ':';
        out << ' ' << text;
    }
    return out.str();
}

const toml::node* TableReader::find(std::string_view key, Need need) {
    asked_.emplace_back(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr && need == Need::required) {
        problems_.add(line_of(table_), name_ + " lacks '" + std::string(key) + "', which is required");
    }
    return node;
}

void TableReader::complain(std::string_view key, const std::string& text) {
    const toml::node* node = table_.get(key);
    problems_.add(line_of(node != nullptr ? *node : table_), name_ + " '" + std::string(key) + "': " + text);
}

void TableReader::wrong_type(std::string_view key, const toml::node& node, std::string_view wanted) {
    complain(key, "must be " + std::string(wanted) + ", not " + std::string(type_name(node)));
}

bool TableReader::read_text(std::string_view key, std::string& out, Need need, Empty empty) {
    const toml::node* node = find(key, need);
    if (node == nullptr) return false;
    const auto value = node->value_exact<std::string>();
    if (!value) {
        wrong_type(key, *node, "text");
        return false;
    }
    if ((value->empty() && empty == Empty::refused) || value->find('\0') != std::string::npos) {
        complain(key, empty == Empty::allowed ? "must not contain NUL characters"
                                              : "must not be empty or contain NUL characters");
        return false;
    }
    out = *value;
    return true;
}

bool TableReader::read_texts(std::string_view key, std::vector<std::string>& out) {
    const toml::node* node = find(key, Need::optional);
    if (node == nullptr) return false;
    const toml::array* list = node->as_array();
    if (list == nullptr) {
        wrong_type(key, *node, "a list of text");
        return false;
    }
    std::vector<std::string> values;
    for (const toml::node& element : *list) {
        const auto value = element.value_exact<std::string>();
        if (!value || value->empty()) {
            problems_.add(line_of(element), name_ + " '" + std::string(key) +
                                                "': every element must be text that is not empty");
            return false;
        }
        values.push_back(*value);
    }
    out = std::move(values);
    return true;
}

bool TableReader::read_text_map(std::string_view key, std::map<std::string, std::string>& out) {
    const toml::node* node = find(key, Need::optional);
    if (node == nullptr) return false;
    const toml::table* table = node->as_table();
    if (table == nullptr) {
        wrong_type(key, *node, "a table of text");
        return false;
    }
    std::map<std::string, std::string> values;
    for (const auto& [name, element] : *table) {
        const auto value = element.value_exact<std::string>();
        if (!value) {
            problems_.add(line_of(element), name_ + " '" + std::string(key) + "': '" +
                                                std::string(name.str()) + "' must be text, not " +
                                                std::string(type_name(element)));
            return false;
        }
        values.emplace(name.str(), *value);
    }
    out = std::move(values);
    return true;
}

bool TableReader::read_text_or_texts(std::string_view key, std::vector<std::string>& out, Need need) {
    const toml::node* node = table_.get(key);
    if (node != nullptr && node->is_array()) return read_texts(key, out);
    std::string one;
    if (!read_text(key, one, need)) return false;
    out = {std::move(one)};
    return true;
}

bool TableReader::read_flag(std::string_view key, bool& out) {
    const toml::node* node = find(key, Need::optional);
    if (node == nullptr) return false;
    const auto value = node->value_exact<bool>();
    if (!value) {
        wrong_type(key, *node, "true or false");
        return false;
    }
    out = *value;
    return true;
}

bool TableReader::read_integer(std::string_view key, std::int64_t& out, std::int64_t least, std::int64_t most,
                               Need need) {
    const toml::node* node = find(key, need);
    if (node == nullptr) return false;
    const auto value = node->value_exact<std::int64_t>();
    if (!value) {
        wrong_type(key, *node, "a whole number");
        return false;
    }
    if (*value < least || *value > most) {
        complain(key, std::to_string(*value) + " is out of range; it must be from " + std::to_string(least) +
                          " to " + std::to_string(most));
        return false;
    }
    out = *value;
    return true;
}

bool TableReader::read_millionths(std::string_view key, std::int64_t& out, std::int64_t most) {
    const toml::node* node = find(key, Need::optional);
    if (node == nullptr) return false;
    const auto written = decimal_of(*node);
    const auto value = written ? parse_millionths(*written) : std::nullopt;
    if (!value) {
        wrong_type(key, *node, "a number with at most six decimals and without a sign, such as 0.05");
        return false;
    }
    if (*value > most * kMillionths) {
        complain(key, *written + " is out of range; it must be from 0 to " + std::to_string(most));
        return false;
    }
    out = *value;
    return true;
}

bool TableReader::read_duration(std::string_view key, std::chrono::milliseconds& out,
                                std::chrono::milliseconds least, std::chrono::milliseconds most) {
    const toml::node* node = find(key, Need::optional);
    if (node == nullptr) return false;
    const auto written = node->value_exact<std::string>();
    if (!written) {
        wrong_type(key, *node, "a duration with its unit, such as \"30s\" or \"500ms\"");
        return false;
    }
    const auto value = parse_duration(*written);
    if (!value) {
        complain(key, "\"" + *written +
                          "\" is not a duration; write a whole number and ms, s, m, h or d, "
                          "such as \"30s\"");
        return false;
    }
    if (*value < least || *value > most) {
        complain(key, "\"" + *written + "\" is out of range; it must be from " + duration_text(least) +
                          " to " + duration_text(most));
        return false;
    }
    out = *value;
    return true;
}

bool TableReader::read_time(std::string_view key, Timestamp& out, Need need) {
    const toml::node* node = find(key, need);
    if (node == nullptr) return false;
    toml::date date{};
    std::chrono::nanoseconds time{0};
    if (const auto day = node->value_exact<toml::date>()) {
        date = *day;
    } else if (const auto moment = node->value_exact<toml::date_time>(); moment && moment->offset) {
        date = moment->date;
        time = std::chrono::hours(moment->time.hour) + std::chrono::minutes(moment->time.minute) +
               std::chrono::seconds(moment->time.second) + std::chrono::nanoseconds(moment->time.nanosecond) -
               std::chrono::minutes(moment->offset->minutes);
    } else {
        wrong_type(key, *node, "a date, or a date and time with its offset, such as 2026-12-20T18:00:00Z");
        return false;
    }
    const std::chrono::sys_days day{std::chrono::year(date.year) / date.month / date.day};
    const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(day.time_since_epoch() + time);
    out = Timestamp::from_millis(whole.count());
    return true;
}

bool TableReader::read_size(std::string_view key, std::size_t& out, std::uint64_t least, std::uint64_t most) {
    const toml::node* node = find(key, Need::optional);
    if (node == nullptr) return false;
    std::optional<std::uint64_t> value;
    if (const auto number = node->value_exact<std::int64_t>(); number && *number >= 0) {
        value = static_cast<std::uint64_t>(*number);
    } else if (const auto written = node->value_exact<std::string>()) {
        value = parse_size(*written);
    }
    if (!value) {
        complain(key, "must be a size, such as \"32MiB\" or \"64KiB\", or a number of bytes");
        return false;
    }
    if (*value < least || *value > most) {
        complain(key, size_text(*value) + " is out of range; it must be from " + size_text(least) + " to " +
                          size_text(most));
        return false;
    }
    out = static_cast<std::size_t>(*value);
    return true;
}

bool TableReader::read_path(std::string_view key, std::filesystem::path& out, Need need) {
    std::string written;
    if (!read_text(key, written, need)) return false;
    out = resolve_path(written, problems_.file().parent_path());
    return true;
}

const toml::table* TableReader::find_table(std::string_view key, Need need) {
    asked_.emplace_back(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr) {
        if (need == Need::required) problems_.add(0, "the table [" + std::string(key) + "] is missing");
        return nullptr;
    }
    if (!node->is_table()) {
        problems_.add(line_of(*node), "'" + std::string(key) + "' must be a table: [" + std::string(key) +
                                          "], not " + std::string(type_name(*node)));
        return nullptr;
    }
    return node->as_table();
}

std::vector<const toml::table*> TableReader::find_tables(std::string_view key) {
    asked_.emplace_back(key);
    std::vector<const toml::table*> tables;
    const toml::node* node = table_.get(key);
    if (node == nullptr) return tables;
    const toml::array* list = node->as_array();
    if (list == nullptr) {
        problems_.add(line_of(*node), "'" + std::string(key) + "' must be written as [[" + std::string(key) +
                                          "]], once for each");
        return tables;
    }
    for (const toml::node& element : *list) {
        if (element.is_table()) {
            tables.push_back(element.as_table());
        } else {
            problems_.add(line_of(element), "every '" + std::string(key) + "' must be a table");
        }
    }
    return tables;
}

std::string TableReader::suggestion(std::string_view unknown) const {
    const auto nearest = nearest_word(unknown, asked_);
    return nearest.empty() ? std::string() : "; did you mean '" + std::string(nearest) + "'?";
}

void TableReader::finish() {
    for (const auto& [key, node] : table_) {
        const std::string_view name = key.str();
        if (std::find(asked_.begin(), asked_.end(), name) != asked_.end()) continue;
        problems_.add(key.source().begin.line,
                      "unknown key '" + std::string(name) + "' in " + name_ + suggestion(name));
    }
}

std::filesystem::path resolve_path(const std::string& path, const std::filesystem::path& folder) {
    if (path.starts_with(kCredentialsPrefix)) {
        const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
        if (credentials == nullptr) return path;
        return std::filesystem::path(credentials) / path.substr(kCredentialsPrefix.size());
    }
    const std::filesystem::path written(path);
    return written.is_absolute() ? written : std::filesystem::absolute(folder / written).lexically_normal();
}

}  // namespace coffer::server
