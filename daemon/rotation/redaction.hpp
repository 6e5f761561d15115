#pragma once
// What a program said, fit to be shown: without the secret values that its step knew.

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "crypto/secret_bytes.hpp"

namespace coffer::rotation {

/// Finds secret values in a text, and what they look like in JSON, in a URL, in hexadecimal and in base 64,
/// alone or within something longer. Not thread-safe.
///
/// Of a value that is JSON, each text and number in it counts by itself, but for those under names that say
/// where a target is ("host", "port", "username", ...), which messages need; and of one with several lines
/// each line. What has fewer than four characters is found as a whole word alone.
class Redactor {
public:
    void add(const crypto::SecretBytes& value);

    /// `text` with *** in the place of everything that was found, and of the text's end where that is the
    /// beginning of something, four characters or more: what was to be said may have been cut off there.
    [[nodiscard]] std::string redact(std::string_view text) const;

private:
    /// How many characters at the end of `text` are the beginning of something.
    [[nodiscard]] std::size_t torn_end(std::string_view text) const;
    void add_text(std::string_view text);
    void add_forms(std::string_view text);
    struct Needle {
        crypto::SecretBytes text;
        /// Base 64 within something longer: the character on either side has some bits of it.
        bool shares_ends = false;
    };
    void add_needle(std::string_view text, bool shares_ends = false);

    std::vector<Needle> needles_;
    /// The texts of needles_: a value may have thousands of lines.
    std::unordered_set<std::string_view> known_;
};

/// The end of what a program said, as one line: at most `lines` lines that are not empty, `characters`
/// characters, with control characters and malformed bytes replaced.
[[nodiscard]] std::string last_words(std::string_view said, std::size_t lines, std::size_t characters);

/// `said` without its first line, where something before it is missing: that line may begin in the middle of
/// a secret, which would not be found.
[[nodiscard]] std::string_view without_torn_line(std::string_view said, bool cut) noexcept;

}  // namespace coffer::rotation
