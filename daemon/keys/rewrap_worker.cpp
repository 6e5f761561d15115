#include "daemon/keys/rewrap_worker.hpp"

#include "daemon/keys/key_set.hpp"
#include "storage/blocking.hpp"

namespace coffer::keys {

using storage::RewrapRepository;

namespace {

constexpr std::chrono::seconds kLookPatience{30};

JobOptions look_options() {
    return {Priority::rewrap, std::chrono::steady_clock::now() + kLookPatience};
}

}  // namespace

RewrapWorker::RewrapWorker(RewrapParts parts, RewrapOptions options, std::uint32_t per_second,
                           RewrapEvents events)
    : parts_(std::move(parts)),
      options_(std::move(options)),
      events_(std::move(events)),
      limiter_(per_second) {
    thread_.start("rewrap", [this](const std::stop_token& stop) { return round(stop); });
}

bool RewrapWorker::may_try(const crypto::MasterKeyRef& to) const {
    const auto failed = failed_at_.find(to);
    return failed == failed_at_.end() ||
           std::chrono::steady_clock::now() - failed->second >= kFailuresInterval;
}

bool RewrapWorker::run_once(const std::stop_token& stop) {
    const std::lock_guard one_at_a_time(round_mutex_);
    const auto keys = storage::read_and_wait(
        parts_.database, look_options(),
        [](storage::ReadTransaction& tx) { return storage::MasterKeyRepository::load(tx); });
    bool all_done = true;
    for (const auto& key : key_ids(keys)) {
        const crypto::MasterKeyRef to{crypto::MasterKeyId(key), newest_of(keys, key)};
        // Without the new generation in its token a node leaves it to the others.
        if (!needs_rewrap(keys, key)) continue;
        if (stop.stop_requested() || !parts_.hsm.key_changes().holds(to) || !may_try(to)) {
            all_done = false;
            continue;
        }
        if (failed_at_.contains(to)) {
            storage::write_and_wait(parts_.database, look_options(), [&key](storage::WriteTransaction& tx) {
                RewrapRepository::begin_again(tx, key);
            });
        }
        const auto name = name_of(keys, key);
        events_.begun(name, to.generation);
        counters_.running = true;
        RewrapRun work(parts_, options_, counters_, limiter_, events_.paused);
        const auto end = work.run(to, stop);
        counters_.running = false;
        events_.ended(name, to.generation, end);
        failed_at_.erase(to);
        if (end == RewrapEnd::failures) failed_at_[to] = std::chrono::steady_clock::now();
        if (end != RewrapEnd::done) all_done = false;
    }
    return all_done;
}

std::chrono::milliseconds RewrapWorker::round(const std::stop_token& stop) {
    try {
        static_cast<void>(run_once(stop));
        counters_.paused = false;
    } catch (const std::exception& error) {
        if (!counters_.paused.exchange(true)) events_.paused(error.what());
    }
    return kLookInterval;
}

}  // namespace coffer::keys
