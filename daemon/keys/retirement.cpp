#include "daemon/keys/retirement.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/iam/access_key_rewrap.hpp"
#include "daemon/keys/key_set.hpp"
#include "storage/blocking.hpp"
#include "storage/rewrap_repository.hpp"

namespace coffer::keys {

using storage::MasterKeyRepository;
using storage::WriteTransaction;

namespace {

std::vector<storage::RetiredGeneration> as_retired(const Uuid& key,
                                                   const std::vector<std::uint32_t>& generations) {
    std::vector<storage::RetiredGeneration> retired;
    for (const auto generation : generations) retired.push_back({key, generation});
    return retired;
}

/// Counts, and takes out of the set what has nothing under it.
RetirementResult take_out(WriteTransaction& tx, const RetirementParts& parts, const Uuid& key,
                          const std::vector<std::uint32_t>& generations, bool whole) {
    RetirementResult result;
    MasterKeyRepository::lock_token(tx);
    const auto locked = MasterKeyRepository::lock(tx);
    const auto marked = MasterKeyRepository::retired(tx);
    for (const auto& each : as_retired(key, generations)) {
        if (std::ranges::find(marked, each) != marked.end()) continue;
        throw Unavailable("another node has taken the retirement back meanwhile");
    }
    const auto directory = parts.principals.lock(tx);
    const auto under = count_under(tx, *directory, key);
    // What a row was wrapped under whose number somebody altered, nobody can say: it may be any of them.
    const auto unknown = under.find(0);
    for (const auto generation : generations) {
        const auto found = under.find(generation);
        if (found != under.end() && found->second.any()) {
            result.kept[generation] = describe(found->second);
        } else if (unknown != under.end() && unknown->second.any()) {
            result.kept[generation] = fmt::format(
                "{} whose generation was altered in the database may be wrapped under it",
                unknown->second.versions == 1 ? "a version"
                                              : fmt::format("{} versions", unknown->second.versions));
        }
    }
    if (whole && !result.kept.empty()) return result;
    auto changed = locked;
    for (const auto generation : generations) {
        if (result.kept.contains(generation)) continue;
        std::erase_if(changed.generations,
                      [&](const auto& each) { return each.id == key && each.generation == generation; });
        result.retired.push_back(generation);
    }
    // What is still under an old generation is to be looked for again.
    if (!result.kept.empty()) {
        auto settings = settings_of(locked, key);
        settings.rewrapped_generation = 0;
        settings.rewrapped.reset();
        changed.settings[key] = settings;
    }
    MasterKeyRepository::store(tx, locked, std::move(changed));
    return result;
}

}  // namespace

std::string describe(const Under& under) {
    const auto counted = [](std::int64_t count, const char* what) {
        return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
    };
    if (!under.any()) return "nothing is wrapped under it";
    std::string text;
    if (under.versions > 0) text = counted(under.versions, "version");
    if (under.others > 0) text += (text.empty() ? "" : " and ") + counted(under.others, "access key");
    return text + (under.versions + under.others == 1 ? " is" : " are") + " wrapped under it";
}

std::map<std::uint32_t, Under> count_under(storage::ReadTransaction& tx, const iam::Directory& directory,
                                           const Uuid& key) {
    std::map<std::uint32_t, Under> under;
    for (const auto& [generation, versions] : storage::RewrapRepository::count_by_generation(tx, key)) {
        under[generation].versions = versions;
    }
    for (const auto& secret : iam::access_key_secrets(directory, &key))
        ++under[secret.secret.generation].others;
    return under;
}

std::map<std::uint32_t, Under> count_under(const RetirementParts& parts, const Uuid& key,
                                           JobOptions options) {
    return storage::read_and_wait(parts.database, options, [&](storage::ReadTransaction& tx) {
        return count_under(tx, *parts.principals.directory(), key);
    });
}

RetirementResult retire_generations(
    const RetirementParts& parts, const Uuid& key, std::vector<std::uint32_t> generations, bool whole,
    Deadline deadline, const std::function<void(WriteTransaction&, const RetirementResult&)>& event) {
    const auto retired = as_retired(key, generations);
    storage::write_and_wait(parts.database, {Priority::write, deadline},
                            [&retired](WriteTransaction& tx) { MasterKeyRepository::retire(tx, retired); });
    const auto take_back = [&](const std::vector<std::uint32_t>& kept) {
        take_retirement_back(parts.database, as_retired(key, kept), deadline);
    };
    RetirementResult result;
    try {
        storage::write_and_wait(parts.database, {Priority::write, deadline},
                                [](WriteTransaction& tx) { MasterKeyRepository::wait_for_writers(tx); });
        result =
            storage::write_and_wait(parts.database, {Priority::write, deadline}, [&](WriteTransaction& tx) {
                auto taken = take_out(tx, parts, key, generations, whole);
                event(tx, taken);
                return taken;
            });
    } catch (...) {
        // Whoever writes under them again may: nothing was destroyed. Where this does not go either, the
        // keeper sees generations that are registered and retired, and takes that back.
        try {
            take_back(generations);
        } catch (const std::exception&) {
        }
        throw;
    }
    std::vector<std::uint32_t> kept;
    for (const auto generation : generations) {
        if (std::ranges::find(result.retired, generation) == result.retired.end()) kept.push_back(generation);
    }
    if (!kept.empty()) take_back(kept);
    std::vector<crypto::MasterKeyRef> refs;
    for (const auto generation : result.retired) refs.push_back({crypto::MasterKeyId(key), generation});
    try {
        destroy_in_token(parts, refs, deadline);
    } catch (const std::exception& error) {
        result.token_failure = error.what();
    }
    return result;
}

void take_retirement_back(storage::Database& database,
                          const std::vector<storage::RetiredGeneration>& generations, Deadline deadline) {
    storage::write_and_wait(database, {Priority::write, deadline}, [&](WriteTransaction& tx) {
        const auto keys = MasterKeyRepository::lock(tx);
        auto there = generations;
        std::erase_if(there, [&](const auto& each) {
            return std::ranges::none_of(keys.generations, [&](const auto& key) {
                return key.id == each.id && key.generation == each.generation;
            });
        });
        MasterKeyRepository::unretire(tx, there);
    });
}

void destroy_in_token(const RetirementParts& parts, const std::vector<crypto::MasterKeyRef>& refs,
                      Deadline deadline) {
    if (refs.empty()) return;
    storage::write_and_wait(parts.database, {Priority::write, deadline}, [&](WriteTransaction& tx) {
        MasterKeyRepository::lock_token(tx);
        const auto keys = MasterKeyRepository::load(tx);
        for (const auto& ref : refs) {
            const bool registered = std::ranges::any_of(keys.generations, [&](const auto& key) {
                return key.id == ref.id.value() && key.generation == ref.generation;
            });
            if (!registered) parts.hsm.key_changes().destroy_generation(ref, tx.deadline());
        }
    });
}

}  // namespace coffer::keys
