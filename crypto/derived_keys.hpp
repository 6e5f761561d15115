#pragma once
// Keys that the token derives from the seal key for one purpose and that live in the daemon: one for each
// generation of the seal key, so that what was made under an older one is still understood while that is
// there.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "crypto/seals.hpp"
#include "daemon/base/time.hpp"

namespace coffer::crypto {

using SharedKey = std::shared_ptr<const SecretBytes>;

/// With the generation of the seal key that it is derived from.
struct NumberedKey {
    std::uint32_t generation = 0;
    SharedKey key;
};

/// Thread-safe.
class DerivedKeys {
public:
    /// Derives those of all generations that the token holds. Blocks. `seals` must outlive it. Throws what
    /// the token throws.
    DerivedKeys(Seals& seals, std::string purpose, Deadline deadline);
    /// One key, as if there were one generation of the seal key.
    explicit DerivedKeys(SecretBytes key);

    /// Derives those of new generations, and forgets those of generations that the token does not hold any
    /// more. Blocks; throws what the token throws.
    void refresh(Deadline deadline);

    /// What new things are made with: the key of the generation that seals.
    [[nodiscard]] SharedKey newest() const { return newest_numbered().key; }
    [[nodiscard]] NumberedKey newest_numbered() const;
    /// What things of before may have been made with: all, newest first.
    [[nodiscard]] std::vector<SharedKey> all() const;
    /// The generations that there are keys of, oldest first.
    [[nodiscard]] std::vector<std::uint32_t> generations() const;

private:
    Seals* const seals_ = nullptr;
    const std::string purpose_;
    mutable std::mutex mutex_;
    std::map<std::uint32_t, SharedKey> keys_;
};

}  // namespace coffer::crypto
