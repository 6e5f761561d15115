#include "storage/record_size.hpp"

namespace coffer::storage {

namespace {

/// malloc's bookkeeping and rounding for each allocation (glibc, 64 bit).
constexpr std::size_t kPerAllocation = 16;
/// What a node of a map has besides its value (libstdc++, 64 bit).
constexpr std::size_t kMapNode = 32;

std::size_t heap_of(const std::string& text) {
    static const std::size_t kInPlace = std::string().capacity();
    return text.capacity() > kInPlace ? text.capacity() + 1 + kPerAllocation : 0;
}

std::size_t heap_of(const std::optional<std::string>& text) {
    return text ? heap_of(*text) : 0;
}

template <class T>
std::size_t heap_of_array(const std::vector<T>& items) {
    return items.capacity() == 0 ? 0 : items.capacity() * sizeof(T) + kPerAllocation;
}

}  // namespace

std::size_t memory_size(const std::string& text) {
    return sizeof(std::string) + heap_of(text);
}

std::size_t memory_size(const StoredSecret& secret) {
    std::size_t size = sizeof secret + kPerAllocation + heap_of(secret.name) + heap_of(secret.arn) +
                       heap_of(secret.description) + heap_of(secret.kms_key_id) +
                       heap_of(secret.resource_policy) + heap_of(secret.creation_token) +
                       heap_of_array(secret.seal) + heap_of_array(secret.versions);
    if (secret.tags) {
        size += heap_of_array(*secret.tags);
        for (const auto& tag : *secret.tags) size += heap_of(tag.key) + heap_of(tag.value);
    }
    if (secret.rotation) {
        size += heap_of(secret.rotation->function) + heap_of(secret.rotation->expression) +
                heap_of(secret.rotation->duration);
    }
    for (const auto& [arn, id] : secret.policy_principals)
        size += kMapNode + sizeof arn + sizeof id + heap_of(arn) + heap_of(id) + kPerAllocation;
    for (const auto& version : secret.versions) {
        size += heap_of(version.id.value()) + heap_of_array(version.labels);
        for (const auto& label : version.labels) size += heap_of(label.value());
    }
    return size;
}

std::size_t memory_size(const StoredPayload& payload) {
    return sizeof payload + kPerAllocation + heap_of_array(payload.wrapped_key) +
           heap_of_array(payload.ciphertext);
}

}  // namespace coffer::storage
