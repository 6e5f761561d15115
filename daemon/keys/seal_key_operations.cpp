// DescribeKey, RotateKeyOnDemand and RetireKeyGenerations of the seal key.

#include <fmt/format.h>

#include <algorithm>

#include "daemon/audit/utc_time.hpp"
#include "daemon/keys/seal_generations.hpp"
#include "daemon/keys/service_support.hpp"
#include "daemon/secrets/errors.hpp"
#include "storage/master_key_repository.hpp"

namespace coffer::keys {

using access::Action;
using storage::ResealRepository;
using storage::SealKeyRepository;
using storage::StoredSealKey;

namespace {

/// Rows with broken seals that are named.
constexpr std::size_t kNamedRows = 5;
/// Sessions are good for 36 hours (daemon/sts/session_keys.hpp), and nodes' clocks differ a little.
constexpr std::chrono::hours kLongestLife{37};

/// What the database says of the seal key.
struct ToldSealKeys {
    std::vector<StoredSealKey> generations;
    std::vector<storage::SealHolder> holders;
    std::optional<storage::ResealProgress> progress;
    std::vector<storage::ResealFailure> failures;
    std::map<std::uint32_t, std::int64_t> rows;  ///< not while they are being sealed anew
    std::vector<std::string> outbox_nodes;       ///< that have events of before the newest was in use
};

/// `with_rows`: counting reads all sealed tables.
ToldSealKeys load_seal_keys(storage::ReadTransaction& tx, bool with_rows) {
    ToldSealKeys told;
    told.generations = SealKeyRepository::keys(tx);
    told.holders = SealKeyRepository::holders(tx);
    const auto active = newest_active(told.generations);
    told.progress = ResealRepository::progress(tx, active);
    told.failures = ResealRepository::failures(tx, kNamedRows + 1);
    const bool running = told.progress && !told.progress->ended && told.progress->leased;
    if (with_rows && !running) told.rows = SealKeyRepository::count_rows(tx);
    for (const auto& key : told.generations) {
        if (key.generation == active && key.activated)
            told.outbox_nodes = SealKeyRepository::nodes_with_events_before(tx, *key.activated);
    }
    return told;
}

std::string joined_names(const std::vector<std::string>& names) {
    std::string all;
    for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
    return all;
}

std::string name_broken(const std::vector<storage::ResealFailure>& failures) {
    std::string text = "the seals of these rows are broken, and they are left as they are:";
    for (std::size_t i = 0; i < failures.size() && i < kNamedRows; ++i) {
        text += fmt::format(" {} ({});", failures[i].name, failures[i].reason);
    }
    if (failures.size() > kNamedRows) text += " ...";
    return text;
}

void add_reseal(const ToldSealKeys& told, const Clock& clock, v1::KeyMetadata& metadata) {
    const auto newest = newest_told(told.generations);
    if (newest <= 1) return;
    auto& shown = *metadata.mutable_rewrap();
    shown.set_state("Waiting");
    if (newest_active(told.generations) < newest) {
        const auto behind = nodes_without(told.holders, newest);
        shown.set_message(fmt::format("generation {} is not in use before all nodes know it{}{}", newest,
                                      behind.empty() ? "" : "; these do not: ", joined_names(behind)));
        return;
    }
    if (!told.progress) return;
    const auto& progress = *told.progress;
    if (progress.leased) shown.set_state("Running");
    if (progress.ended) shown.set_state(progress.failed > 0 ? "Failed" : "Done");
    shown.set_start_date(progress.started.seconds());
    if (progress.ended) shown.set_end_date(progress.ended->seconds());
    shown.set_total(std::max(progress.total, progress.done));
    shown.set_done(progress.done);
    const auto took = progress.ended.value_or(clock.now()).millis() - progress.started.millis();
    constexpr double kMillis = 1000;
    if (took > 0)
        shown.set_per_second(static_cast<double>(progress.done) * kMillis / static_cast<double>(took));
    if (!told.failures.empty()) shown.set_message(name_broken(told.failures));
}

/// Why generation `number` is not destroyed, as far as that can be said before writers are waited for; empty
/// when nothing speaks against it.
std::string seal_obstacle(const ToldSealKeys& told, std::uint32_t number, Timestamp now, bool force) {
    const auto newest = newest_told(told.generations);
    const auto active = std::ranges::find(told.generations, newest, &StoredSealKey::generation);
    if (!active->activated)
        return fmt::format("generation {} is not in use before all nodes know it", newest);
    if (!told.progress || !told.progress->ended)
        return "rows are being sealed anew (DescribeKey says how far that is)";
    if (const auto rows = told.rows.find(number); rows != told.rows.end()) {
        return fmt::format("{} row{} sealed under it{}{}", rows->second, rows->second == 1 ? " is" : "s are",
                           told.failures.empty() ? "" : "; ",
                           told.failures.empty() ? "" : name_broken(told.failures));
    }
    if (force) return {};
    const auto until = *active->activated + kLongestLife;
    if (now < until) {
        return fmt::format("sessions that were begun before live until {}; with Force they end now",
                           audit::utc_seconds(until));
    }
    if (told.outbox_nodes.empty()) return {};
    return fmt::format(
        "events of {} are not in their journals yet; start these nodes. With Force their events are lost",
        joined_names(told.outbox_nodes));
}

void keep_seal_generation(v1::RetireKeyGenerationsResponse& response, std::uint32_t generation,
                          const std::string& reason) {
    auto& kept = *response.add_kept();
    kept.set_generation(generation);
    kept.set_reason(reason);
}

}  // namespace

v1::KeyMetadata KeyService::seal_key_metadata(Context call, bool with_rows) const {
    const auto told = read<ToldSealKeys>(
        call, [with_rows](storage::ReadTransaction& tx) { return load_seal_keys(tx, with_rows); });
    const auto held = parts_.hsm.seals().generations();
    std::map<std::uint32_t, v1::KeyGeneration> generations;
    for (const auto& key : told.generations)
        generations[key.generation].set_creation_date(key.created.seconds());
    for (const auto generation : held) generations[generation];
    v1::KeyMetadata metadata;
    metadata.set_description("Seals the rows of the database that decide access or meaning.");
    metadata.set_key_usage("GENERATE_VERIFY_MAC");
    const auto sealing = parts_.hsm.seals().sealing_generation();
    metadata.set_current_generation(std::max(sealing, newest_active(told.generations)));
    const bool known = std::ranges::find(held, metadata.current_generation()) != held.end();
    metadata.set_key_state(known ? "Enabled" : "Unavailable");
    for (auto& [number, shown] : generations) {
        shown.set_generation(number);
        shown.set_in_token(std::ranges::find(held, number) != held.end());
        if (!told.rows.empty()) {
            const auto rows = told.rows.find(number);
            shown.set_rows(rows == told.rows.end() ? 0 : rows->second);
        }
        for (const auto& holder : told.holders) {
            if (holder.generation == number && holder.seconds_ago < kSilentSeconds)
                shown.add_nodes(holder.node);
        }
        if (shown.has_creation_date() && !metadata.has_creation_date())
            metadata.set_creation_date(shown.creation_date());
        metadata.mutable_generations()->Add(std::move(shown));
    }
    add_reseal(told, parts_.clock, metadata);
    return metadata;
}

v1::RotateKeyOnDemandResponse KeyService::rotate_seal_key(Context call) {
    const auto arn = token_key_arn(parts_.node, TokenKey::seal);
    const auto made = write<StoredSealKey>(call, [&](storage::WriteTransaction& tx) {
        const auto key = make_next_seal_generation(tx, {parts_.hsm, parts_.clock});
        call.record->concerns(arn);
        call.record->response_elements.emplace(boost::json::object{
            {"keyId", boost::json::string(alias_of(TokenKey::seal))}, {"generation", key.generation}});
        return key;
    });
    parts_.changed();
    v1::RotateKeyOnDemandResponse response;
    response.set_key_id(std::string(alias_of(TokenKey::seal)));
    response.set_generation(made.generation);
    return response;
}

void KeyService::set_seal_key_retired(Context call, const std::vector<std::uint32_t>& generations,
                                      bool retired) {
    static_cast<void>(wait_for<Done>([&](Completion<Done> done) {
        parts_.database.write<Done>(
            {Priority::write, call.deadline},
            [&](storage::WriteTransaction& tx) {
                for (const auto number : generations) SealKeyRepository::set_retired(tx, number, retired);
                return Done{};
            },
            std::move(done));
    }));
}

std::map<std::uint32_t, std::int64_t> KeyService::destroy_seal_generations(
    Context call, const std::vector<std::uint32_t>& generations) {
    // From here on the database refuses what is sealed under them; what had begun is waited for, then
    // counted.
    set_seal_key_retired(call, generations, true);
    using Rows = std::map<std::uint32_t, std::int64_t>;
    Rows rows;
    std::vector<std::uint32_t> kept;
    try {
        static_cast<void>(wait_for<Done>([&](Completion<Done> done) {
            parts_.database.write<Done>(
                {Priority::write, call.deadline},
                [](storage::WriteTransaction& tx) {
                    SealKeyRepository::wait_for_writers(tx);
                    return Done{};
                },
                std::move(done));
        }));
        rows =
            read<Rows>(call, [](storage::ReadTransaction& tx) { return SealKeyRepository::count_rows(tx); });
        std::ranges::copy_if(generations, std::back_inserter(kept),
                             [&](std::uint32_t number) { return rows.contains(number); });
        if (kept.size() < generations.size()) {
            static_cast<void>(write<Done>(call, [&](storage::WriteTransaction& tx) {
                storage::MasterKeyRepository::lock_token(tx);
                boost::json::array retired;
                for (const auto number : generations) {
                    if (rows.contains(number)) continue;
                    parts_.hsm.key_changes().destroy_seal_generation(number, tx.deadline());
                    SealKeyRepository::remove(tx, number);
                    retired.emplace_back(number);
                }
                call.record->response_elements.emplace(boost::json::object{{"retired", std::move(retired)}});
                return Done{};
            }));
        }
    } catch (...) {
        set_seal_key_retired(call, generations, false);
        throw;
    }
    if (!kept.empty()) set_seal_key_retired(call, kept, false);
    return rows;
}

v1::RetireKeyGenerationsResponse KeyService::retire_seal_key(Context call,
                                                             const v1::RetireKeyGenerationsRequest& request) {
    const auto told =
        read<ToldSealKeys>(call, [](storage::ReadTransaction& tx) { return load_seal_keys(tx, true); });
    const auto newest = newest_told(told.generations);
    const auto wanted = static_cast<std::uint32_t>(request.generation());
    if (request.has_generation() && wanted >= newest_active(told.generations)) {
        throw secrets::invalid_request(
            fmt::format("Generation {} of {} is not an old one. Rotate the key first.", wanted,
                        alias_of(TokenKey::seal)));
    }
    v1::RetireKeyGenerationsResponse response;
    response.set_key_id(std::string(alias_of(TokenKey::seal)));
    std::vector<std::uint32_t> allowed;
    bool found = !request.has_generation();
    for (const auto& key : told.generations) {
        if (key.generation == newest || (request.has_generation() && key.generation != wanted)) continue;
        found = true;
        const auto why = seal_obstacle(told, key.generation, parts_.clock.now(), request.force());
        if (why.empty()) {
            allowed.push_back(key.generation);
        } else {
            keep_seal_generation(response, key.generation, why);
        }
    }
    if (!found) {
        throw secrets::ServiceError(v1::RESOURCE_NOT_FOUND, fmt::format("{} has no generation {}.",
                                                                        alias_of(TokenKey::seal), wanted));
    }
    if (allowed.empty()) {
        reopen_reseal(call, told.rows, newest);
        return response;
    }
    const auto rows = destroy_seal_generations(call, allowed);
    for (const auto number : allowed) {
        if (rows.contains(number)) {
            keep_seal_generation(
                response, number,
                fmt::format("{} rows are sealed under it after all; they are sealed anew", rows.at(number)));
        } else {
            response.add_retired(number);
        }
    }
    reopen_reseal(call, rows, newest);
    parts_.changed();
    return response;
}

/// Rows that a node sealed under an old generation after all are sealed anew.
void KeyService::reopen_reseal(Context call, const std::map<std::uint32_t, std::int64_t>& rows,
                               std::uint32_t newest) {
    if (rows.empty() || rows.begin()->first >= newest) return;
    static_cast<void>(wait_for<Done>([&](Completion<Done> done) {
        parts_.database.write<Done>(
            {Priority::write, call.deadline},
            [&](storage::WriteTransaction& tx) {
                const auto progress = ResealRepository::progress(tx, newest);
                if (progress && progress->ended) ResealRepository::reopen(tx, newest);
                return Done{};
            },
            std::move(done));
    }));
    parts_.changed();
}

}  // namespace coffer::keys
