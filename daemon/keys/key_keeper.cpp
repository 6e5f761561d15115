#include "daemon/keys/key_keeper.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <set>

#include "daemon/keys/key_set.hpp"
#include "storage/blocking.hpp"

namespace coffer::keys {

using crypto::MasterKeyId;
using crypto::MasterKeyRef;
using storage::MasterKeyRepository;
using storage::RetiredGeneration;

namespace {

constexpr std::chrono::seconds kKeeperPatience{30};

Deadline keeper_deadline() {
    return std::chrono::steady_clock::now() + kKeeperPatience;
}

bool is_registered(const storage::StoredMasterKeys& keys, const RetiredGeneration& generation) {
    return std::ranges::any_of(keys.generations, [&](const auto& key) {
        return key.id == generation.id && key.generation == generation.generation;
    });
}

}  // namespace

KeyKeeper::KeyKeeper(KeeperParts parts, KeyEvents events)
    : parts_(std::move(parts)),
      events_(std::move(events)),
      token_keys_(parts_, events_),
      due_(parts_, events_),
      failures_(
          [this](const std::string& what, const std::string& reason) { events_.failed(what, reason); }) {
    thread_.start("keys", [this](const std::stop_token&) -> std::chrono::milliseconds {
        run_once();
        return is_behind() ? kSoon : kInterval;
    });
    listener_.emplace(parts_.database.config(), storage::kMasterKeyChannel,
                      storage::ChangeEvents{.listening = [this] { wake(); },
                                            .lost = [] {},
                                            .changed = [this](const std::string&) { wake(); }});
}

KeyKeeper::~KeyKeeper() {
    stop();
}

void KeyKeeper::stop() {
    listener_.reset();
    if (!thread_.stop()) return;
    // Nobody waits for a node that has said that it stops.
    failures_.guard("saying that this node stops", [this] { token_keys_.say_goodbye(); });
}

void KeyKeeper::run_once() {
    const std::lock_guard one_at_a_time(round_mutex_);
    // First, and each for itself: what is wrong with the set of master keys must not keep a node from knowing
    // the other keys.
    look_after_token_keys();
    look_after_master_keys();
    events_.changed();
}

void KeyKeeper::look_after_token_keys() {
    failures_.guard("looking at the token's other keys", [this] { token_keys_.look(); });
    failures_.guard("going over to a seal key", [this] { token_keys_.go_over_to_seal_key(); });
    failures_.guard("telling which key signs the audit journal", [this] { token_keys_.tell_signer(); });
    failures_.guard("destroying retired generations of the token's other keys",
                    [this] { token_keys_.finish_retirements(); });
}

void KeyKeeper::look_after_master_keys() {
    failures_.guard("looking at the master keys", [this] {
        auto seen = load();
        bring_token_up_to_date(seen);
        seen = load();
        std::set<Uuid> pending;
        for (const auto& [id, settings] : seen.keys.settings) {
            if (settings.deletion_due) pending.insert(id);
        }
        parts_.master_keys.set_pending_deletion(std::move(pending));
        tell_missing(seen);
        failures_.guard("destroying retired generations", [&] { finish_retirements(seen); });
        due_.rotate(seen.keys);
        due_.remove(seen.keys);
    });
}

KeyKeeper::Seen KeyKeeper::load() const {
    const JobOptions options{Priority::rotation, keeper_deadline()};
    return storage::read_and_wait(parts_.database, options, [](storage::ReadTransaction& tx) {
        Seen seen;
        // In this order: what is retired in between is not taken for unknown.
        seen.keys = MasterKeyRepository::load(tx);
        seen.retired = MasterKeyRepository::retired(tx);
        return seen;
    });
}

/// Looks for the keys again when the token holds others than this node knows of.
void KeyKeeper::look_again(const Seen& seen) {
    std::vector<MasterKeyRef> registered;
    for (const auto& key : seen.keys.generations) registered.push_back({MasterKeyId(key.id), key.generation});
    auto held = parts_.hsm.key_changes().generations();
    std::ranges::sort(registered);
    std::ranges::sort(held);
    if (registered != held) parts_.hsm.key_changes().refresh(keeper_deadline());
}

void KeyKeeper::bring_token_up_to_date(const Seen& seen) {
    look_again(seen);
    const auto infos = parts_.hsm.master_keys();
    const bool unknown = std::ranges::any_of(infos, [&](const crypto::MasterKeyInfo& info) {
        return newest_of(seen.keys, info.id.value()) < info.newest_generation &&
               std::ranges::find(seen.retired, RetiredGeneration{info.id.value(), info.newest_generation}) ==
                   seen.retired.end();
    });
    if (!unknown) return;
    storage::write_and_wait(
        parts_.database, {Priority::rotation, keeper_deadline()}, [this](storage::WriteTransaction& tx) {
            const auto added = register_unknown(tx, {parts_.hsm, parts_.clock});
            if (parts_.leave_event && !added.empty()) {
                boost::json::array names;
                for (const auto& key : added) {
                    names.emplace_back("alias/" + key.name + " generation " + std::to_string(key.generation));
                }
                parts_.leave_event(tx, {"RegisterMasterKeys", "cofferd", {}, {{"keys", std::move(names)}}});
            }
        });
}

/// What is under them is counted when one begins or ceases to be missing, since that reads all versions.
void KeyKeeper::tell_missing(const Seen& seen) {
    std::set<MasterKeyRef> missing;
    for (const auto& key : seen.keys.generations) {
        const MasterKeyRef ref{MasterKeyId(key.id), key.generation};
        if (!parts_.hsm.key_changes().holds(ref)) missing.insert(ref);
    }
    missing_count_ = missing.size();
    if (missing == missing_) return;
    const RetirementParts parts{parts_.hsm, parts_.database, parts_.principals};
    std::map<Uuid, std::map<std::uint32_t, Under>> under;
    for (const auto& ref : missing) {
        const auto& key = ref.id.value();
        if (!under.contains(key)) {
            under[key] = count_under(parts, key, {Priority::rotation, keeper_deadline()});
        }
    }
    std::int64_t unreadable = 0;
    for (const auto& ref : missing) {
        const auto found = under[ref.id.value()][ref.generation];
        unreadable += found.versions;
        if (!missing_.contains(ref))
            events_.missing(name_of(seen.keys, ref.id.value()), ref.generation, describe(found));
    }
    unreadable_versions_ = unreadable;
    missing_ = std::move(missing);
}

/// Also when a look failed: what the database told of is not told again.
bool KeyKeeper::is_behind() {
    const std::lock_guard no_look(round_mutex_);
    return token_keys_.signer_is_behind() || failures_.waits_for_a_backend();
}

void KeyKeeper::finish_retirements(const Seen& seen) {
    std::vector<MasterKeyRef> to_destroy;
    std::vector<RetiredGeneration> left_behind;
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(half_retired_, [&](const auto& entry) {
        return std::ranges::find(seen.retired, entry.first) == seen.retired.end();
    });
    for (const auto& generation : seen.retired) {
        const MasterKeyRef ref{MasterKeyId(generation.id), generation.generation};
        if (!is_registered(seen.keys, generation)) {
            if (parts_.hsm.key_changes().holds(ref)) to_destroy.push_back(ref);
            continue;
        }
        const auto since = half_retired_.emplace(generation, now).first->second;
        if (now - since >= kLeftBehind) left_behind.push_back(generation);
    }
    const RetirementParts parts{parts_.hsm, parts_.database, parts_.principals};
    if (!left_behind.empty()) take_retirement_back(parts_.database, left_behind, keeper_deadline());
    destroy_in_token(parts, to_destroy, keeper_deadline());
}

}  // namespace coffer::keys
