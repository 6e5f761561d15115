#include "client/caching_client.hpp"

#include <future>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <tuple>
#include <utility>

#include "client/errors.hpp"
#include "client/wipe.hpp"

namespace coffer::client {

namespace {

using Clock = std::chrono::steady_clock;

/// Whether the failure says nothing about the secret, only that Coffer cannot be asked now.
bool is_outage(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const ServiceError& error) {
        return error.retryable();
    } catch (const ConnectionError& error) {
        return error.retryable();
    } catch (const DeadlineExceeded&) {
        return true;
    } catch (...) {
        return false;
    }
}

std::shared_ptr<const CachedSecret> to_secret(const v1::GetSecretValueResponse& response) {
    auto secret = std::make_shared<CachedSecret>();
    secret->arn = response.arn();
    secret->name = response.name();
    secret->version_id = response.version_id();
    secret->version_stages.assign(response.version_stages().begin(), response.version_stages().end());
    secret->created_date = response.created_date();
    secret->binary = response.has_secret_binary();
    secret->value = crypto::SecretBytes::copy_of(
        std::string_view(secret->binary ? response.secret_binary() : response.secret_string()));
    return secret;
}

std::shared_ptr<const CachedSecret> stale_copy(const CachedSecret& secret) {
    auto copy = std::make_shared<CachedSecret>();
    copy->arn = secret.arn;
    copy->name = secret.name;
    copy->version_id = secret.version_id;
    copy->version_stages = secret.version_stages;
    copy->created_date = secret.created_date;
    copy->binary = secret.binary;
    copy->value = secret.value.clone();
    copy->stale = true;
    return copy;
}

}  // namespace

class CachingClient::Entries {
public:
    Entries(Source source, CacheConfig config, Now now)
        : source_(std::move(source)), config_(config), now_(std::move(now)) {}

    Secret get(const v1::GetSecretValueRequest& request) {
        const Key key{request.secret_id(), request.version_id(), request.version_stage()};
        std::promise<Secret> promise;
        std::shared_future<Secret> outcome;
        std::uint64_t generation = 0;
        {
            const std::lock_guard lock(mutex_);
            if (auto kept = fresh(key)) return kept;
            generation = generation_;
            if (const auto flight = flights_.find(key); flight != flights_.end()) {
                outcome = flight->second;
            } else {
                flights_.emplace(key, promise.get_future().share());
            }
        }
        if (outcome.valid()) return outcome.get();
        return load(key, generation, request, promise);
    }

    void forget(const std::string& secret_id) {
        const std::lock_guard lock(mutex_);
        begin_generation();
        const auto is_named = [&](const Entry& entry) {
            return std::get<0>(entry.key) == secret_id || entry.secret->name == secret_id ||
                   entry.secret->arn == secret_id;
        };
        std::set<std::string> arns;
        for (const auto& entry : entries_) {
            if (is_named(entry)) arns.insert(entry.secret->arn);
        }
        arns.erase(std::string());
        std::erase_if(entries_, [&](const Entry& entry) {
            return is_named(entry) || arns.contains(entry.secret->arn);
        });
        reindex();
    }

    void clear() {
        const std::lock_guard lock(mutex_);
        begin_generation();
        entries_.clear();
        index_.clear();
    }

    std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return entries_.size();
    }

private:
    using Key = std::tuple<std::string, std::string, std::string>;
    struct Entry {
        Key key;
        Secret secret;
        Clock::time_point read_at;
        Clock::time_point ask_again_at;
    };
    using EntryList = std::list<Entry>;  // the most recently used first

    /// The value that needs no question now; moves it to the front. Null when there is none.
    Secret fresh(const Key& key) {
        const auto found = index_.find(key);
        if (found == index_.end()) return nullptr;
        entries_.splice(entries_.begin(), entries_, found->second);
        const Entry& entry = *found->second;
        const auto now = now_();
        if (now < entry.ask_again_at && now < entry.read_at + config_.ttl + config_.serve_stale_for)
            return entry.secret;
        return nullptr;
    }

    /// What is being read now was asked for before: whoever asks from now on does not wait for it.
    void begin_generation() {
        ++generation_;
        flights_.clear();
    }

    Secret load(const Key& key, std::uint64_t generation, const v1::GetSecretValueRequest& request,
                std::promise<Secret>& promise) {
        try {
            const Wiped response(source_(request));
            Secret secret = to_secret(*response);
            keep(key, secret, generation);
            promise.set_value(secret);
            return secret;
        } catch (...) {
            const auto failure = std::current_exception();
            if (Secret stale = after_failure(key, generation, failure)) {
                promise.set_value(stale);
                return stale;
            }
            promise.set_exception(failure);
            throw;
        }
    }

    void keep(const Key& key, const Secret& secret, std::uint64_t generation) {
        const std::lock_guard lock(mutex_);
        if (generation != generation_) return;  // its flight may be another one's by now
        flights_.erase(key);
        erase(key);
        const auto now = now_();
        entries_.push_front({key, secret, now, now + config_.ttl});
        index_.emplace(key, entries_.begin());
        while (entries_.size() > config_.entries_max) erase(Key(entries_.back().key));
    }

    /// The value to serve in spite of `failure`, or null, with the entry dropped unless it may serve later.
    Secret after_failure(const Key& key, std::uint64_t generation, const std::exception_ptr& failure) {
        const std::lock_guard lock(mutex_);
        if (generation != generation_) return nullptr;
        flights_.erase(key);
        const auto found = index_.find(key);
        if (found == index_.end()) return nullptr;
        Entry& entry = *found->second;
        const auto now = now_();
        if (!is_outage(failure) || now >= entry.read_at + config_.ttl + config_.serve_stale_for) {
            erase(key);
            return nullptr;
        }
        if (!entry.secret->stale) entry.secret = stale_copy(*entry.secret);
        entry.ask_again_at = now + config_.stale_retry_after;
        return entry.secret;
    }

    void erase(const Key& key) {
        const auto found = index_.find(key);
        if (found == index_.end()) return;
        entries_.erase(found->second);
        index_.erase(found);
    }

    void reindex() {
        index_.clear();
        for (auto entry = entries_.begin(); entry != entries_.end(); ++entry)
            index_.emplace(entry->key, entry);
    }

    const Source source_;
    const CacheConfig config_;
    const Now now_;
    mutable std::mutex mutex_;
    EntryList entries_;
    std::map<Key, EntryList::iterator> index_;
    std::map<Key, std::shared_future<Secret>> flights_;
    std::uint64_t generation_ = 0;
};

CachingClient::CachingClient(Client& client, CacheConfig config)
    : CachingClient(
          [&client](const v1::GetSecretValueRequest& request) { return client.get_secret_value(request); },
          config, [] { return Clock::now(); }) {}

CachingClient::CachingClient(Source source, CacheConfig config, Now now)
    : entries_(std::make_unique<Entries>(std::move(source), config, std::move(now))) {}

CachingClient::~CachingClient() = default;

CachingClient::Secret CachingClient::get(const std::string& secret_id) {
    v1::GetSecretValueRequest request;
    request.set_secret_id(secret_id);
    return get(request);
}

CachingClient::Secret CachingClient::get(const v1::GetSecretValueRequest& request) {
    return entries_->get(request);
}

void CachingClient::forget(const std::string& secret_id) {
    entries_->forget(secret_id);
}

void CachingClient::clear() {
    entries_->clear();
}

std::size_t CachingClient::size() const {
    return entries_->size();
}

}  // namespace coffer::client
