#include "daemon/rotation/redaction.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <deque>

#include "daemon/rotation/secret_fields.hpp"
#include "proto/utf8.hpp"

namespace coffer::rotation {

using crypto::SecretBytes;

namespace {

constexpr std::size_t kShort = 4;
/// Of a line of a longer value: shorter ones are in every text.
constexpr std::size_t kShortLine = 8;
constexpr std::size_t kFewestBase64Characters = 8;
constexpr std::string_view kStars = "***";

/// Members that say where a target is and who logs in, as AWS's secrets of databases name them.
constexpr std::array<std::string_view, 12> kShownMembers{"engine",
                                                         "host",
                                                         "port",
                                                         "dbname",
                                                         "username",
                                                         "user",
                                                         "masterarn",
                                                         "dbInstanceIdentifier",
                                                         "dbClusterIdentifier",
                                                         "sslmode",
                                                         "ssl",
                                                         "region"};

bool is_word(char c) noexcept {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool is_base64(char c) noexcept {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/' || c == '-' || c == '_';
}

std::size_t base64_size(std::size_t bytes) {
    return (bytes + 2) / 3 * 4;
}

/// `text` behind `before` bytes of zero, in base 64.
SecretBytes base64_of(std::string_view text, std::size_t before) {
    SecretBytes plain(before + text.size());
    std::ranges::copy(text, plain.writable().begin() + static_cast<std::ptrdiff_t>(before));
    SecretBytes encoded(base64_size(plain.size()) + 1);
    const int size =
        EVP_EncodeBlock(encoded.writable().data(), plain.view().data(), static_cast<int>(plain.size()));
    encoded.truncate(static_cast<std::size_t>(size));
    return encoded;
}

/// Each byte of `text` as `form` writes it: at most `most` bytes each.
template <class Form>
SecretBytes spelled(std::string_view text, std::size_t most, Form form) {
    SecretBytes out(text.size() * most + 1);
    auto* begin = reinterpret_cast<char*>(out.writable().data());
    std::size_t size = 0;
    for (const char c : text) size += form(c, begin + size);
    out.truncate(size);
    return out;
}

std::size_t write_hex(char c, char* to, std::string_view digits) {
    const auto byte = static_cast<unsigned char>(c);
    to[0] = digits[byte >> 4U];
    to[1] = digits[byte & 15U];
    return 2;
}

std::size_t write_json(char c, char* to) {
    static constexpr std::string_view kPlain = "\"\\\b\f\n\r\t";
    static constexpr std::string_view kShown = "\"\\bfnrt";
    const auto found = kPlain.find(c);
    if (found == std::string_view::npos) {
        *to = c;
        return 1;
    }
    to[0] = '\\';
    to[1] = kShown[found];
    return 2;
}

/// `kept` are the characters that stay as they are, besides those that all encoders leave (RFC 3986, 2.3).
std::size_t write_percent(char c, char* to, std::string_view kept) {
    if (is_word(c) || c == '-' || c == '.' || c == '~' || kept.find(c) != std::string_view::npos) {
        *to = c;
        return 1;
    }
    *to = '%';
    return 1 + write_hex(c, to + 1, "0123456789ABCDEF");
}

}  // namespace

void Redactor::add_needle(std::string_view text, bool shares_ends) {
    if (text.empty() || known_.contains(text)) return;
    needles_.push_back({SecretBytes::copy_of(text), shares_ends});
    known_.insert(needles_.back().text.text());
}

void Redactor::add_forms(std::string_view text) {
    add_needle(text);
    if (text.size() < kShort) return;
    add_needle(spelled(text, 2, write_json).text());
    const auto add_percent = [&](std::string_view kept) {
        auto encoded = spelled(text, 3, [kept](char c, char* to) { return write_percent(c, to, kept); });
        add_needle(encoded.text());
    };
    add_percent("");
    add_percent("/");  // as Python's quote() and JavaScript's encodeURI leave it
    // As forms are sent: a space is a plus sign.
    auto form = spelled(text, 3, [](char c, char* to) { return write_percent(c, to, " "); });
    for (auto& byte : form.writable()) byte = byte == ' ' ? '+' : byte;
    add_needle(form.text());
    add_needle(
        spelled(text, 2, [](char c, char* to) { return write_hex(c, to, "0123456789abcdef"); }).text());
    add_needle(
        spelled(text, 2, [](char c, char* to) { return write_hex(c, to, "0123456789ABCDEF"); }).text());
    for (std::size_t before = 0; before < 3; ++before) {
        auto encoded = base64_of(text, before);
        // Without the characters that what stands before and behind has a part in as well: one on each side.
        const auto first = (before * 8 + 5) / 6;
        const auto whole = (before + text.size()) * 8 / 6;
        if (whole < first + kFewestBase64Characters) continue;
        add_needle(encoded.text().substr(first, whole - first), true);
        for (auto& byte : encoded.writable()) byte = byte == '+' ? '-' : byte == '/' ? '_' : byte;
        add_needle(encoded.text().substr(first, whole - first), true);
    }
    add_needle(base64_of(text, 0).text());
}

void Redactor::add_text(std::string_view text) {
    add_forms(text);
    if (text.find('\n') == std::string_view::npos) return;
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = std::min(text.find('\n', begin), text.size());
        auto line = text.substr(begin, end - begin);
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.size() >= kShortLine) add_forms(line);
        begin = end + 1;
    }
}

void Redactor::add(const SecretBytes& value) {
    add_text(value.text());
    SecretFields::visit_texts(value, [this](std::string_view name, std::string_view text) {
        if (std::ranges::find(kShownMembers, name) == kShownMembers.end()) add_text(text);
    });
}

std::size_t Redactor::torn_end(std::string_view text) const {
    std::size_t most = 0;
    for (const auto& needle : needles_) {
        const auto wanted = needle.text.text();
        for (auto size = std::min(text.size(), wanted.size()); size >= kShort && size > most; --size) {
            if (!text.ends_with(wanted.substr(0, size))) continue;
            most = size;
            // Base 64 within something longer has a character before it that says some of it.
            if (needle.shares_ends && size < text.size() && is_base64(text[text.size() - size - 1])) ++most;
        }
    }
    return most;
}

std::string Redactor::redact(std::string_view text) const {
    // Marked first and replaced then: values may lie within each other, or overlap.
    std::vector<bool> secret(text.size(), false);
    for (const auto& needle : needles_) {
        const auto wanted = needle.text.text();
        for (auto at = text.find(wanted); at != std::string_view::npos; at = text.find(wanted, at + 1)) {
            auto begin = at;
            auto end = at + wanted.size();
            const bool within_word =
                (begin > 0 && is_word(text[begin - 1])) || (end < text.size() && is_word(text[end]));
            if (wanted.size() < kShort && within_word) continue;
            if (needle.shares_ends && begin > 0 && is_base64(text[begin - 1])) --begin;
            if (needle.shares_ends && end < text.size() && is_base64(text[end])) ++end;
            std::fill(secret.begin() + static_cast<std::ptrdiff_t>(begin),
                      secret.begin() + static_cast<std::ptrdiff_t>(end), true);
        }
    }
    const auto torn = torn_end(text);
    std::fill(secret.end() - static_cast<std::ptrdiff_t>(torn), secret.end(), true);
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!secret[i]) {
            out += text[i];
        } else if (i == 0 || !secret[i - 1]) {
            out += kStars;
        }
    }
    return out;
}

std::string_view without_torn_line(std::string_view said, bool cut) noexcept {
    if (!cut) return said;
    const auto end = said.find('\n');
    return end == std::string_view::npos ? std::string_view() : said.substr(end + 1);
}

std::string last_words(std::string_view said, std::size_t lines, std::size_t characters) {
    std::deque<std::string_view> kept;
    for (std::size_t begin = 0; begin < said.size();) {
        const auto end = std::min(said.find('\n', begin), said.size());
        auto line = said.substr(begin, end - begin);
        while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0)
            line.remove_suffix(1);
        if (!line.empty()) kept.push_back(line);
        if (kept.size() > lines) kept.pop_front();
        begin = end + 1;
    }
    std::string joined;
    for (const auto line : kept) joined.append(joined.empty() ? "" : " | ").append(line);
    return proto::printable(joined, characters);
}

}  // namespace coffer::rotation
