#include "daemon/rotation/authorized_keys.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
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

/// Quoted for any login shell; no text of the secret's is in it. A symbolic link is followed, so that it
/// stays one.
constexpr std::string_view kReadCommand =
    "exec sh -c 'f=$HOME/.ssh/authorized_keys; r=$(readlink -f \"$f\" 2>/dev/null) && f=$r; "
    "[ -f \"$f\" ] || exit 3; [ -w \"$f\" ] && [ -w \"$(dirname \"$f\")\" ] || exit 4; "
    "echo \"coffer $(cksum <\"$f\")\"; exec cat \"$f\"'";

constexpr std::string_view kWriteCommand =
    "exec sh -c 'set -e; f=$HOME/.ssh/authorized_keys; r=$(readlink -f \"$f\" 2>/dev/null) && f=$r; "
    "umask 077; t=$(mktemp \"$f.coffer.XXXXXX\"); trap \"rm -f \\\"$t\\\"\" EXIT; cp -p \"$f\" \"$t\"; cat "
    ">\"$t\"; "
    "[ \"$(cksum <\"$t\")\" = \"NEW\" ] || exit 6; "
    "[ \"$(cksum <\"$f\")\" = \"OLD\" ] || exit 5; mv -f \"$t\" \"$f\"; echo coffer done'";

/// Of POSIX.1-2017, cksum: the CRC of ISO/IEC 8802-3:1996, highest bit first.
constexpr std::array<std::uint32_t, 256> crc_table() {
    constexpr std::uint32_t kPolynomial = 0x04C11DB7;
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t crc = i << 24U;
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc & 0x80000000U) != 0 ? (crc << 1U) ^ kPolynomial : crc << 1U;
        }
        table[i] = crc;
    }
    return table;
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

std::string posix_checksum(std::string_view text) {
    static constexpr auto kTable = crc_table();
    std::uint32_t crc = 0;
    const auto add = [&crc](std::uint8_t byte) { crc = (crc << 8U) ^ kTable[(crc >> 24U) ^ byte]; };
    for (const char c : text) add(static_cast<std::uint8_t>(c));
    // The length follows, lowest byte first, without zeros behind its highest.
    for (auto length = text.size(); length != 0; length >>= 8U) add(static_cast<std::uint8_t>(length));
    return std::to_string(~crc) + " " + std::to_string(text.size());
}

std::string command_that_reads_keys() {
    return std::string(kReadCommand);
}

std::string command_that_writes_keys(std::string_view old_checksum, std::string_view text) {
    std::string command(kWriteCommand);
    command.replace(command.find("NEW"), 3, posix_checksum(text));
    command.replace(command.find("OLD"), 3, old_checksum);
    return command;
}

}  // namespace coffer::rotation
