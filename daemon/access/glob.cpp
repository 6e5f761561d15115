#include "daemon/access/glob.hpp"

#include <string.h>  // memmem, which <cstring> need not declare

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace coffer::access {
namespace {

/// Eight bytes at a time: this is asked for every pattern with a `?`.
bool is_ascii(std::string_view text) noexcept {
    constexpr std::uint64_t kHighBits = 0x8080808080808080U;
    std::uint64_t bits = 0;
    std::size_t at = 0;
    for (; at + sizeof bits <= text.size(); at += sizeof bits) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + at, sizeof word);
        bits |= word;
    }
    for (; at < text.size(); ++at) bits |= static_cast<unsigned char>(text[at]);
    return (bits & kHighBits) == 0;
}

bool same(std::string_view segment, std::string_view text) noexcept {
    return std::equal(segment.begin(), segment.end(), text.begin(), text.end(),
                      [](char p, char t) { return p == kOneMark || p == t; });
}

/// Where `segment`, which has no `*`, first occurs. The leftmost place is always right: what it leaves for
/// the rest of the pattern contains what any later place would leave.
std::size_t find_segment(std::string_view text, std::string_view segment) noexcept {
    if (segment.size() == 1 && segment.front() != kOneMark) return text.find(segment.front());
    if (segment.find(kOneMark) == std::string_view::npos) {
        // glibc's memmem is the two-way algorithm: linear, unlike string_view::find.
        const void* found = memmem(text.data(), text.size(), segment.data(), segment.size());
        if (found == nullptr) return std::string_view::npos;
        return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    }
    for (std::size_t at = 0; at + segment.size() <= text.size(); ++at) {
        if (same(segment, text.substr(at, segment.size()))) return at;
    }
    return std::string_view::npos;
}

bool match_bytes(std::string_view pattern, std::string_view text) noexcept {
    const auto first = pattern.find(kManyMark);
    if (first == std::string_view::npos) return same(pattern, text);
    const auto head = pattern.substr(0, first);
    const auto tail = pattern.substr(pattern.rfind(kManyMark) + 1);
    if (text.size() < head.size() + tail.size()) return false;
    if (!same(head, text.substr(0, head.size()))) return false;
    if (!same(tail, text.substr(text.size() - tail.size()))) return false;

    auto rest = text.substr(head.size(), text.size() - head.size() - tail.size());
    auto middle = pattern.substr(first + 1, pattern.size() - tail.size() - first - 1);
    while (!middle.empty()) {
        const auto segment = middle.substr(0, middle.find(kManyMark));
        middle.remove_prefix(segment.size() + 1);
        if (segment.empty()) continue;
        const auto at = find_segment(rest, segment);
        if (at == std::string_view::npos) return false;
        rest.remove_prefix(at + segment.size());
    }
    return true;
}

std::size_t character_bytes(std::string_view text, std::size_t at) noexcept {
    std::size_t next = at + 1;
    while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xC0U) == 0x80U) ++next;
    return next - at;
}

/// The same with characters of more than one byte: a `?` takes all bytes of one.
bool match_characters(std::string_view pattern, std::string_view text) noexcept {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t after_many = std::string_view::npos;  // place in the pattern behind the last `*`
    std::size_t retry = 0;                            // place in the text that it is tried from next
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == kManyMark) {
            after_many = ++p;
            retry = t;
        } else if (p < pattern.size() && pattern[p] == kOneMark) {
            ++p;
            t += character_bytes(text, t);
        } else if (p < pattern.size() && pattern[p] == text[t]) {
            ++p;
            ++t;
        } else if (after_many != std::string_view::npos) {
            p = after_many;
            retry += character_bytes(text, retry);
            t = retry;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == kManyMark) ++p;
    return p == pattern.size();
}

}  // namespace

std::string to_glob(std::string_view text) {
    std::string out(text);
    std::replace(out.begin(), out.end(), '*', kManyMark);
    std::replace(out.begin(), out.end(), '?', kOneMark);
    return out;
}

bool glob_matches(std::string_view pattern, std::string_view text) noexcept {
    if (pattern.find(kOneMark) != std::string_view::npos && !is_ascii(text))
        return match_characters(pattern, text);
    return match_bytes(pattern, text);
}

bool glob_covers(std::string_view outer, std::string_view inner) noexcept {
    // Marks of `inner` are bytes like others to the matcher: its `*` can only be taken by a `*` of `outer`,
    // its `?` by either; each text that `inner` stands for is then taken in the same way.
    if (outer.find(kOneMark) == std::string_view::npos) return match_bytes(outer, inner);
    const bool single_bytes = std::all_of(inner.begin(), inner.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x80U || c == kOneMark;
    });
    return single_bytes ? match_bytes(outer, inner) : outer == inner;
}

}  // namespace coffer::access
