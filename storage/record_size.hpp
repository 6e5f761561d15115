#pragma once
// What records take in memory, for a cache that is bounded in bytes. Internal to storage/.

#include <cstddef>

#include "storage/records.hpp"

namespace coffer::storage {

/// Bytes of the record and of everything it owns on the heap, allocator overhead included by estimate.
[[nodiscard]] std::size_t memory_size(const StoredSecret& secret);
[[nodiscard]] std::size_t memory_size(const StoredPayload& payload);
[[nodiscard]] std::size_t memory_size(const std::string& text);

}  // namespace coffer::storage
