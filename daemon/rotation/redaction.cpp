#include "daemon/rotation/redaction.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <deque>

#include "daemon/rotation/secret_fields.hpp"
#include "daemon/rotation/secret_json.hpp"
#include "daemon/rotation/spellings.hpp"
#include "proto/utf8.hpp"

namespace coffer::rotation {

using crypto::SecretBytes;

namespace {

constexpr std::size_t kShort = 4;
/// Of a line of a longer value: shorter ones are in every text.
constexpr std::size_t kShortLine = 8;
constexpr std::size_t kFewestBase64Characters = 8;
constexpr std::string_view kStars = "***";
constexpr std::size_t kLongestNeedle = 64;
/// JSON within JSON within JSON, or a page of HTML that shows a URL with JSON in it.
constexpr int kDeepestSpelling = 3;

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

SecretBytes hex_of(std::string_view text, std::string_view digits) {
    SecretBytes out(text.size() * 2);
    auto* to = out.writable().data();
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        *to++ = static_cast<std::uint8_t>(digits[byte >> 4U]);
        *to++ = static_cast<std::uint8_t>(digits[byte & 15U]);
    }
    return out;
}

}  // namespace

void Redactor::add_needle(std::string_view text, bool shares_ends) {
    // A long one counts in pieces, so that looking for it takes no longer where its beginning is everywhere.
    while (text.size() > kLongestNeedle) {
        add_needle(text.substr(0, kLongestNeedle), shares_ends);
        text.remove_prefix(std::min(kLongestNeedle, text.size() - kLongestNeedle));
    }
    if (text.empty() || known_.contains(text)) return;
    needles_.push_back({SecretBytes::copy_of(text), shares_ends});
    known_.insert(needles_.back().text.text());
}

void Redactor::add_base64(std::string_view text) {
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

void Redactor::add_forms(std::string_view text) {
    add_needle(text);
    if (text.size() < kShort) return;
    add_needle(hex_of(text, "0123456789abcdef").text());
    add_needle(hex_of(text, "0123456789ABCDEF").text());
    add_base64(text);
    // As it is within a JSON document that is encoded as a whole.
    const auto quoted = SecretJson().text(text).take();
    const auto escaped = quoted.text().substr(1, quoted.size() - 2);
    if (escaped != text) add_base64(escaped);
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

/// The needles in their order, to find at each place of a text those that it goes on with: in time that
/// depends on their length alone, which is limited, and hardly on how many there are.
class Redactor::Index {
public:
    explicit Index(const std::vector<Needle>& needles) : shorter_(needles.size(), kNone), begins_(kPairs) {
        for (const auto& needle : needles) sorted_.push_back(&needle);
        std::ranges::sort(sorted_, {}, [](const Needle* needle) { return needle->text.text(); });
        std::vector<std::size_t> beginnings;
        for (std::size_t i = 0; i < sorted_.size(); ++i) {
            while (!beginnings.empty() && !at(i).starts_with(at(beginnings.back()))) beginnings.pop_back();
            if (!beginnings.empty()) shorter_[i] = beginnings.back();
            beginnings.push_back(i);
            const std::size_t first = static_cast<unsigned char>(at(i).front()) * std::size_t{256};
            for (std::size_t second = 0; second < 256; ++second) {
                if (at(i).size() == 1 || second == static_cast<unsigned char>(at(i)[1])) {
                    begins_[first + second] = true;
                }
            }
        }
    }

    /// Calls `found` with each needle that `text` has at its beginning.
    template <class Found>
    void look(std::string_view text, const Found& found) const {
        const std::size_t first = static_cast<unsigned char>(text.front()) * std::size_t{256};
        if (!begins_[first + (text.size() > 1 ? static_cast<unsigned char>(text[1]) : 0U)]) return;
        // Whatever `text` begins with stands before it in their order, and all between begin with that too.
        const auto behind =
            std::ranges::upper_bound(sorted_, text.substr(0, kLongestNeedle), {},
                                     [](const Needle* needle) { return needle->text.text(); });
        auto i = behind == sorted_.begin() ? kNone : static_cast<std::size_t>(behind - sorted_.begin()) - 1;
        for (; i != kNone; i = shorter_[i]) {
            if (text.starts_with(at(i))) found(*sorted_[i]);
        }
    }

private:
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
    static constexpr std::size_t kPairs = std::size_t{256} * 256;

    [[nodiscard]] std::string_view at(std::size_t i) const { return sorted_[i]->text.text(); }

    std::vector<const Needle*> sorted_;
    /// Of each the longest other one that it begins with.
    std::vector<std::size_t> shorter_;
    /// By their first two characters.
    std::vector<bool> begins_;
};

void Redactor::mark(const SpelledText& spelled, const Index& index, std::vector<bool>& secret) const {
    const auto text = spelled.text();
    const auto look_at = [&](std::size_t at) {
        index.look(text.substr(at), [&](const Needle& needle) {
            auto begin = at;
            auto end = at + needle.text.size();
            const bool within_word =
                (begin > 0 && is_word(text[begin - 1])) || (end < text.size() && is_word(text[end]));
            if (needle.text.size() < kShort && within_word) return;
            if (needle.shares_ends && begin > 0 && is_base64(text[begin - 1])) --begin;
            if (needle.shares_ends && end < text.size() && is_base64(text[end])) ++end;
            std::fill(secret.begin() + static_cast<std::ptrdiff_t>(spelled.begin_of(begin)),
                      secret.begin() + static_cast<std::ptrdiff_t>(spelled.end_of(end - 1)), true);
        });
    };
    // What neither has a byte that was spelled, nor such a neighbour, was found before.
    std::size_t at = 0;
    for (const std::size_t fresh : spelled.fresh()) {
        at = std::max(at, fresh - std::min(fresh, kLongestNeedle));
        for (; at < std::min(fresh + 2, text.size()); ++at) look_at(at);
    }
    if (const auto torn = torn_end(text); torn > 0) {
        std::fill(secret.begin() + static_cast<std::ptrdiff_t>(spelled.begin_of(text.size() - torn)),
                  secret.end(), true);
    }
}

void Redactor::mark_all(const SpelledText& spelled, int depth, const Index& index,
                        std::unordered_set<std::string>& seen, std::vector<bool>& secret) const {
    if (!seen.insert(std::string(spelled.text())).second) return;
    mark(spelled, index, secret);
    if (depth == kDeepestSpelling) return;
    for (const auto spelling : kSpellings) {
        if (const auto undone = spelled.undone(spelling)) {
            mark_all(*undone, depth + 1, index, seen, secret);
        }
    }
}

std::string Redactor::redact(std::string_view text) const {
    // Marked first and replaced then: values may lie within each other, or overlap.
    std::vector<bool> secret(text.size(), false);
    std::unordered_set<std::string> seen;
    mark_all(SpelledText(text), 0, Index(needles_), seen, secret);
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
