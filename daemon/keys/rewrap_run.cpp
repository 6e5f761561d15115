#include "daemon/keys/rewrap_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "daemon/iam/access_key_rewrap.hpp"
#include "daemon/keys/key_set.hpp"
#include "storage/blocking.hpp"
#include "storage/master_key_repository.hpp"

namespace coffer::keys {

using storage::RewrapRepository;
using storage::RewrapSlice;

namespace {

constexpr std::chrono::seconds kBatchPatience{30};
/// Between two looks at whether other nodes have finished their parts.
constexpr std::chrono::milliseconds kOthersInterval{500};
/// Blocks of the table that a part's first batch is of. Later ones are of as many as hold a batch.
constexpr std::int64_t kFirstBlocks = 8;
constexpr std::int64_t kMostBlocks = 4096;
/// More rows than a block of PostgreSQL's can have (MaxHeapTuplesPerPage: 291 of 8 KiB, 1,169 of 32).
constexpr std::size_t kMostInBlock = 1169;

}  // namespace

RewrapRun::RewrapRun(const RewrapParts& parts, const RewrapOptions& options, RewrapCounters& counters,
                     RateLimiter& limiter, std::function<void(const std::string&)> paused)
    : parts_(parts), options_(options), counters_(counters), limiter_(limiter), paused_(std::move(paused)) {}

JobOptions RewrapRun::patient() const {
    return {Priority::rewrap, std::chrono::steady_clock::now() + kBatchPatience};
}

template <class T>
T RewrapRun::read(UniqueFunction<T(storage::ReadTransaction&)> job) const {
    return storage::read_and_wait(parts_.database, patient(), std::move(job));
}

template <class T>
T RewrapRun::write(UniqueFunction<T(storage::WriteTransaction&)> job) const {
    return storage::write_and_wait(parts_.database, patient(), std::move(job));
}

void RewrapRun::wait(std::chrono::milliseconds time, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    stopped_.wait_for(lock, stop, time, [] { return false; });
}

void RewrapRun::pause(const std::string& reason, const std::stop_token& stop) {
    if (!counters_.paused.exchange(true)) paused_(reason);
    wait(options_.pause, stop);
}

RewrapEnd RewrapRun::run(crypto::MasterKeyRef to, const std::stop_token& stop) {
    to_ = to;
    while (!stop.stop_requested()) {
        try {
            static_cast<void>(write<bool>([this](storage::WriteTransaction& tx) {
                // What this node held when it died: nothing of it is under way now.
                RewrapRepository::release(tx, to_.id.value(), options_.node);
                return RewrapRepository::begin(tx, to_.id.value(), to_.generation, parts_.clock.now());
            }));
            {
                std::vector<std::jthread> lanes;
                while (lanes.size() < options_.lanes) lanes.emplace_back([this, &stop] { lane(stop); });
            }
            if (stop.stop_requested()) break;
            rewrap_access_keys();
            counters_.paused = false;
            if (const auto end = look_whether_done()) return *end;
            wait(kOthersInterval, stop);
        } catch (const std::exception& error) {
            pause(error.what(), stop);
        }
    }
    try {
        static_cast<void>(write<Done>([this](storage::WriteTransaction& tx) {
            RewrapRepository::release(tx, to_.id.value(), options_.node);
            return Done{};
        }));
    } catch (const std::exception&) {
        // The leases run out.
    }
    return RewrapEnd::stopped;
}

// ---- versions -------------------------------------------------------------------------------------------

std::optional<RewrapSlice> RewrapRun::claim() {
    return write<std::optional<RewrapSlice>>([this](storage::WriteTransaction& tx) {
        return RewrapRepository::claim(tx, to_.id.value(), to_.generation, options_.node, options_.lease);
    });
}

void RewrapRun::lane(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        try {
            const auto slice = claim();
            counters_.paused = false;
            if (!slice || !work_through(*slice, stop)) return;
        } catch (const std::exception& error) {
            pause(error.what(), stop);
        }
    }
}

bool RewrapRun::work_through(RewrapSlice slice, const std::stop_token& stop) {
    std::int64_t blocks = kFirstBlocks;
    while (!stop.stop_requested()) {
        try {
            if (!slice.is_done()) {
                batch(slice, blocks, stop);
                counters_.paused = false;
                continue;
            }
            static_cast<void>(write<Done>([this, &slice](storage::WriteTransaction& tx) {
                RewrapRepository::finish(tx, to_.id.value(), slice);
                return Done{};
            }));
            return true;
        } catch (const std::exception& error) {
            // The part is gone through from where it stood. Should another node have taken it over meanwhile,
            // then one of the two finds nothing to do.
            pause(error.what(), stop);
        }
    }
    return false;
}

void RewrapRun::batch(RewrapSlice& slice, std::int64_t& blocks, const std::stop_token& stop) {
    const auto& key = to_.id.value();
    const auto end = std::min(slice.end_block, slice.next_block + blocks);
    const auto found = read<std::vector<storage::StoredDataKey>>([&](storage::ReadTransaction& tx) {
        return RewrapRepository::next(tx, key, to_.generation, slice.next_block, end,
                                      options_.batch + kMostInBlock);
    });
    if (found.size() > options_.batch && blocks > 1) {
        blocks = std::max<std::int64_t>(blocks / 2, 1);
        return;
    }
    if (found.size() <= options_.batch / 2) blocks = std::min(blocks * 2, kMostBlocks);
    limiter_.take(found.size(), stop);
    if (stop.stop_requested()) return;
    std::vector<crypto::WrappedDataKey> keys;
    keys.reserve(found.size());
    for (const auto& each : found) keys.push_back({{to_.id, each.generation}, each.wrapped_key});
    auto outcomes = parts_.hsm.rewrapper().rewrap(std::move(keys), to_, patient());
    std::vector<storage::RewrappedDataKey> rewrapped;
    std::vector<storage::RewrapFailure> failures;
    for (std::size_t i = 0; i < found.size(); ++i) {
        auto& outcome = outcomes[i];
        if (outcome.failure.empty()) {
            rewrapped.push_back(
                {found[i].secret, found[i].version, found[i].wrapped_key, std::move(outcome.wrapped_key)});
        } else {
            failures.push_back(
                {found[i].secret, found[i].version, found[i].generation, std::move(outcome.failure)});
        }
    }
    RewrapSlice next = slice;
    next.next_block = end;
    const auto stored = write<std::size_t>([&](storage::WriteTransaction& tx) {
        const auto count = RewrapRepository::store(tx, key, to_.generation, next, rewrapped, options_.lease);
        if (!failures.empty()) RewrapRepository::note_failures(tx, key, failures);
        return count;
    });
    slice = next;
    counters_.done += stored;
    counters_.failed += failures.size();
}

// ---- access keys ----------------------------------------------------------------------------------------

void RewrapRun::rewrap_access_keys() {
    auto secrets = iam::access_key_secrets(*parts_.principals.directory(), &to_.id.value());
    std::erase_if(secrets, [&](const auto& each) { return each.secret.generation >= to_.generation; });
    if (secrets.empty()) return;
    std::vector<crypto::WrappedDataKey> keys;
    for (const auto& each : secrets)
        keys.push_back({{to_.id, each.secret.generation}, each.secret.wrapped_key});
    auto outcomes = parts_.hsm.rewrapper().rewrap(std::move(keys), to_, patient());
    std::vector<iam::RewrappedAccessKey> rewrapped;
    for (std::size_t i = 0; i < secrets.size(); ++i) {
        if (!outcomes[i].failure.empty()) {
            ++counters_.failed;
            continue;
        }
        rewrapped.push_back({secrets[i].user, secrets[i].access_key_id, secrets[i].secret.wrapped_key,
                             std::move(outcomes[i].wrapped_key), to_.generation});
    }
    if (rewrapped.empty()) return;
    const auto directory = write<iam::DirectoryPtr>([&](storage::WriteTransaction& tx) {
        auto changed = iam::store_rewrapped(tx, parts_.principals, rewrapped);
        if (parts_.leave_event) {
            parts_.leave_event(tx, {"RewrapAccessKeys",
                                    "key rotation",
                                    {},
                                    {{"keyId", to_.id.value().text()},
                                     {"generation", to_.generation},
                                     {"accessKeys", rewrapped.size()}}});
        }
        return changed;
    });
    if (!directory) return;
    counters_.done += rewrapped.size();
    parts_.principals.publish(directory);
}

// ---- the end --------------------------------------------------------------------------------------------

std::optional<RewrapEnd> RewrapRun::look_whether_done() {
    const auto& key = to_.id.value();
    const auto before = read<std::optional<storage::RewrapProgress>>(
        [&](storage::ReadTransaction& tx) { return RewrapRepository::progress(tx, key); });
    if (!before || before->open_slices > 0) return std::nullopt;
    const auto remaining = read<std::int64_t>([&](storage::ReadTransaction& tx) {
        return RewrapRepository::count_remaining(tx, key, to_.generation);
    });
    if (remaining > 0) {
        static_cast<void>(write<Done>([&](storage::WriteTransaction& tx) {
            const auto now = RewrapRepository::progress(tx, key);
            if (now && now->open_slices == 0) RewrapRepository::begin_pass(tx, key);
            return Done{};
        }));
        return std::nullopt;
    }
    const bool others =
        std::ranges::any_of(iam::access_key_secrets(*parts_.principals.directory(), &key),
                            [&](const auto& each) { return each.secret.generation < to_.generation; });
    const auto end = before->failed > 0 || others ? RewrapEnd::failures : RewrapEnd::done;
    static_cast<void>(write<Done>([&](storage::WriteTransaction& tx) {
        const auto locked = storage::MasterKeyRepository::lock(tx);
        auto settings = settings_of(locked, key);
        if (newest_of(locked, key) != to_.generation || settings.rewrapped_generation >= to_.generation) {
            return Done{};  // another node was faster, or the key was rotated again
        }
        RewrapRepository::end(tx, key, parts_.clock.now());
        if (end == RewrapEnd::failures) return Done{};
        settings.rewrapped_generation = to_.generation;
        settings.rewrapped = parts_.clock.now();
        auto changed = locked;
        changed.settings[key] = settings;
        storage::MasterKeyRepository::store(tx, locked, std::move(changed));
        if (parts_.leave_event) {
            parts_.leave_event(
                tx, {"EndRewrap",
                     "key rotation",
                     {},
                     {{"keyId", key.text()}, {"generation", to_.generation}, {"versions", before->done}}});
        }
        return Done{};
    }));
    return end;
}

}  // namespace coffer::keys
