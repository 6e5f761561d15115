#include "crypto/secret_bytes.hpp"

#include <openssl/crypto.h>

#include <cstring>
#include <new>
#include <utility>

namespace coffer::crypto {

SecretBytes::SecretBytes(std::size_t size) {
    if (size == 0) return;
    // CRYPTO_secure_malloc answers null when the secure heap is full; the ordinary heap must do then.
    auto* memory = CRYPTO_secure_malloc_initialized() != 0 ? OPENSSL_secure_malloc(size) : nullptr;
    if (memory == nullptr) memory = OPENSSL_malloc(size);
    if (memory == nullptr) throw std::bad_alloc();
    std::memset(memory, 0, size);
    data_ = static_cast<std::uint8_t*>(memory);
    size_ = size;
    capacity_ = size;
}

SecretBytes SecretBytes::copy_of(std::span<const std::uint8_t> bytes) {
    SecretBytes copy(bytes.size());
    if (!bytes.empty()) std::memcpy(copy.data_, bytes.data(), bytes.size());
    return copy;
}

SecretBytes SecretBytes::copy_of(std::string_view text) {
    return copy_of(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
    if (this != &other) {
        clear();
        data_ = std::exchange(other.data_, nullptr);
        size_ = std::exchange(other.size_, 0);
        capacity_ = std::exchange(other.capacity_, 0);
    }
    return *this;
}

SecretBytes::~SecretBytes() {
    clear();
}

void SecretBytes::truncate(std::size_t size) noexcept {
    if (size >= size_) return;
    OPENSSL_cleanse(data_ + size, size_ - size);
    size_ = size;
}

void SecretBytes::clear() noexcept {
    // Frees to whichever heap the memory came from.
    if (data_ != nullptr) OPENSSL_secure_clear_free(data_, capacity_);
    data_ = nullptr;
    size_ = 0;
    capacity_ = 0;
}

bool init_secure_heap(std::size_t bytes) {
    constexpr std::size_t kSmallestBlock = 32;
    return CRYPTO_secure_malloc_init(bytes, kSmallestBlock) == 1;
}

bool constant_time_equal(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace coffer::crypto
