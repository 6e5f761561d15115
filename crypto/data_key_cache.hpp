#pragma once
// Unwrapped data keys that stay in the token as session objects, so that a second read costs one decrypt.

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "crypto/envelope.hpp"
#include "crypto/key_types.hpp"
#include "crypto/pkcs11.hpp"

namespace coffer::crypto {

/// An LRU of handles, never of key bytes. Thread-safe. A handle in use is not destroyed under its user: both
/// hold the entry, and the last to let go puts the handle on the list of those to be destroyed, which a
/// thread that owns a session empties (take_doomed).
class DataKeyCache {
public:
    /// A data key in the token, of the epoch that it was unwrapped in.
    class Key {
    public:
        Key(DataKeyCache& cache, CK_OBJECT_HANDLE handle, std::uint64_t epoch) noexcept
            : cache_(cache), handle_(handle), epoch_(epoch) {}
        Key(const Key&) = delete;
        Key& operator=(const Key&) = delete;
        ~Key() { cache_.doom(handle_, epoch_); }
        [[nodiscard]] CK_OBJECT_HANDLE handle() const noexcept { return handle_; }

    private:
        DataKeyCache& cache_;
        CK_OBJECT_HANDLE handle_;
        std::uint64_t epoch_;
    };
    using KeyPtr = std::shared_ptr<const Key>;

    /// `capacity` keys at most; 0 keeps none.
    explicit DataKeyCache(std::size_t capacity) : capacity_(capacity) {}
    ~DataKeyCache();
    DataKeyCache(const DataKeyCache&) = delete;
    DataKeyCache& operator=(const DataKeyCache&) = delete;

    /// The key that was kept for these wrapped bytes under this generation; null when none is.
    [[nodiscard]] KeyPtr find(const MasterKeyRef& master, ByteView wrapped);
    /// Takes charge of `handle`: destroyed when the cache and the caller have let go of it. The least
    /// recently used key makes room.
    KeyPtr put(const MasterKeyRef& master, ByteView wrapped, CK_OBJECT_HANDLE handle);
    void forget(ByteView wrapped);
    /// Lets go of the keys under generations that are not among `held`.
    void keep_only(const std::vector<MasterKeyRef>& held);
    /// Lets go of the older half: the token's memory is full.
    void shrink();
    /// A new epoch: all handles are void, and none needs to be destroyed any more.
    void reset();

    /// Handles of the present epoch that nobody uses any more. The caller destroys them.
    [[nodiscard]] std::vector<CK_OBJECT_HANDLE> take_doomed();
    [[nodiscard]] bool has_doomed() const noexcept { return has_doomed_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::size_t size() const;

private:
    using Wrapped = std::array<std::uint8_t, kWrappedKeyBytes>;
    /// Wrapped keys look random and only such as the token has unwrapped get in, so that their first bytes
    /// serve as a hash that nobody can steer.
    struct HashWrapped {
        std::size_t operator()(const Wrapped& wrapped) const noexcept;
    };
    struct Entry {
        Wrapped wrapped{};
        MasterKeyRef master;
        KeyPtr key;
    };
    using Entries = std::list<Entry>;

    void doom(CK_OBJECT_HANDLE handle, std::uint64_t epoch) noexcept;

    const std::size_t capacity_;
    mutable std::mutex mutex_;
    Entries entries_;  // most recently used first
    std::unordered_map<Wrapped, Entries::iterator, HashWrapped> index_;

    // Apart from mutex_: a key may be let go of with that held.
    std::mutex doomed_mutex_;
    std::vector<CK_OBJECT_HANDLE> doomed_;
    std::uint64_t epoch_ = 0;
    std::atomic<bool> has_doomed_ = false;
};

}  // namespace coffer::crypto
