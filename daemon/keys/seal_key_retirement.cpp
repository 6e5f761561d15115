// RetireKeyGenerations of the seal key.

#include <fmt/format.h>

#include <algorithm>

#include "daemon/audit/utc_time.hpp"
#include "daemon/keys/seal_generations.hpp"
#include "daemon/keys/service_support.hpp"
#include "daemon/keys/token_key_retirement.hpp"
#include "daemon/keys/told_seal_keys.hpp"
#include "daemon/secrets/errors.hpp"
#include "storage/blocking.hpp"

namespace coffer::keys {

using storage::ResealRepository;
using storage::StoredSealKey;

namespace {

/// Sessions are good for 36 hours (daemon/sts/session_keys.hpp), and nodes' clocks differ a little.
constexpr std::chrono::hours kLongestLife{37};

struct AskedSealRetirement {
    Timestamp now;
    std::optional<Timestamp> proven;
    bool force = false;
};

/// When a node may have begun a session under an older generation for the last time.
Timestamp last_older_session(const ToldSealKeys& told, const StoredSealKey& newest, Timestamp now) {
    auto last = *newest.activated;
    for (const auto& holder : told.holders) {
        if (holder.sealing < newest.generation) {
            last = std::max(last, Timestamp::from_millis(now.millis() - holder.seconds_ago * 1000));
        } else if (holder.changed) {
            last = std::max(last, *holder.changed);
        }
    }
    return last;
}

/// Why generation `number` is not destroyed, as far as that can be said before writers are waited for; empty
/// when nothing speaks against it.
std::string seal_obstacle(const ToldSealKeys& told, std::uint32_t number, const AskedSealRetirement& asked) {
    const auto newest =
        std::ranges::find(told.generations, newest_told(told.generations), &StoredSealKey::generation);
    if (!newest->activated)
        return fmt::format("generation {} is not in use before all nodes know it", newest->generation);
    if (const auto behind = nodes_behind(told.holders, newest->generation); !behind.empty()) {
        return fmt::format(
            "nodes that run do not work with generation {} yet: {}. They go over to it when their token "
            "shows "
            "it; wait for that, or stop them",
            newest->generation, fmt::join(behind, ", "));
    }
    if (!told.progress || !told.progress->ended)
        return "rows are being sealed anew (DescribeKey says how far that is)";
    if (const auto rows = told.rows.find(number); rows != told.rows.end()) {
        return fmt::format("{} row{} sealed under it{}{}", rows->second, rows->second == 1 ? " is" : "s are",
                           told.failures.empty() ? "" : "; ",
                           told.failures.empty() ? "" : name_broken(told.failures));
    }
    if (asked.force) return {};
    const auto until = last_older_session(told, *newest, asked.now) + kLongestLife;
    if (asked.now < until) {
        return fmt::format("sessions that were begun before live until {}; with Force they end now",
                           audit::utc_seconds(until));
    }
    return backup_obstacle(asked.proven, *told.progress->ended, "the sealing anew");
}

}  // namespace

v1::RetireKeyGenerationsResponse KeyService::retire_seal_key(Context call,
                                                             const v1::RetireKeyGenerationsRequest& request) {
    const auto told =
        read<ToldSealKeys>(call, [](storage::ReadTransaction& tx) { return load_seal_keys(tx, true); });
    const auto newest = newest_told(told.generations);
    const AskedSealRetirement asked{parts_.clock.now(), proven_backup(request, parts_.clock.now()),
                                    request.force()};
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
        const auto why = seal_obstacle(told, key.generation, asked);
        if (why.empty()) {
            allowed.push_back(key.generation);
        } else {
            keep_generation(response, key.generation, why);
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
    const auto event = [&call](storage::WriteTransaction& tx, const SealRetirement& result) {
        boost::json::array retired(result.retired.begin(), result.retired.end());
        call.record->response_elements.emplace(boost::json::object{{"retired", std::move(retired)}});
        secrets::store_change(call, tx);
    };
    const auto result =
        retire_seal_generations(parts_.database, allowed, request.force(), call.deadline, event);
    if (!result.retired.empty()) call.record->committed = true;
    for (const auto& [number, why] : result.kept) keep_generation(response, number, why);
    destroy_token_key(call, TokenKey::seal, result.retired, response);
    reopen_reseal(call, result.rows, newest);
    parts_.changed();
    return response;
}

/// Rows that a node sealed under an old generation after all are sealed anew.
void KeyService::reopen_reseal(Context call, const std::map<std::uint32_t, std::int64_t>& rows,
                               std::uint32_t newest) {
    if (rows.empty() || rows.begin()->first >= newest) return;
    storage::write_and_wait(parts_.database, {Priority::write, call.deadline},
                            [newest](storage::WriteTransaction& tx) {
                                const auto progress = ResealRepository::progress(tx, newest);
                                if (progress && progress->ended) ResealRepository::reopen(tx, newest);
                            });
    parts_.changed();
}

}  // namespace coffer::keys
