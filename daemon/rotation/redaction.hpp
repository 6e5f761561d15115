#pragma once
// What a program said, fit to be shown: without the secret values that its step knew.

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "crypto/secret_bytes.hpp"

namespace coffer::rotation {

class SpelledText;

/// Finds secret values in a text, however it spells them (kSpellings, up to three within each other), and
/// what they look like in hexadecimal and in base 64, alone or within something longer. The time that it
/// takes is in proportion to the text. Not thread-safe.
///
/// It does not compare with the spellings of a value, of which there is no end, but undoes those of the text:
/// what is found is masked as it is written.
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
    struct Needle {
        crypto::SecretBytes text;
        /// Base 64 within something longer: the character on either side has some bits of it.
        bool shares_ends = false;
    };
    class Index;
    /// How many characters at the end of `text` are the beginning of something.
    [[nodiscard]] std::size_t torn_end(std::string_view text) const;
    void add_text(std::string_view text);
    void add_forms(std::string_view text);
    void add_base64(std::string_view text);
    /// Sets in `secret` what of the first text is secret by what `spelled` makes of it.
    void mark(const SpelledText& spelled, const Index& index, std::vector<bool>& secret) const;
    /// Also by what is spelled within it; not again where a text was `seen`.
    void mark_all(const SpelledText& spelled, int depth, const Index& index,
                  std::unordered_set<std::string>& seen, std::vector<bool>& secret) const;
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
