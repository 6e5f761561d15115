// Letters of other alphabets that look like Latin ones, and characters that are not seen at all. A policy
// that grants to "аdmin" with a Cyrillic а grants to somebody else than its reader thinks.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "daemon/access/ascii.hpp"
#include "daemon/access/finding_list.hpp"

namespace coffer::access {
namespace {

/// First and last code point. Unicode 15: blocks Greek, Cyrillic, Armenian, Cherokee, letterlike symbols,
/// Roman numerals, full-width forms, mathematical letters.
struct Range {
    std::uint32_t first;
    std::uint32_t last;
};
constexpr std::array kLookalikes{Range{0x0370, 0x03FF}, Range{0x0400, 0x052F},  Range{0x0530, 0x058F},
                                 Range{0x13A0, 0x13FF}, Range{0x2100, 0x214F},  Range{0x2160, 0x217F},
                                 Range{0xFF01, 0xFF5E}, Range{0x1D400, 0x1D7FF}};
/// Soft hyphen, joiners and marks of direction, other kinds of space and of hyphen, byte order mark.
constexpr std::array kUnseen{Range{0x00A0, 0x00A0}, Range{0x00AD, 0x00AD}, Range{0x2000, 0x2015},
                             Range{0x2028, 0x202F}, Range{0x205F, 0x206F}, Range{0x2212, 0x2212},
                             Range{0x3000, 0x3000}, Range{0xFEFF, 0xFEFF}};

template <class Ranges>
bool within(const Ranges& ranges, std::uint32_t c) {
    return std::any_of(ranges.begin(), ranges.end(), [&](Range r) { return c >= r.first && c <= r.last; });
}

/// The next code point of valid UTF-8, taken off the front.
std::uint32_t next(std::string_view& text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t size = lead < 0x80U ? 1 : lead < 0xE0U ? 2 : lead < 0xF0U ? 3 : 4;
    std::uint32_t c = size == 1 ? lead : lead & (0xFFU >> (size + 1));
    for (std::size_t i = 1; i < size && i < text.size(); ++i) {
        c = (c << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
    }
    text.remove_prefix(std::min(size, text.size()));
    return c;
}

void check_text(const Located& value, const std::string& element, FindingList& findings) {
    bool latin = false;
    bool lookalike = false;
    bool unseen = false;
    for (std::string_view rest = value.text; !rest.empty();) {
        const auto c = next(rest);
        latin = latin || (c < 0x80U && is_letter(static_cast<char>(c)));
        lookalike = lookalike || within(kLookalikes, c);
        unseen = unseen || within(kUnseen, c);
    }
    if (unseen || (latin && lookalike)) {
        findings.add(Severity::security_warning, "UNICODE_LOOKALIKE", value.at,
                     "A value of " + element +
                         (unseen ? " has characters that are not seen or look like others"
                                 : " mixes Latin letters with others that look like them"),
                     "Type the value anew; secrets, users and roles have ASCII names");
    }
}

}  // namespace

void check_lookalikes(const StatementDocument& statement, FindingList& findings) {
    if (statement.resources) {
        for (const auto& value : statement.resources->values) check_text(value, "Resource", findings);
    }
    if (statement.principal) {
        for (const auto& entry : statement.principal->entries) check_text(entry.value, "Principal", findings);
    }
    for (const auto& entry : statement.conditions) {
        check_text({entry.key.written, entry.key_at}, "Condition", findings);
        for (const auto& value : entry.values)
            check_text(value, "the condition on " + entry.key.written, findings);
    }
}

}  // namespace coffer::access
