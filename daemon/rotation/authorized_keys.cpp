#include "daemon/rotation/authorized_keys.hpp"

#include <algorithm>
#include <vector>

namespace coffer::rotation {

namespace {

/// Where the parts of a line are: options (empty: none), key type, key, comment.
struct KeyLine {
    std::string_view options;
    std::string_view key;
    std::string_view comment;
};

/// The word at the front of `rest`, which is cut off; blanks within quotes belong to it.
std::string_view take_word(std::string_view& rest) {
    const auto begin = std::min(rest.find_first_not_of(" \t"), rest.size());
    rest.remove_prefix(begin);
    bool quoted = false;
    std::size_t end = 0;
    for (; end < rest.size(); ++end) {
        const char c = rest[end];
        if (c == '\\' && end + 1 < rest.size() && rest[end + 1] == '"') {
            ++end;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && (c == ' ' || c == '\t')) {
            break;
        }
    }
    const auto word = rest.substr(0, end);
    rest.remove_prefix(end);
    return word;
}

bool is_key_type(std::string_view word) {
    return word.starts_with("ssh-") || word.starts_with("ecdsa-") || word.starts_with("sk-");
}

std::string_view trimmed(std::string_view text) {
    const auto begin = std::min(text.find_first_not_of(" \t"), text.size());
    const auto end = text.find_last_not_of(" \t\r");
    return end == std::string_view::npos || end < begin ? std::string_view{}
                                                        : text.substr(begin, end - begin + 1);
}

KeyLine parts_of(std::string_view line) {
    KeyLine parts;
    auto rest = trimmed(line);
    if (rest.empty() || rest.front() == '#') return parts;
    auto word = take_word(rest);
    if (!is_key_type(word)) {
        parts.options = word;
        word = take_word(rest);
        if (!is_key_type(word)) return {};
    }
    parts.key = take_word(rest);
    parts.comment = trimmed(rest);
    return parts;
}

std::vector<std::string_view> lines_of_text(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        lines.push_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return lines;
}

}  // namespace

std::string_view key_of_line(std::string_view line) {
    return parts_of(line).key;
}

std::optional<std::string> with_key(std::string_view text, std::string_view line, std::string_view beside) {
    const auto key = key_of_line(line);
    const auto other = key_of_line(beside);
    if (other.empty()) return std::nullopt;
    std::string out;
    bool found = false;
    for (const auto existing : lines_of_text(text)) {
        const auto parts = parts_of(existing);
        if (!key.empty() && parts.key == key) return std::string(text);
        out.append(existing).append("\n");
        if (found || parts.key != other) continue;
        found = true;
        if (!parts.options.empty()) out.append(parts.options).append(" ");
        out.append(line).append("\n");
    }
    if (!found) return std::nullopt;
    return out;
}

std::string without_others(std::string_view text, std::string_view mark, std::string_view kept,
                           std::string_view also_kept) {
    const auto key = key_of_line(kept);
    const auto other = key_of_line(also_kept);
    std::string out;
    for (const auto existing : lines_of_text(text)) {
        const auto parts = parts_of(existing);
        const bool is_ours = parts.comment.starts_with(mark);
        if (is_ours && parts.key != key && parts.key != other) continue;
        out.append(existing).append("\n");
    }
    return out;
}

}  // namespace coffer::rotation
