#pragma once
// Making Coffer's long-lived keys in a token, and destroying old generations of them.

#include <string>
#include <string_view>
#include <vector>

#include "crypto/key_ring.hpp"
#include "crypto/key_types.hpp"
#include "crypto/secret_bytes.hpp"
#include "crypto/session.hpp"

namespace coffer::crypto {

/// Of master keys (AES-256) and of seal keys.
inline constexpr CK_ULONG kLongLivedKeyBytes = 32;

/// Makes keys as token objects through one read-write session of a logged-in user. Every call either makes
/// the whole key or leaves the token as it was. Not thread-safe, and no two processes should make keys in one
/// token at the same time: a token has no lock that would keep them from making the same name twice (the
/// daemon refuses to start then).
class KeyFactory {
public:
    /// `session` must be read-write and outlive the factory.
    explicit KeyFactory(const Session& session) : session_(session) {}

    /// A new master key: a random id, generation 1; AES-256, SENSITIVE, not EXTRACTABLE, for wrapping and
    /// unwrapping only. Throws Error when the name is taken or not a name, Pkcs11Error.
    MasterKeyRef make_master_key(std::string_view name);
    /// The generation after the newest of the key `name`. Throws Error when there is no such key.
    MasterKeyRef make_next_generation(std::string_view name);
    /// That generation of the key `name`, whose id has to be `ref`'s where the token knows the name. Throws
    /// Error when it exists or id and name do not go together.
    void make_generation(std::string_view name, const MasterKeyRef& ref);
    /// The HMAC-SHA256 key of the seals, 32 bytes, generation 1. Throws Error when there is one of any
    /// generation.
    void make_seal_key();
    /// That generation of it. Throws Error when there is one, or a newer one.
    void make_seal_generation(std::uint32_t generation);
    /// The EC P-256 key pair that signs audit checkpoints, generation 1. Throws Error when there is one of
    /// any generation.
    void make_audit_key();
    /// That generation of it. Throws Error when there is one, or a newer one.
    void make_audit_generation(std::uint32_t generation);

private:
    void generate_master_key(std::string_view name, const MasterKeyRef& ref);
    const Session& session_;
};

/// Destroys that generation of a master key; nothing to do when the token does not hold it. `session` is
/// read-write. Throws Error when it is the token's last master key, without which a daemon does not start, or
/// when several keys match; Pkcs11Error.
void destroy_master_key(const Session& session, const MasterKeyRef& ref);

/// Destroys that generation of the seal key; nothing to do when it is gone. `session` is read-write. Throws
/// Error when no newer one is there; Pkcs11Error.
void destroy_seal_key(const Session& session, std::uint32_t generation);

/// Destroys both halves of that generation of the audit key; nothing to do when they are gone. `session` is
/// read-write. Throws Error when no newer one is there, which would sign in its place; Pkcs11Error.
void destroy_audit_key(const Session& session, std::uint32_t generation);

/// Sets CKA_TRUSTED on the master keys `refs`, as the security officer (PKCS#11 2.40, 4.4: nobody else can).
/// The user must not be logged in. Answers, for each key that could not be marked, one line that says why:
/// many tokens hide private objects from the security officer. Throws PinRefused, Pkcs11Error.
[[nodiscard]] std::vector<std::string> mark_trusted(const Module& module, SlotId slot, SecretBytes so_pin,
                                                    const std::vector<MasterKeyRef>& refs);

}  // namespace coffer::crypto
