#pragma once
// Reading and writing the stored layout of a payload, which SealedPayload (envelope.hpp) defines.

#include <cstddef>
#include <cstdint>

#include "crypto/envelope.hpp"
#include "crypto/profile.hpp"

namespace coffer::crypto {

inline constexpr std::size_t kPayloadHeaderBytes = 8;

/// The header's facts.
struct PayloadHeader {
    IvMode iv_mode = IvMode::caller;
    std::size_t iv_bytes = 0;
    std::size_t segment_bytes = 0;  ///< plaintext bytes of every segment but the last
};

[[nodiscard]] Bytes encode_header(const PayloadHeader& header);

/// How many segments a plaintext of `bytes` is cut into: one at least.
[[nodiscard]] std::size_t segment_count(std::size_t bytes, std::size_t segment_bytes) noexcept;

/// A stored ciphertext taken apart, with every length checked; nothing is decrypted. Views into the bytes
/// that it was parsed from, which must outlive it.
class PayloadLayout {
public:
    /// Throws IntegrityError for what encode_header() and gcm_encrypt() would not have written.
    [[nodiscard]] static PayloadLayout parse(ByteView ciphertext);

    [[nodiscard]] const PayloadHeader& header() const noexcept { return header_; }
    [[nodiscard]] ByteView header_bytes() const noexcept { return bytes_.first(kPayloadHeaderBytes); }
    [[nodiscard]] std::size_t segments() const noexcept { return segments_; }
    [[nodiscard]] std::size_t plaintext_bytes() const noexcept { return plaintext_bytes_; }
    /// IV, ciphertext and tag of segment `index`.
    [[nodiscard]] ByteView segment(std::size_t index) const;

private:
    PayloadLayout() = default;
    [[nodiscard]] std::size_t stored_segment_bytes() const noexcept;

    ByteView bytes_;
    PayloadHeader header_;
    std::size_t segments_ = 0;
    std::size_t plaintext_bytes_ = 0;
};

/// Makes the AAD of each segment of one payload.
class PayloadAad {
public:
    PayloadAad(const PayloadIdentity& identity, const MasterKeyId& master_key, ByteView header);
    [[nodiscard]] Bytes segment(std::size_t index, bool last) const;

private:
    CanonicalEncoder common_;
};

}  // namespace coffer::crypto
