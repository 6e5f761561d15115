#pragma once
// One JSON text (RFC 8259) as the list of its values and of where each is written. What is read of it and
// what is left alone are then the same bytes: a parser that makes values of them forgets how they were
// written.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "crypto/secret_bytes.hpp"

namespace coffer::rotation {

class JsonTape {
public:
    enum class Kind : std::uint8_t { object, array, text, number, boolean, null };
    /// Offsets in the text; `begin` to `end` is the value as it is written, a text with its quotes.
    struct Value {
        Kind kind = Kind::null;
        std::uint32_t begin = 0;
        std::uint32_t end = 0;
        /// Of a member its name as it is written, with its quotes; both 0 for what has none.
        std::uint32_t name_begin = 0;
        std::uint32_t name_end = 0;
        /// The index of the next value that is not within this one.
        std::uint32_t after = 0;
    };

    /// Nothing when `text` is no JSON, or none of less than 4 GiB. Takes any depth.
    [[nodiscard]] static std::optional<JsonTape> read(std::string_view text);

    /// In the order of their beginnings: first the whole, and what is within a value directly behind it.
    [[nodiscard]] const std::vector<Value>& values() const noexcept { return values_; }

private:
    friend class JsonTapeReader;
    std::vector<Value> values_;
};

/// What a text or a name that is written `quoted` says. Half of a pair of surrogates, which is no character,
/// becomes the three bytes that UTF-8 would have for it, so that the result is not UTF-8 then.
[[nodiscard]] crypto::SecretBytes json_unquoted(std::string_view quoted);

/// Whether what is written `quoted` says `text`.
[[nodiscard]] bool json_says(std::string_view quoted, std::string_view text);

}  // namespace coffer::rotation
