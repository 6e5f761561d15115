#pragma once
// Key and secret bytes: locked in memory where the limit allows, wiped when they go, never copied by
// accident, never printable. The only home for such bytes outside the messages in transit.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace coffer::crypto {

/// A fixed-size buffer of secret bytes from OpenSSL's secure heap (locked, not dumped, guarded) or, when
/// that is full or was not set up, from the ordinary heap. Either way it is wiped before it is freed.
/// Move-only: a copy is asked for by name (`clone`). Deliberately without operator<<, format or ==.
class SecretBytes {
public:
    SecretBytes() noexcept = default;
    /// `size` bytes of zero.
    explicit SecretBytes(std::size_t size);
    [[nodiscard]] static SecretBytes copy_of(std::span<const std::uint8_t> bytes);
    [[nodiscard]] static SecretBytes copy_of(std::string_view text);

    SecretBytes(SecretBytes&& other) noexcept;
    SecretBytes& operator=(SecretBytes&& other) noexcept;
    SecretBytes(const SecretBytes&) = delete;
    SecretBytes& operator=(const SecretBytes&) = delete;
    ~SecretBytes();

    [[nodiscard]] SecretBytes clone() const { return copy_of(view()); }
    [[nodiscard]] std::span<const std::uint8_t> view() const noexcept { return {data_, size_}; }
    [[nodiscard]] std::span<std::uint8_t> writable() noexcept { return {data_, size_}; }
    /// The bytes as text, for handing over to an API that wants characters. Do not log it.
    [[nodiscard]] std::string_view text() const noexcept {
        return {reinterpret_cast<const char*>(data_), size_};
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    /// Drops the bytes after `size`, wiping them. `size` must not be larger than size().
    void truncate(std::size_t size) noexcept;
    /// Wipes and frees.
    void clear() noexcept;

private:
    std::uint8_t* data_ = nullptr;  // owned: OpenSSL's secure heap has no smart pointer of its own
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

/// Sets up the locked heap of `bytes` (a power of two) for the process; call once, early in main. Returns
/// false when the pages could not all be locked (RLIMIT_MEMLOCK): the heap works, unlocked.
[[nodiscard]] bool init_secure_heap(std::size_t bytes);

/// Takes the same time for every content of two equally long inputs.
[[nodiscard]] bool constant_time_equal(std::span<const std::uint8_t> a,
                                       std::span<const std::uint8_t> b) noexcept;

}  // namespace coffer::crypto
