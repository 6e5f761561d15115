#pragma once
// What the keepers of keys (key_keeper.hpp, token_key_keeper.hpp) work with, and whom they tell.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "crypto/hsm.hpp"
#include "daemon/iam/directory_keeper.hpp"
#include "daemon/secrets/master_keys.hpp"
#include "daemon/secrets/service_action.hpp"
#include "storage/database.hpp"
#include "storage/token_key_repository.hpp"

namespace coffer::keys {

struct KeeperParts {
    crypto::Hsm& hsm;
    storage::Database& database;
    secrets::MasterKeys& master_keys;
    iam::DirectoryKeeper& principals;
    const Clock& clock;
    secrets::LeaveEvent leave_event;
    std::string node;
    /// Which generation of the audit key signs this node's journal; nothing without one.
    std::function<std::optional<storage::AuditSigner>()> journal_signer;
    /// Derives what lives in the daemon from all generations of the seal key that the token holds. Done
    /// before the others hear that this node knows a generation. May block, and throw; may be empty.
    std::function<void()> derive_keys;
};

/// What operators want to know. Called on the keeper's thread; must not block or throw.
struct KeyEvents {
    /// The set of keys may have changed, or something is due: there may be work.
    std::function<void()> changed;
    std::function<void(const std::string& key, std::uint32_t generation)> rotated;
    std::function<void(const std::string& key)> deleted;
    /// The token of this node does not hold a registered generation, though other nodes' may. Told once for
    /// each, with what is under it: "12 versions are wrapped under it".
    std::function<void(const std::string& key, std::uint32_t generation, const std::string& under)> missing;
    /// The same of a key that is not a master key; `alias` as the operations name it.
    std::function<void(const std::string& alias, std::uint32_t generation)> token_key_missing;
    /// A key was to be deleted, and something is under it.
    std::function<void(const std::string& key, const std::string& why)> kept;
    std::function<void(const std::string& what, const std::string& reason)> failed;
};

}  // namespace coffer::keys
