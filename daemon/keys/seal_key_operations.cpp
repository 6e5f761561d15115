// DescribeKey and RotateKeyOnDemand of the seal key.

#include <fmt/format.h>

#include <algorithm>

#include "daemon/audit/utc_time.hpp"
#include "daemon/keys/seal_generations.hpp"
#include "daemon/keys/service_support.hpp"
#include "daemon/keys/told_seal_keys.hpp"
#include "daemon/secrets/errors.hpp"
#include "storage/master_key_repository.hpp"

namespace coffer::keys {

using access::Action;
using storage::StoredSealKey;

namespace {

std::string joined_names(const std::vector<std::string>& names) {
    std::string all;
    for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
    return all;
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

}  // namespace

v1::KeyMetadata KeyService::seal_key_metadata(Context call, bool with_rows) const {
    const auto told = read<ToldSealKeys>(
        call, [with_rows](storage::ReadTransaction& tx) { return load_seal_keys(tx, with_rows); });
    const auto held = parts_.hsm.seals().generations();
    std::map<std::uint32_t, v1::KeyGeneration> generations;
    for (const auto& key : told.generations)
        generations[key.generation].set_creation_date(key.created.seconds());
    for (const auto generation : held) {
        // What was retired may still be in the token for a moment, and stays where it cannot be destroyed.
        if (told.generations.empty() || generation >= told.generations.front().generation)
            generations[generation];
    }
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
            if (holder.generation == number && runs(holder)) shown.add_nodes(holder.node);
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

}  // namespace coffer::keys
