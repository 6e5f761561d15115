#include "storage/secret_cache.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <optional>

#include "storage/cache_shard.hpp"
#include "storage/change_listener.hpp"
#include "storage/load_failure.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::storage {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostShards = 16;
/// How long a load is waited for that an entry of before could answer instead, when changes are not heard of:
/// a server that hangs and one that is gone look the same from there, but for the time.
constexpr std::chrono::milliseconds kStalePatience{500};
/// A shard should have room for a few large secrets.
constexpr std::size_t kLeastShardBytes = std::size_t{2} * 1024 * 1024;

std::size_t shard_count(std::size_t max_bytes) {
    return std::clamp<std::size_t>(max_bytes / kLeastShardBytes, 1, kMostShards);
}

/// Gives one result to all who waited for it.
template <class Record>
void deliver(std::vector<typename Flight<Record>::Waiter>& waiters,
             const std::shared_ptr<const Record>& value) {
    for (auto& waiter : waiters) waiter.completion(Outcome<std::shared_ptr<const Record>>(value));
}

template <class Record>
void deliver_error(std::vector<typename Flight<Record>::Waiter>& waiters, const std::exception_ptr& error) {
    for (auto& waiter : waiters) waiter.completion(Outcome<std::shared_ptr<const Record>>(error));
}

using LoadTogether = TogetherRead<std::string, LoadedSecret>;

/// The reads of secrets that are not in the cache. With so many at once a read costs less than a third of
/// what it costs by itself; more would gain little and hold the connection longer.
std::shared_ptr<const LoadTogether> make_load(const std::optional<StagingLabel>& value_of) {
    constexpr std::size_t kMostNames = 32;
    return std::make_shared<const LoadTogether>(
        kMostNames, [value_of](ReadTransaction& tx, const std::vector<std::string>& names) {
            return SecretRepository::find_all(tx, names, value_of);
        });
}

}  // namespace

/// Shared with the loads under way, which may end after the cache.
class SecretCache::Impl : public std::enable_shared_from_this<SecretCache::Impl> {
public:
    Impl(Database& database, CacheConfig config) : database_(database), config_(config) {
        const auto shards = shard_count(config.max_bytes);
        for (std::size_t i = 0; i < shards; ++i) {
            shards_.push_back(std::make_unique<CacheShard>(config.max_bytes / shards));
        }
    }

    void start() {
        database_.on_secret_changed([weak = weak_from_this()](const std::string& name) {
            if (const auto self = weak.lock()) self->changed(name);
        });
        listener_.emplace(database_.config(), kSecretChannel,
                          ChangeEvents{.listening = [this] { listening(); },
                                       .lost = [this] { lost(); },
                                       .changed = [this](const auto& name) { changed(name); }});
    }

    void close() {
        const std::lock_guard lock(close_mutex_);
        listener_.reset();
        lost();
    }

    SecretPtr peek(const std::string& name);
    PayloadPtr peek_payload(const StoredSecret& secret, const VersionId& version);
    void find(const std::string& name, JobOptions options, Completion<SecretPtr> completion, Wanted wanted);
    void payload(const SecretPtr& secret, const VersionId& version, JobOptions options,
                 Completion<PayloadPtr> completion);
    void forget(const std::string& name) { changed(name); }
    [[nodiscard]] CacheStatistics statistics() const;

private:
    /// What a load needs to know when it ends.
    struct Load {
        bool joinable = false;
        /// It was given kStalePatience, and less than the deadline of who asked.
        bool hasty = false;
        std::uint64_t invalidations = 0;
    };

    [[nodiscard]] CacheShard& shard_of(const std::string& name) const {
        return *shards_[std::hash<std::string>{}(name) % shards_.size()];
    }
    [[nodiscard]] bool coherent() const noexcept { return coherent_.load(std::memory_order_acquire); }

    void listening();
    void lost();
    void changed(const std::string& name);

    void load_secret(const std::string& name, JobOptions options, std::shared_ptr<SecretFlight> flight,
                     Load load, Wanted wanted);
    void secret_loaded(const std::string& name, SecretFlight& flight, Load load,
                       Outcome<LoadedSecret> outcome);
    void secret_load_failed(const std::string& name, std::vector<SecretFlight::Waiter> waiters,
                            const Load& load, const std::exception_ptr& error);
    void load_payload(const SecretPtr& secret, const VersionId& version, JobOptions options,
                      std::shared_ptr<PayloadFlight> flight, Load load);
    void payload_loaded(const SecretPtr& secret, const VersionId& version, PayloadFlight& flight, Load load,
                        Outcome<std::optional<StoredPayload>> outcome);
    void payload_load_failed(const SecretPtr& secret, const VersionId& version,
                             std::vector<PayloadFlight::Waiter> waiters, const Load& load,
                             const std::exception_ptr& error);

    /// Whether an entry loaded then may be served while the database is away.
    [[nodiscard]] bool fresh_enough(const CacheEntry& entry) const;
    /// What may be served in place of what could not be loaded; null where nothing may.
    [[nodiscard]] SecretPtr stale_secret(const std::string& name) const;
    [[nodiscard]] PayloadPtr stale_payload(const StoredSecret& secret, const VersionId& version) const;
    /// Shortens the time of a load that something stale may stand in for.
    static void make_hasty(JobOptions& options, Load& load);
    /// Those of a load that was not done in its time who wait longer; the others stay in `waiters`.
    template <class Waiters>
    static Waiters take_patient(Waiters& waiters, const Load& load);

    Database& database_;
    const CacheConfig config_;
    const std::shared_ptr<const LoadTogether> load_alone_ = make_load(std::nullopt);
    const std::shared_ptr<const LoadTogether> load_with_value_ = make_load(config_.value_of);
    std::vector<std::unique_ptr<CacheShard>> shards_;

    /// Every change is heard of. Set after the entries of the time before were forgotten.
    std::atomic<bool> coherent_{false};
    std::atomic<Clock::rep> lost_at_{0};
    std::atomic<std::uint64_t> hits_{0};
    std::atomic<std::uint64_t> misses_{0};
    std::atomic<std::uint64_t> invalidations_{0};
    std::atomic<std::uint64_t> stale_served_{0};

    std::mutex close_mutex_;
    std::optional<ChangeListener> listener_;
};

void SecretCache::Impl::listening() {
    // Before the entries go that could be served while the database is away.
    database_.found_reachable();
    for (auto& shard : shards_) {
        const std::lock_guard lock(shard->mutex);
        shard->invalidate_all();
    }
    coherent_.store(true, std::memory_order_release);
}

void SecretCache::Impl::lost() {
    if (!coherent()) return;
    lost_at_.store(Clock::now().time_since_epoch().count());
    coherent_.store(false, std::memory_order_release);
}

void SecretCache::Impl::changed(const std::string& name) {
    ++invalidations_;
    if (name.empty()) {
        for (auto& shard : shards_) {
            const std::lock_guard lock(shard->mutex);
            shard->invalidate_all();
        }
        return;
    }
    auto& shard = shard_of(name);
    const std::lock_guard lock(shard.mutex);
    shard.invalidate(name);
}

SecretCache::SecretPtr SecretCache::Impl::peek(const std::string& name) {
    if (!coherent()) return nullptr;
    auto& shard = shard_of(name);
    const std::lock_guard lock(shard.mutex);
    const auto* entry = shard.find(name);
    if (entry == nullptr) return nullptr;
    hits_.fetch_add(1, std::memory_order_relaxed);
    return entry->secret;
}

SecretCache::PayloadPtr SecretCache::Impl::peek_payload(const StoredSecret& secret,
                                                        const VersionId& version) {
    if (!coherent()) return nullptr;
    auto& shard = shard_of(secret.name);
    const std::lock_guard lock(shard.mutex);
    auto payload = shard.find_payload(secret, version);
    if (payload) hits_.fetch_add(1, std::memory_order_relaxed);
    return payload;
}

void SecretCache::Impl::find(const std::string& name, JobOptions options, Completion<SecretPtr> completion,
                             Wanted wanted) {
    if (auto hit = peek(name)) return completion(Outcome<SecretPtr>(std::move(hit)));
    misses_.fetch_add(1, std::memory_order_relaxed);
    auto flight = std::make_shared<SecretFlight>();
    Load load;
    {
        auto& shard = shard_of(name);
        const std::lock_guard lock(shard.mutex);
        // While changes may be missed, a load that began earlier may not know the newest one.
        if (coherent()) {
            auto& joinable = shard.flights[name].secret;
            if (joinable && options.deadline >= joinable->deadline) {
                joinable->waiters.push_back({std::move(completion), options});
                return;
            }
            load.joinable = joinable == nullptr;
            if (load.joinable) joinable = flight;
        }
        load.invalidations = shard.invalidations();
        flight->deadline = options.deadline;
        flight->waiters.push_back({std::move(completion), options});
    }
    load_secret(name, options, std::move(flight), load, wanted);
}

void SecretCache::Impl::load_secret(const std::string& name, JobOptions options,
                                    std::shared_ptr<SecretFlight> flight, Load load, Wanted wanted) {
    if (!coherent() && stale_secret(name)) make_hasty(options, load);
    database_.read_together<std::string, LoadedSecret>(
        options, wanted == Wanted::value ? load_with_value_ : load_alone_, name,
        [self = shared_from_this(), name, flight = std::move(flight), load](Outcome<LoadedSecret> outcome) {
            self->secret_loaded(name, *flight, load, std::move(outcome));
        });
}

void SecretCache::Impl::secret_loaded(const std::string& name, SecretFlight& flight, Load load,
                                      Outcome<LoadedSecret> outcome) {
    SecretPtr secret;
    std::optional<std::pair<VersionId, PayloadPtr>> value;
    std::exception_ptr error;
    if (outcome.has_value()) {
        auto loaded = outcome.take();
        if (loaded.secret) secret = std::make_shared<const StoredSecret>(std::move(*loaded.secret));
        if (loaded.value) {
            value.emplace(std::move(loaded.value->first),
                          std::make_shared<const StoredPayload>(std::move(loaded.value->second)));
        }
    } else {
        error = outcome.error();
    }
    std::vector<SecretFlight::Waiter> waiters;
    {
        auto& shard = shard_of(name);
        const std::lock_guard lock(shard.mutex);
        shard.land(name, flight);
        waiters = std::move(flight.waiters);
        const bool current = load.joinable ? !flight.outdated : load.invalidations == shard.invalidations();
        if (secret && current) shard.store(secret);
        if (secret && current && value) shard.store_payload(*secret, value->first, std::move(value->second));
        if (!secret && !error) shard.invalidate(name);
    }
    if (error) return secret_load_failed(name, std::move(waiters), load, error);
    deliver<StoredSecret>(waiters, secret);
}

void SecretCache::Impl::secret_load_failed(const std::string& name, std::vector<SecretFlight::Waiter> waiters,
                                           const Load& load, const std::exception_ptr& error) {
    const auto kind = kind_of(error);
    if (is_silence(kind) && !coherent()) {
        if (const auto stale = stale_secret(name)) {
            stale_served_ += waiters.size();
            return deliver<StoredSecret>(waiters, stale);
        }
    }
    if (kind == LoadFailure::integrity) {
        auto& shard = shard_of(name);
        const std::lock_guard lock(shard.mutex);
        shard.invalidate(name);
    }
    if (kind == LoadFailure::deadline) {
        for (auto& waiter : take_patient(waiters, load)) {
            find(name, waiter.options, std::move(waiter.completion), Wanted::secret);
        }
    }
    deliver_error<StoredSecret>(waiters, error);
}

void SecretCache::Impl::payload(const SecretPtr& secret, const VersionId& version, JobOptions options,
                                Completion<PayloadPtr> completion) {
    const auto known = std::find_if(secret->versions.begin(), secret->versions.end(),
                                    [&](const StoredVersion& v) { return v.id == version; });
    if (known == secret->versions.end() || !known->kind) return completion(Outcome<PayloadPtr>(PayloadPtr()));
    if (auto hit = peek_payload(*secret, version)) return completion(Outcome<PayloadPtr>(std::move(hit)));
    misses_.fetch_add(1, std::memory_order_relaxed);
    auto flight = std::make_shared<PayloadFlight>();
    Load load;
    {
        auto& shard = shard_of(secret->name);
        const std::lock_guard lock(shard.mutex);
        if (coherent()) {
            auto& joinable = shard.flights[secret->name].payloads[version];
            if (joinable && joinable->secret == secret->id && joinable->revision == secret->revision &&
                options.deadline >= joinable->deadline) {
                joinable->waiters.push_back({std::move(completion), options});
                return;
            }
            load.joinable = joinable == nullptr;
            if (load.joinable) joinable = flight;
        }
        load.invalidations = shard.invalidations();
        flight->deadline = options.deadline;
        flight->secret = secret->id;
        flight->revision = secret->revision;
        flight->waiters.push_back({std::move(completion), options});
    }
    load_payload(secret, version, options, std::move(flight), load);
}

void SecretCache::Impl::load_payload(const SecretPtr& secret, const VersionId& version, JobOptions options,
                                     std::shared_ptr<PayloadFlight> flight, Load load) {
    if (!coherent() && stale_payload(*secret, version)) make_hasty(options, load);
    database_.read<std::optional<StoredPayload>>(
        options,
        [id = secret->id, version](ReadTransaction& tx) {
            return SecretRepository::payload(tx, id, version);
        },
        [self = shared_from_this(), secret, version, flight = std::move(flight),
         load](Outcome<std::optional<StoredPayload>> outcome) {
            self->payload_loaded(secret, version, *flight, load, std::move(outcome));
        });
}

void SecretCache::Impl::payload_loaded(const SecretPtr& secret, const VersionId& version,
                                       PayloadFlight& flight, Load load,
                                       Outcome<std::optional<StoredPayload>> outcome) {
    PayloadPtr payload;
    std::exception_ptr error;
    if (outcome.has_value()) {
        if (auto found = outcome.take()) payload = std::make_shared<const StoredPayload>(std::move(*found));
    } else {
        error = outcome.error();
    }
    std::vector<PayloadFlight::Waiter> waiters;
    {
        auto& shard = shard_of(secret->name);
        const std::lock_guard lock(shard.mutex);
        shard.land(secret->name, version, flight);
        waiters = std::move(flight.waiters);
        const bool current = load.joinable ? !flight.outdated : load.invalidations == shard.invalidations();
        if (payload && current) shard.store_payload(*secret, version, payload);
    }
    if (error) return payload_load_failed(secret, version, std::move(waiters), load, error);
    deliver<StoredPayload>(waiters, payload);
}

void SecretCache::Impl::payload_load_failed(const SecretPtr& secret, const VersionId& version,
                                            std::vector<PayloadFlight::Waiter> waiters, const Load& load,
                                            const std::exception_ptr& error) {
    const auto kind = kind_of(error);
    if (is_silence(kind) && !coherent()) {
        if (const auto stale = stale_payload(*secret, version)) {
            stale_served_ += waiters.size();
            return deliver<StoredPayload>(waiters, stale);
        }
    }
    if (kind == LoadFailure::deadline) {
        for (auto& waiter : take_patient(waiters, load)) {
            payload(secret, version, waiter.options, std::move(waiter.completion));
        }
    }
    deliver_error<StoredPayload>(waiters, error);
}

bool SecretCache::Impl::fresh_enough(const CacheEntry& entry) const {
    const Clock::time_point lost(Clock::duration(lost_at_.load()));
    return Clock::now() - std::max(lost, entry.loaded) < config_.serve_stale_for;
}

SecretCache::SecretPtr SecretCache::Impl::stale_secret(const std::string& name) const {
    auto& shard = shard_of(name);
    const std::lock_guard lock(shard.mutex);
    const auto* entry = shard.find(name);
    return entry != nullptr && fresh_enough(*entry) ? entry->secret : nullptr;
}

SecretCache::PayloadPtr SecretCache::Impl::stale_payload(const StoredSecret& secret,
                                                         const VersionId& version) const {
    auto& shard = shard_of(secret.name);
    const std::lock_guard lock(shard.mutex);
    const auto* entry = shard.find(secret.name);
    return entry != nullptr && fresh_enough(*entry) ? shard.find_payload(secret, version) : nullptr;
}

void SecretCache::Impl::make_hasty(JobOptions& options, Load& load) {
    const auto soon = Clock::now() + kStalePatience;
    load.hasty = soon < options.deadline;
    options.deadline = std::min(options.deadline, soon);
}

template <class Waiters>
Waiters SecretCache::Impl::take_patient(Waiters& waiters, const Load& load) {
    // The deadline was that of the first, or else shorter; the others wait longer.
    const auto first = load.hasty ? waiters.begin() : waiters.begin() + 1;
    Waiters patient(std::make_move_iterator(first), std::make_move_iterator(waiters.end()));
    waiters.erase(first, waiters.end());
    return patient;
}

CacheStatistics SecretCache::Impl::statistics() const {
    CacheStatistics statistics;
    statistics.hits = hits_;
    statistics.misses = misses_;
    statistics.invalidations = invalidations_;
    statistics.stale_served = stale_served_;
    statistics.listening = coherent();
    for (const auto& shard : shards_) {
        const std::lock_guard lock(shard->mutex);
        statistics.bytes += shard->bytes();
        statistics.entries += shard->entries();
    }
    return statistics;
}

SecretCache::SecretCache(Database& database, CacheConfig config)
    : impl_(std::make_shared<Impl>(database, config)) {
    impl_->start();
}

SecretCache::~SecretCache() {
    close();
}

SecretCache::SecretPtr SecretCache::peek(const std::string& name) {
    return impl_->peek(name);
}

SecretCache::PayloadPtr SecretCache::peek_payload(const StoredSecret& secret, const VersionId& version) {
    return impl_->peek_payload(secret, version);
}

void SecretCache::find(const std::string& name, JobOptions options, Completion<SecretPtr> completion,
                       Wanted wanted) {
    impl_->find(name, options, std::move(completion), wanted);
}

void SecretCache::payload(const SecretPtr& secret, const VersionId& version, JobOptions options,
                          Completion<PayloadPtr> completion) {
    impl_->payload(secret, version, options, std::move(completion));
}

void SecretCache::forget(const std::string& name) {
    if (!name.empty()) impl_->forget(name);
}

CacheStatistics SecretCache::statistics() const {
    return impl_->statistics();
}

void SecretCache::close() {
    impl_->close();
}

}  // namespace coffer::storage
