#pragma once
// The long-lived keys of the token, found once for each epoch: master keys by id and generation, seal keys
// and audit keys by generation. Nothing is looked for in the token on the request path.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crypto/key_types.hpp"
#include "crypto/session.hpp"

namespace coffer::crypto {

/// A master key generation as found in the token.
struct FoundMasterKey {
    MasterKeyRef ref;
    std::string name;
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    bool trusted = false;  ///< CKA_TRUSTED
};

/// One generation of the key pair that signs audit checkpoints, as found in the token. A half may be missing:
/// a token that replicates slowly, or one that was destroying it.
struct FoundAuditKey {
    std::uint32_t generation = 0;
    std::optional<CK_OBJECT_HANDLE> private_key;
    std::optional<CK_OBJECT_HANDLE> public_key;
    [[nodiscard]] bool whole() const noexcept { return private_key && public_key; }
};

/// A generation of the seal key, as found in the token.
struct FoundSealKey {
    std::uint32_t generation = 0;
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
};

/// All of Coffer's keys in a token, checked. Handles belong to the token's present epoch.
struct FoundKeys {
    std::vector<FoundMasterKey> master_keys;  ///< by name, then generation
    std::vector<FoundSealKey> seal_keys;      ///< by generation
    std::vector<FoundAuditKey> audit_keys;    ///< by generation

    /// The newest generation of the audit key of which both halves are there; null when there is none.
    [[nodiscard]] const FoundAuditKey* audit_key() const noexcept;
};

/// Finds the keys, and checks that no two are alike and that master keys are what they must be. Throws Error
/// that names the key and what is wrong: a label or CKA_ID that does not parse or does not fit the other, two
/// keys with the same id and generation, one name with two ids or one id with two names, a master key that
/// is not SENSITIVE, is EXTRACTABLE, or is not AES-256; two seal keys or two audit keys of one generation.
/// Throws Pkcs11Error.
[[nodiscard]] FoundKeys find_keys(const Session& session);

/// What a session uses to work with the keys that were found. Immutable.
class KeyRing {
public:
    /// `keys` must hold at least one master key and a seal key; throws Error that says how to make them.
    /// With `copy`, each key is copied to a session object of `session` (SENSITIVE and not EXTRACTABLE like
    /// the original; faster on tokens that decrypt token objects at every use), which must live as long as
    /// the ring. A token that refuses to copy is used without: copied() is false then.
    KeyRing(const Session& session, const FoundKeys& keys, bool copy);

    /// Destroys the copies that it made. Nobody may use the ring afterwards.
    void destroy_copies(const Session& session) noexcept;

    /// The handle that wraps and unwraps under `ref`; nothing when the token has no such key.
    [[nodiscard]] std::optional<CK_OBJECT_HANDLE> find(const MasterKeyRef& ref) const;
    /// The newest generation of `id`; nothing when the token has no such key.
    [[nodiscard]] std::optional<MasterKeyRef> newest(MasterKeyId id) const;
    /// Nothing when the token has no such generation of the seal key.
    [[nodiscard]] std::optional<CK_OBJECT_HANDLE> seal_key(std::uint32_t generation) const;
    /// Generations of the seal key, oldest first; at least one.
    [[nodiscard]] const std::vector<std::uint32_t>& seal_generations() const noexcept {
        return seal_generations_;
    }
    /// Nothing when the token has no such generation of the audit key. Not copied: it signs a few times a
    /// minute.
    [[nodiscard]] std::optional<CK_OBJECT_HANDLE> audit_key(std::uint32_t generation) const;
    /// Generations of the audit key that are whole, oldest first.
    [[nodiscard]] const std::vector<AuditKeyInfo>& audit_keys() const noexcept { return audit_keys_; }
    /// By name.
    [[nodiscard]] const std::vector<MasterKeyInfo>& infos() const noexcept { return infos_; }
    /// All generations of all keys, in the order of FoundKeys.
    [[nodiscard]] const std::vector<MasterKeyRef>& refs() const noexcept { return refs_; }
    [[nodiscard]] bool copied() const noexcept { return copied_; }

private:
    std::map<MasterKeyRef, CK_OBJECT_HANDLE> handles_;
    std::map<MasterKeyId, MasterKeyRef> newest_;
    std::vector<MasterKeyInfo> infos_;
    std::vector<MasterKeyRef> refs_;
    std::map<std::uint32_t, CK_OBJECT_HANDLE> seal_handles_;
    std::vector<std::uint32_t> seal_generations_;
    std::map<std::uint32_t, CK_OBJECT_HANDLE> audit_handles_;
    std::vector<AuditKeyInfo> audit_keys_;
    std::vector<CK_OBJECT_HANDLE> copies_;
    bool copied_ = false;
};

}  // namespace coffer::crypto
