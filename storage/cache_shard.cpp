#include "storage/cache_shard.hpp"

#include <algorithm>

#include "storage/record_size.hpp"

namespace coffer::storage {

namespace {

/// What an entry takes besides its records: list node, table node and bucket.
constexpr std::size_t kEntryOverhead = sizeof(CacheEntry) + 2 * sizeof(void*) + 4 * sizeof(void*) + 48;

std::size_t memory_size(const CacheEntry& entry) {
    std::size_t size =
        kEntryOverhead + storage::memory_size(entry.name) + storage::memory_size(*entry.secret);
    for (const auto& [version, payload] : entry.payloads) {
        size += sizeof(entry.payloads.front()) + storage::memory_size(version.value()) +
                storage::memory_size(*payload);
    }
    return size;
}

bool same_state(const StoredSecret& a, const StoredSecret& b) {
    return a.id == b.id && a.revision == b.revision;
}

}  // namespace

CacheEntry* CacheShard::find(const std::string& name) {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &*found->second;
}

std::shared_ptr<const StoredPayload> CacheShard::find_payload(const StoredSecret& secret,
                                                              const VersionId& version) {
    const CacheEntry* entry = find(secret.name);
    if (entry == nullptr || !same_state(*entry->secret, secret)) return nullptr;
    const auto& payloads = entry->payloads;
    const auto found =
        std::find_if(payloads.begin(), payloads.end(), [&](const auto& p) { return p.first == version; });
    return found == payloads.end() ? nullptr : found->second;
}

void CacheShard::store(std::shared_ptr<const StoredSecret> secret) {
    CacheEntry* entry = find(secret->name);
    if (entry == nullptr) {
        entries_.emplace_front();
        entry = &entries_.front();
        entry->name = secret->name;
        by_name_.emplace(entry->name, entries_.begin());
    } else if (entry->secret->id == secret->id && entry->secret->revision > secret->revision) {
        return;  // loads may end in another order than they began
    } else if (!same_state(*entry->secret, *secret)) {
        entry->payloads.clear();
    }
    entry->secret = std::move(secret);
    entry->loaded = std::chrono::steady_clock::now();
    bytes_ -= entry->bytes;
    entry->bytes = memory_size(*entry);
    bytes_ += entry->bytes;
    evict();
}

void CacheShard::store_payload(const StoredSecret& secret, const VersionId& version,
                               std::shared_ptr<const StoredPayload> payload) {
    CacheEntry* entry = find(secret.name);
    if (entry == nullptr || !same_state(*entry->secret, secret)) return;
    auto& payloads = entry->payloads;
    const auto found =
        std::find_if(payloads.begin(), payloads.end(), [&](const auto& p) { return p.first == version; });
    if (found == payloads.end()) {
        payloads.emplace_back(version, std::move(payload));
    } else {
        found->second = std::move(payload);
    }
    bytes_ -= entry->bytes;
    entry->bytes = memory_size(*entry);
    bytes_ += entry->bytes;
    evict();
}

void CacheShard::invalidate(const std::string& name) {
    ++invalidations_;
    if (const auto found = by_name_.find(name); found != by_name_.end()) erase(found->second);
    const auto loads = flights.find(name);
    if (loads == flights.end()) return;
    if (loads->second.secret) loads->second.secret->outdated = true;
    for (auto& [version, load] : loads->second.payloads) load->outdated = true;
    flights.erase(loads);
}

void CacheShard::invalidate_all() {
    ++invalidations_;
    by_name_.clear();
    entries_.clear();
    bytes_ = 0;
    while (!flights.empty()) {
        const auto name = flights.begin()->first;  // the entry goes with its key
        invalidate(name);
    }
}

void CacheShard::land(const std::string& name, const SecretFlight& flight) {
    const auto loads = flights.find(name);
    if (loads == flights.end() || loads->second.secret.get() != &flight) return;
    loads->second.secret.reset();
    if (loads->second.empty()) flights.erase(loads);
}

void CacheShard::land(const std::string& name, const VersionId& version, const PayloadFlight& flight) {
    const auto loads = flights.find(name);
    if (loads == flights.end()) return;
    const auto load = loads->second.payloads.find(version);
    if (load == loads->second.payloads.end() || load->second.get() != &flight) return;
    loads->second.payloads.erase(load);
    if (loads->second.empty()) flights.erase(loads);
}

void CacheShard::erase(Entries::iterator entry) {
    bytes_ -= entry->bytes;
    by_name_.erase(entry->name);
    entries_.erase(entry);
}

void CacheShard::evict() {
    // An entry that is larger than the whole shard goes as well: the bound holds always.
    while (bytes_ > max_bytes_) erase(std::prev(entries_.end()));
}

}  // namespace coffer::storage
