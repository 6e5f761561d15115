#include "daemon/keys/reseal_worker.hpp"

#include "daemon/keys/seal_generations.hpp"
#include "storage/blocking.hpp"
#include "storage/iam_repository.hpp"
#include "storage/master_key_repository.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::keys {

using storage::ResealRepository;
using storage::SealKeyRepository;

namespace {

constexpr std::chrono::seconds kResealPatience{30};

/// Another node has the lease now; what this one had under way is given up.
class LeaseLost : public Error {
public:
    LeaseLost() : Error("another node has taken over") {}
};

void require_lease(bool mine) {
    if (!mine) throw LeaseLost();
}

JobOptions reseal_options() {
    return {Priority::rewrap, std::chrono::steady_clock::now() + kResealPatience};
}

}  // namespace

ResealWorker::ResealWorker(ResealParts parts, std::uint32_t per_second, ResealEvents events)
    : parts_(std::move(parts)), events_(std::move(events)), limiter_(per_second) {
    thread_.start("reseal", [this](const std::stop_token& stop) { return round(stop); });
}

std::chrono::milliseconds ResealWorker::round(const std::stop_token& stop) {
    try {
        static_cast<void>(run_once(stop));
        counters_.paused = false;
    } catch (const std::exception& error) {
        if (!counters_.paused.exchange(true)) events_.paused(error.what());
    }
    counters_.running = false;
    return kLookInterval;
}

template <class Job>
auto ResealWorker::write(Job job) const {
    return storage::write_and_wait(parts_.database, reseal_options(), std::move(job));
}

/// For what could not be sealed anew: whichever node tried it last.
bool ResealWorker::is_too_early(const storage::ResealProgress& progress) const {
    return progress.ended && parts_.clock.now() < *progress.ended + kFailuresInterval;
}

bool ResealWorker::run_once(const std::stop_token& stop) {
    const std::lock_guard one_at_a_time(round_mutex_);
    struct Look {
        std::uint32_t generation = 0;
        std::optional<storage::ResealProgress> progress;
    };
    const auto look =
        storage::read_and_wait(parts_.database, reseal_options(), [](storage::ReadTransaction& tx) {
            const auto generation = newest_active(SealKeyRepository::keys(tx));
            return Look{generation, ResealRepository::progress(tx, generation)};
        });
    // Generation 1 has none before it; and what this node cannot seal under, others do.
    if (look.generation <= 1) return true;
    if (parts_.hsm.seals().sealing_generation() != look.generation) return false;
    if (look.progress && look.progress->ended) {
        if (look.progress->failed == 0) return true;
        if (is_too_early(*look.progress)) return false;
    }
    const bool mine = write([&](storage::WriteTransaction& tx) {
        // It counts all rows.
        if (!look.progress) ResealRepository::begin(tx, look.generation, parts_.clock.now());
        if (look.progress && look.progress->ended) ResealRepository::reopen(tx, look.generation);
        return ResealRepository::claim(tx, look.generation, parts_.node, kLease);
    });
    if (!mine) return false;
    counters_.running = true;
    events_.begun(look.generation);
    bool whole = false;
    try {
        whole = pass(look.generation, stop);
    } catch (const LeaseLost&) {
        // Nothing is lost: the other node does it.
    }
    counters_.running = false;
    return whole;
}

bool ResealWorker::pass(std::uint32_t generation, const std::stop_token& stop) {
    constexpr int kPassesMax = 10;
    for (int number = 0; number < kPassesMax; ++number) {
        const auto before = counters_.done.load();
        write([&](storage::WriteTransaction& tx) {
            advance(tx, generation, ResealRepository::position(tx, generation), 0);
            ResealRepository::clear_failures(tx);
        });
        const bool whole = through(generation, stop, &ResealWorker::reseal_secrets) &&
                           through(generation, stop, &ResealWorker::reseal_principals) &&
                           through(generation, stop, &ResealWorker::reseal_key_set);
        if (!whole) return false;
        const bool changed = counters_.done != before;
        struct Left {
            std::int64_t rows = 0;
            bool ended = false;
        };
        const auto left = write([&](storage::WriteTransaction& tx) {
            Left found;
            for (const auto& [older, count] : SealKeyRepository::count_rows(tx)) {
                if (older < generation) found.rows += count;
            }
            // What a slow node stored meanwhile is found by another pass. What is left by one that went
            // through everything, as the first need not have, and could do nothing, is broken.
            found.ended = found.rows == 0 || (!changed && number > 0);
            if (found.ended) {
                require_lease(
                    ResealRepository::end(tx, generation, parts_.node, found.rows, parts_.clock.now()));
            } else {
                require_lease(ResealRepository::rewind(tx, generation, parts_.node));
            }
            return found;
        });
        if (!left.ended) continue;
        counters_.failed += static_cast<std::uint64_t>(left.rows);
        events_.ended(generation, left.rows);
        return left.rows == 0;
    }
    return false;
}

bool ResealWorker::through(std::uint32_t generation, const std::stop_token& stop,
                           Batch (ResealWorker::*batch)(storage::WriteTransaction&, std::uint32_t) const) {
    while (!stop.stop_requested()) {
        const auto result = write([&](storage::WriteTransaction& tx) {
            auto done = (this->*batch)(tx, generation);
            for (const auto& failure : done.failures) ResealRepository::add_failure(tx, failure);
            if (done.done > 0) leave_event(tx, generation, done.done);
            return done;
        });
        counters_.done += static_cast<std::uint64_t>(result.done);
        if (result.directory) parts_.principals.publish(result.directory);
        if (result.at_end) return true;
        limiter_.take(static_cast<std::size_t>(result.done), stop);
    }
    return false;
}

void ResealWorker::advance(storage::WriteTransaction& tx, std::uint32_t generation,
                           const std::optional<Uuid>& position, std::int64_t done) const {
    require_lease(ResealRepository::advance(tx, generation, parts_.node, position, done, kLease));
}

void ResealWorker::leave_event(storage::WriteTransaction& tx, std::uint32_t generation,
                               std::int64_t rows) const {
    if (!parts_.leave_event) return;
    parts_.leave_event(tx,
                       {"ResealRows", "seal key rotation", {}, {{"generation", generation}, {"rows", rows}}});
}

ResealWorker::Batch ResealWorker::reseal_secrets(storage::WriteTransaction& tx,
                                                 std::uint32_t generation) const {
    Batch batch;
    const auto position = ResealRepository::position(tx, generation);
    const auto secrets = ResealRepository::secrets(tx, generation, position, kBatch);
    for (const auto& each : secrets) {
        try {
            auto secret = storage::SecretRepository::lock(tx, each.name);
            // Gone, or written under the new generation, since it was looked for.
            if (!secret || storage::seal_generation(secret->seal) >= generation) continue;
            storage::SecretRepository::update(tx, std::move(*secret), {});
            ++batch.done;
        } catch (const IntegrityError& broken) {
            batch.failures.push_back({"secrets " + each.name, broken.what()});
        }
    }
    batch.at_end = secrets.size() < kBatch;
    const auto behind = secrets.empty() ? position : std::optional(secrets.back().id.value());
    advance(tx, generation, behind, batch.done);
    return batch;
}

ResealWorker::Batch ResealWorker::reseal_principals(storage::WriteTransaction& tx,
                                                    std::uint32_t generation) const {
    Batch batch;
    batch.at_end = true;
    try {
        const auto directory = parts_.principals.lock(tx);
        const auto& locked = directory->stored();
        for (const auto& [key, fault] : locked.faults) {
            batch.failures.push_back(
                {"iam_entities " + storage::describe(key), std::string(storage::describe(fault))});
        }
        std::vector<storage::IamChange> changes;
        for (const auto& [key, entity] : locked.entities) {
            if (storage::seal_generation(entity->seal) >= generation) continue;
            if (changes.size() == kPrincipals) {
                batch.at_end = false;
                break;
            }
            changes.push_back({key, entity->document, locked.listed.at(key).claims});
        }
        const bool manifest_is_older =
            !locked.seal.empty() && storage::seal_generation(locked.seal) < generation;
        if (!changes.empty() || manifest_is_older) {
            batch.done = static_cast<std::int64_t>(changes.size()) + (manifest_is_older ? 1 : 0);
            batch.directory = iam::Directory::build(storage::IamRepository::store(tx, locked, changes),
                                                    directory->account(), directory.get());
        }
    } catch (const iam::OlderManifest&) {
        throw;  // what is sealed anew would pass for newer
    } catch (const IntegrityError& broken) {
        batch.failures.push_back({"iam_manifest", broken.what()});
    }
    advance(tx, generation, ResealRepository::position(tx, generation), batch.done);
    return batch;
}

ResealWorker::Batch ResealWorker::reseal_key_set(storage::WriteTransaction& tx,
                                                 std::uint32_t generation) const {
    Batch batch;
    batch.at_end = true;
    if (!ResealRepository::set_is_older(tx, generation)) return batch;
    try {
        const auto locked = storage::MasterKeyRepository::lock(tx);
        storage::MasterKeyRepository::store(tx, locked, locked);
        batch.done = 1;
    } catch (const IntegrityError& broken) {
        batch.failures.push_back({"set_seals master_keys", broken.what()});
    }
    advance(tx, generation, ResealRepository::position(tx, generation), batch.done);
    return batch;
}

}  // namespace coffer::keys
