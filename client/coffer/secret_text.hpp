#pragma once
// Text that may hold secret values while it is being built or printed.

#include <openssl/crypto.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace coffer::cli {

/// Wipes what it frees, so that a string that grows leaves no copies behind.
template <class T>
struct WipingAllocator {
    using value_type = T;
    WipingAllocator() = default;
    template <class U>
    WipingAllocator(const WipingAllocator<U>&) noexcept {
    }  // NOLINT(google-explicit-constructor): as allocators are
    [[nodiscard]] T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
    void deallocate(T* memory, std::size_t count) noexcept {
        OPENSSL_cleanse(memory, count * sizeof(T));
        std::allocator<T>().deallocate(memory, count);
    }
    template <class U>
    bool operator==(const WipingAllocator<U>&) const noexcept {
        return true;
    }
};

using SecretText = std::basic_string<char, std::char_traits<char>, WipingAllocator<char>>;

[[nodiscard]] inline std::string_view view(const SecretText& text) noexcept {
    return {text.data(), text.size()};
}

}  // namespace coffer::cli
