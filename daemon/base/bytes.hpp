#pragma once
// Plain byte strings and the canonical encoding that seals and AADs are computed over. Secret bytes do not
// belong here: they live in crypto::SecretBytes.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coffer {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

/// The bytes of `text`, not copied.
[[nodiscard]] inline ByteView as_bytes(std::string_view text) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// `bytes` as characters, not copied.
[[nodiscard]] inline std::string_view as_text(ByteView bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Appends the bytes of `text` to `out`.
inline void append(std::string_view text, Bytes& out) {
    const auto bytes = as_bytes(text);
    out.insert(out.end(), bytes.begin(), bytes.end());
}

/// Lower-case hexadecimal.
[[nodiscard]] std::string to_hex(ByteView bytes);

/// Reads hexadecimal of either case. Throws std::invalid_argument for odd lengths and other characters.
[[nodiscard]] Bytes from_hex(std::string_view hex);

/// An injective encoding of a sequence of fields: every field is a one-byte type tag, for strings an 8-byte
/// big-endian length, then the content. Two different sequences never encode alike, so a MAC or an AAD over
/// the result binds each field and its place. Absent values have a tag of their own: absent is not empty.
class CanonicalEncoder {
public:
    /// `domain` separates uses that share a key, e.g. "coffer/seal/secret/v1".
    explicit CanonicalEncoder(std::string_view domain) { text(domain); }

    CanonicalEncoder& text(std::string_view value);
    CanonicalEncoder& bytes(ByteView value);
    CanonicalEncoder& number(std::int64_t value);
    CanonicalEncoder& boolean(bool value);
    CanonicalEncoder& absent();
    /// The number of elements that follow; the elements are encoded by the caller.
    CanonicalEncoder& list(std::size_t count);

    /// A present optional is encoded as its value, an empty one as absent.
    template <class Optional, class Encode>
    CanonicalEncoder& optional(const Optional& value, Encode encode) {
        if (!value) return absent();
        encode(*this, *value);
        return *this;
    }

    [[nodiscard]] const Bytes& result() const noexcept { return out_; }
    [[nodiscard]] Bytes take() noexcept { return std::move(out_); }

private:
    void tag(char type, std::uint64_t number);
    Bytes out_;
};

}  // namespace coffer
