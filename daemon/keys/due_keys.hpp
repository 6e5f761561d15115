#pragma once
// Master keys whose time has come: to be rotated by their schedule, or to be deleted.

#include <chrono>
#include <map>
#include <string>

#include "daemon/keys/keeper_parts.hpp"
#include "daemon/keys/told_failures.hpp"
#include "storage/master_key_repository.hpp"

namespace coffer::keys {

/// On any number of nodes: what is due is looked at again with the set of keys locked, so that one does it
/// once. Each key is for itself: one that cannot be rotated or deleted is told of, and holds up no other. Not
/// thread-safe. Blocks.
class DueKeys {
public:
    /// How long a key that is to be deleted and that something is under is left alone: to count what is under
    /// it reads all versions.
    static constexpr std::chrono::minutes kKeptPause{10};

    /// What both refer to must outlive it.
    DueKeys(const KeeperParts& parts, const KeyEvents& events)
        : parts_(parts),
          events_(events),
          failures_(
              [this](const std::string& what, const std::string& reason) { events_.failed(what, reason); }) {}

    void rotate(const storage::StoredMasterKeys& keys);
    void remove(const storage::StoredMasterKeys& keys);

private:
    /// A key that was to be deleted, and why it was not.
    struct Kept {
        std::string why;
        std::chrono::steady_clock::time_point seen;
    };

    void rotate_if_still_due(const Uuid& key);
    void remove(const storage::StoredMasterKeys& keys, const Uuid& key, const std::string& name);
    void keep(const Uuid& key, const std::string& name, std::string why);

    const KeeperParts& parts_;
    const KeyEvents& events_;
    ToldFailures failures_;
    std::map<Uuid, Kept> kept_;
};

}  // namespace coffer::keys
