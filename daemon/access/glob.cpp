#include "daemon/access/glob.hpp"

#include <string.h>  // memmem, which <cstring> need not declare

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>

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

/// Matches one pattern against one text. `Unit` is what a `?` takes: a byte where all of the text is ASCII,
/// else the packed bytes of a character.
template <class Unit>
class Matcher {
public:
    using View = std::basic_string_view<Unit>;

    GlobAnswer match(View pattern, View text) noexcept {
        const bool matches = is_match(pattern, text);
        return {matches, looks_};
    }

private:
    using Bits = std::make_unsigned_t<Unit>;
    static constexpr auto kMany = static_cast<Unit>(static_cast<Bits>(static_cast<unsigned char>(kManyMark)));
    static constexpr auto kOne = static_cast<Unit>(static_cast<Bits>(static_cast<unsigned char>(kOneMark)));
    /// Places of the text that a segment is compared with at once; the compiler makes vectors of them.
    static constexpr std::size_t kLanes = 64;
    /// Units after which it is seen whether any place is left.
    static constexpr std::size_t kUnitsPerGlance = 16;

    using Lanes = std::array<Bits, kLanes>;

    bool is_match(View pattern, View text) noexcept {
        const auto first = pattern.find(kMany);
        if (first == View::npos) return same(pattern, text);
        const auto head = pattern.substr(0, first);
        const auto tail = pattern.substr(pattern.rfind(kMany) + 1);
        if (text.size() < head.size() + tail.size()) return false;
        if (!same(head, text.substr(0, head.size()))) return false;
        if (!same(tail, text.substr(text.size() - tail.size()))) return false;

        auto rest = text.substr(head.size(), text.size() - head.size() - tail.size());
        auto middle = pattern.substr(first + 1, pattern.size() - tail.size() - first - 1);
        while (!middle.empty()) {
            const auto segment = middle.substr(0, middle.find(kMany));
            middle.remove_prefix(segment.size() + 1);
            if (segment.empty()) continue;
            const auto at = find(rest, segment);
            if (at == View::npos) return false;
            rest.remove_prefix(at + segment.size());
        }
        return true;
    }

    bool same(View segment, View text) noexcept {
        return std::equal(segment.begin(), segment.end(), text.begin(), text.end(),
                          [](Unit p, Unit t) { return p == kOne || p == t; });
    }

    /// Where `segment`, which has no `*`, first occurs. The leftmost place is always right: what it leaves
    /// for the rest of the pattern contains what any later place would leave.
    std::size_t find(View text, View segment) noexcept {
        if (text.size() < segment.size()) return View::npos;
        if (segment.front() != kOne && segment.back() != kOne) return find_core(text, segment);
        // A `?` at an end takes a character of any kind: only what is between them is looked for.
        const auto lead = segment.find_first_not_of(kOne);
        if (lead == View::npos) return 0;
        const auto trail = segment.size() - 1 - segment.find_last_not_of(kOne);
        text = text.substr(lead, text.size() - lead - trail);
        segment = segment.substr(lead, segment.size() - lead - trail);
        return find_core(text, segment);
    }

    std::size_t find_core(View text, View segment) noexcept {
        if (segment.size() == 1) return text.find(segment.front());
        if constexpr (sizeof(Unit) == 1) {
            if (segment.find(kOne) == View::npos) {
                // glibc's memmem is the two-way algorithm: linear, unlike string_view::find.
                const void* found = memmem(text.data(), text.size(), segment.data(), segment.size());
                if (found == nullptr) return View::npos;
                return static_cast<std::size_t>(static_cast<const Unit*>(found) - text.data());
            }
        }
        const auto places = text.size() - segment.size() + 1;
        for (std::size_t base = 0; base < places; base += kLanes) {
            const auto count = std::min(kLanes, places - base);
            const auto lane = first_lane(text.substr(base), segment, count);
            if (lane < count) return base + lane;
        }
        return View::npos;
    }

    /// The first of `count` places at the front of `text` where `segment` stands; else `count`.
    std::size_t first_lane(View text, View segment, std::size_t count) noexcept {
        Lanes different{};
        std::size_t until_glance = kUnitsPerGlance;
        for (std::size_t i = 0; i < segment.size(); ++i) {
            if (segment[i] == kOne) continue;
            ++looks_;
            if (count == kLanes) {
                compare(different, text.data() + i, segment[i], kLanes);
            } else {
                compare(different, text.data() + i, segment[i], count);
            }
            if (--until_glance != 0) continue;
            if (first_same(different, count) == count) return count;
            until_glance = kUnitsPerGlance;
        }
        return first_same(different, count);
    }

    /// Inlined, so that the loop of constant length is one of vectors.
    [[gnu::always_inline]] static inline void compare(Lanes& different, const Unit* text, Unit unit,
                                                      std::size_t count) noexcept {
        for (std::size_t k = 0; k < count; ++k) {
            different[k] =
                static_cast<Bits>(different[k] | (static_cast<Bits>(text[k]) ^ static_cast<Bits>(unit)));
        }
    }

    static std::size_t first_same(const Lanes& different, std::size_t count) noexcept {
        const auto* end = different.data() + count;
        return static_cast<std::size_t>(std::find(different.data(), end, Bits{0}) - different.data());
    }

    std::size_t looks_ = 0;
};

bool is_continuation(char c) noexcept {
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

/// One unit for each character: its bytes, at most four.
std::u32string characters(std::string_view text) {
    std::u32string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const auto begin = at;
        std::uint32_t unit = 0;
        do {
            unit = unit << 8U | static_cast<unsigned char>(text[at++]);
        } while (at < text.size() && at < begin + 4 && is_continuation(text[at]));
        out.push_back(unit);
    }
    return out;
}

}  // namespace

std::string to_glob(std::string_view text) {
    std::string out(text);
    std::replace(out.begin(), out.end(), '*', kManyMark);
    std::replace(out.begin(), out.end(), '?', kOneMark);
    return out;
}

GlobAnswer glob_answer(std::string_view pattern, std::string_view text) noexcept {
    if (pattern.find(kOneMark) != std::string_view::npos && !is_ascii(text)) {
        return Matcher<char32_t>().match(characters(pattern), characters(text));
    }
    return Matcher<char>().match(pattern, text);
}

bool glob_matches(std::string_view pattern, std::string_view text) noexcept {
    return glob_answer(pattern, text).matches;
}

bool glob_covers(std::string_view outer, std::string_view inner) noexcept {
    // Marks of `inner` are bytes like others to the matcher: its `*` can only be taken by a `*` of `outer`,
    // its `?` by either; each text that `inner` stands for is then taken in the same way.
    const auto covers = [&] { return Matcher<char>().match(outer, inner).matches; };
    if (outer.find(kOneMark) == std::string_view::npos) return covers();
    const bool single_bytes = std::all_of(inner.begin(), inner.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x80U || c == kOneMark;
    });
    return single_bytes ? covers() : outer == inner;
}

}  // namespace coffer::access
