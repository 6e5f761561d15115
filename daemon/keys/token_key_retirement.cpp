#include "daemon/keys/token_key_retirement.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/keys/seal_generations.hpp"
#include "storage/blocking.hpp"
#include "storage/master_key_repository.hpp"
#include "storage/token_key_repository.hpp"

namespace coffer::keys {

using storage::MasterKeyRepository;
using storage::SealKeyRepository;
using storage::WriteTransaction;

namespace {

/// Whether `generation` is retired. Throws IntegrityError when the database says so and Coffer did not: a key
/// that is destroyed takes all backups with it.
template <class Key>
bool is_retired(storage::ReadTransaction& tx, const std::vector<Key>& told, std::string_view purpose,
                std::uint32_t generation) {
    const auto found = std::ranges::find(told, generation, &Key::generation);
    if (found == told.end() || !found->retired) return false;
    if (tx.seals().check(storage::retirement_message(purpose, generation), found->retirement_seal,
                         tx.deadline()))
        return true;
    throw IntegrityError(fmt::format(
        "table token_keys: the seal of the retirement of generation {} of the {} key is broken; the "
        "token keeps the key",
        generation, purpose));
}

/// Why a generation stays that events of these nodes are under; empty when they may be given up. Those of
/// nodes that run never are: they will be in a journal, if the key is there for so long.
std::string outbox_obstacle(const std::vector<std::string>& nodes,
                            const std::vector<storage::SealHolder>& holders, bool force) {
    std::vector<std::string> running;
    for (const auto& holder : holders) {
        if (runs(holder) && std::ranges::find(nodes, holder.node) != nodes.end())
            running.push_back(holder.node);
    }
    if (!running.empty()) {
        return fmt::format(
            "events of {} are not in the journal yet; they are within a minute. Ask again then",
            fmt::join(running, ", "));
    }
    if (force) return {};
    return fmt::format(
        "events of {} are not in their journals yet; start these nodes. With Force their events stay in the "
        "table audit_outbox and get into no journal",
        fmt::join(nodes, ", "));
}

SealRetirement count_and_retire(WriteTransaction& tx, const std::vector<std::uint32_t>& marked,
                                const Uuid& retirement, bool force) {
    MasterKeyRepository::lock_token(tx);
    SealKeyRepository::wait_for_writers(tx);
    SealRetirement result;
    result.rows = SealKeyRepository::count_rows(tx);
    const auto outbox = SealKeyRepository::outbox_nodes(tx);
    const auto holders = SealKeyRepository::holders(tx);
    for (const auto number : marked) {
        const auto events = outbox.find(number);
        const auto waiting =
            events == outbox.end() ? std::string() : outbox_obstacle(events->second, holders, force);
        if (const auto rows = result.rows.find(number); rows != result.rows.end()) {
            result.kept[number] =
                fmt::format("{} rows are sealed under it after all; they are sealed anew", rows->second);
        } else if (!waiting.empty()) {
            result.kept[number] = waiting;
        } else if (SealKeyRepository::retire(tx, number, retirement)) {
            result.retired.push_back(number);
        } else {
            throw Unavailable("another node has taken the retirement back meanwhile");
        }
    }
    SealKeyRepository::unmark(tx, retirement);
    return result;
}

}  // namespace

void destroy_in_token(const TokenKeyRetirementParts& parts, TokenKey key, std::uint32_t generation,
                      Deadline deadline) {
    storage::write_and_wait(parts.database, {Priority::write, deadline}, [&](WriteTransaction& tx) {
        MasterKeyRepository::lock_token(tx);
        if (key == TokenKey::seal) {
            if (is_retired(tx, SealKeyRepository::keys(tx), "seal", generation))
                parts.hsm.key_changes().destroy_seal_generation(generation, tx.deadline());
        } else if (is_retired(tx, storage::TokenKeyRepository::audit_keys(tx), "audit", generation)) {
            parts.hsm.key_changes().destroy_audit_generation(generation, tx.deadline());
        }
    });
}

SealRetirement retire_seal_generations(
    storage::Database& database, const std::vector<std::uint32_t>& generations, bool force, Deadline deadline,
    const std::function<void(WriteTransaction&, const SealRetirement&)>& event) {
    const auto retirement = Uuid::random();
    using Numbers = std::vector<std::uint32_t>;
    const auto marked =
        storage::write_and_wait(database, {Priority::write, deadline}, [&](WriteTransaction& tx) {
            Numbers own;
            for (const auto number : generations) {
                if (SealKeyRepository::mark(tx, number, retirement)) own.push_back(number);
            }
            return own;
        });
    SealRetirement result;
    try {
        if (!marked.empty()) {
            result =
                storage::write_and_wait(database, {Priority::write, deadline}, [&](WriteTransaction& tx) {
                    auto counted = count_and_retire(tx, marked, retirement, force);
                    if (!counted.retired.empty()) event(tx, counted);
                    return counted;
                });
        }
    } catch (...) {
        // What is under them may be written again: nothing was destroyed. Where this does not go either, a
        // keeper ends the attempt that was left behind.
        try {
            storage::write_and_wait(database, {Priority::write, deadline},
                                    [&](WriteTransaction& tx) { SealKeyRepository::unmark(tx, retirement); });
        } catch (const std::exception&) {
        }
        throw;
    }
    for (const auto number : generations) {
        if (std::ranges::find(marked, number) == marked.end())
            result.kept[number] = "it is being retired already; ask again in a moment";
    }
    return result;
}

}  // namespace coffer::keys
