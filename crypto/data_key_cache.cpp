#include "crypto/data_key_cache.hpp"

#include <algorithm>
#include <cstring>

namespace coffer::crypto {

namespace {
template <class Wrapped>
bool to_wrapped(ByteView bytes, Wrapped& out) {
    if (bytes.size() != out.size()) return false;
    std::ranges::copy(bytes, out.begin());
    return true;
}
}  // namespace

std::size_t DataKeyCache::HashWrapped::operator()(const Wrapped& wrapped) const noexcept {
    std::size_t hash = 0;
    std::memcpy(&hash, wrapped.data(), sizeof hash);
    return hash;
}

DataKeyCache::~DataKeyCache() {
    reset();
}

DataKeyCache::KeyPtr DataKeyCache::find(const MasterKeyRef& master, ByteView bytes) {
    Wrapped wrapped;
    if (!to_wrapped(bytes, wrapped)) return nullptr;
    const std::lock_guard lock(mutex_);
    const auto found = index_.find(wrapped);
    if (found == index_.end() || found->second->master != master) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->key;
}

DataKeyCache::KeyPtr DataKeyCache::put(const MasterKeyRef& master, ByteView bytes, CK_OBJECT_HANDLE handle) {
    std::uint64_t epoch = 0;
    {
        const std::lock_guard lock(doomed_mutex_);
        epoch = epoch_;
    }
    auto key = std::make_shared<const Key>(*this, handle, epoch);
    Entry entry{.master = master, .key = key};
    if (capacity_ == 0 || !to_wrapped(bytes, entry.wrapped)) return key;
    const std::lock_guard lock(mutex_);
    if (const auto old = index_.find(entry.wrapped); old != index_.end()) {
        entries_.erase(old->second);
        index_.erase(old);
    }
    if (entries_.size() >= capacity_) {
        index_.erase(entries_.back().wrapped);
        entries_.pop_back();
    }
    entries_.push_front(std::move(entry));
    index_.emplace(entries_.front().wrapped, entries_.begin());
    return key;
}

void DataKeyCache::forget(ByteView bytes) {
    Wrapped wrapped;
    if (!to_wrapped(bytes, wrapped)) return;
    const std::lock_guard lock(mutex_);
    const auto found = index_.find(wrapped);
    if (found == index_.end()) return;
    entries_.erase(found->second);
    index_.erase(found);
}

void DataKeyCache::keep_only(const std::vector<MasterKeyRef>& held) {
    const std::lock_guard lock(mutex_);
    for (auto entry = entries_.begin(); entry != entries_.end();) {
        if (std::ranges::find(held, entry->master) != held.end()) {
            ++entry;
            continue;
        }
        index_.erase(entry->wrapped);
        entry = entries_.erase(entry);
    }
}

void DataKeyCache::shrink() {
    const std::lock_guard lock(mutex_);
    for (std::size_t left = (entries_.size() + 1) / 2; left > 0; --left) {
        index_.erase(entries_.back().wrapped);
        entries_.pop_back();
    }
}

void DataKeyCache::reset() {
    {
        const std::lock_guard lock(mutex_);
        index_.clear();
        entries_.clear();
    }
    const std::lock_guard lock(doomed_mutex_);
    ++epoch_;
    doomed_.clear();
    has_doomed_ = false;
}

std::vector<CK_OBJECT_HANDLE> DataKeyCache::take_doomed() {
    const std::lock_guard lock(doomed_mutex_);
    has_doomed_ = false;
    return std::exchange(doomed_, {});
}

void DataKeyCache::doom(CK_OBJECT_HANDLE handle, std::uint64_t epoch) noexcept {
    const std::lock_guard lock(doomed_mutex_);
    if (epoch != epoch_) return;
    doomed_.push_back(handle);
    has_doomed_ = true;
}

std::size_t DataKeyCache::size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

}  // namespace coffer::crypto
