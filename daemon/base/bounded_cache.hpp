#pragma once
// A small map that forgets what was not asked for the longest.

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace coffer {

/// Thread-safe. Values are shared with those who got them.
template <class Value>
class BoundedCache {
public:
    /// `entries_max` is at least 1.
    explicit BoundedCache(std::size_t entries_max) : entries_max_(entries_max) {}

    /// Null when it is not there.
    [[nodiscard]] std::shared_ptr<const Value> find(std::string_view key) {
        const std::lock_guard lock(mutex_);
        const auto found = index_.find(std::string(key));
        if (found == index_.end()) return nullptr;
        entries_.splice(entries_.begin(), entries_, found->second);
        return found->second->second;
    }

    void put(std::string_view key, std::shared_ptr<const Value> value) {
        const std::lock_guard lock(mutex_);
        erase_locked(std::string(key));
        entries_.emplace_front(std::string(key), std::move(value));
        index_.emplace(entries_.front().first, entries_.begin());
        if (entries_.size() > entries_max_) erase_locked(std::string(entries_.back().first));
    }

    void erase(std::string_view key) {
        const std::lock_guard lock(mutex_);
        erase_locked(std::string(key));
    }

    [[nodiscard]] std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return entries_.size();
    }

private:
    using Entries = std::list<std::pair<std::string, std::shared_ptr<const Value>>>;

    void erase_locked(const std::string& key) {
        const auto found = index_.find(key);
        if (found == index_.end()) return;
        entries_.erase(found->second);
        index_.erase(found);
    }

    const std::size_t entries_max_;
    mutable std::mutex mutex_;
    Entries entries_;  ///< the one that was asked for last comes first
    std::unordered_map<std::string, typename Entries::iterator> index_;
};

}  // namespace coffer
