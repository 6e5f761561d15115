#pragma once
// Temporary credentials: an access key id, a secret access key and a session token that carries the session,
// made without storing anything and opened by every node.
//
// A session token is, in base64url without padding: 1 byte of format (1), 2 bytes of the UTC day that it was
// made on (days since 1970, big-endian), 16 random bytes, which are the token's id, then ciphertext and tag
// of AES-256-GCM. Its key is HMAC-SHA256 over the id, its IV is zero: a key encrypts one token. The bytes
// before the id are its AAD, its plaintext is the session as JSON. The access key id is "ASIA" and the first
// ten bytes of the id in base 32; the secret access key is HMAC-SHA256 over the id under another key, 30
// bytes of it in base 64. Both keys are the day's (session_keys.hpp), and the same on every node that shares
// the seal key. A token does not say which generation of the seal key its own come from: those that there
// are, are tried.

#include <optional>
#include <string>
#include <string_view>

#include "crypto/secret_bytes.hpp"
#include "daemon/access/session.hpp"
#include "daemon/base/bytes.hpp"
#include "daemon/sts/session_keys.hpp"

namespace coffer::sts {

/// Characters of a session token that are looked at; longer ones are none of ours.
inline constexpr std::size_t kSessionTokenCharactersMax = 16'384;
/// Bytes that session policies, tags and what belongs to them may have in a token.
inline constexpr std::size_t kPackedBytesMax = 4'096;

/// What the caller of AssumeRole is given.
struct NewSession {
    access::SessionPtr session;
    crypto::SecretBytes secret_access_key;
    std::string token;
};

/// What a token says, once it was found to be ours.
struct OpenedSession {
    access::SessionPtr session;
    crypto::SecretBytes secret_access_key;
};

/// Immutable; thread-safe.
class SessionTokens {
public:
    /// `keys` must outlive it.
    explicit SessionTokens(const SessionKeys& keys);

    /// Makes credentials for `session`, and its access key id. Throws Unavailable while the keys of the day
    /// on which it is issued are not there.
    [[nodiscard]] NewSession make(access::Session session) const;

    /// Nothing for what make() did not return, and for sessions of days that are over for all. Whether the
    /// session is still good is not asked.
    [[nodiscard]] std::optional<OpenedSession> open(std::string_view token) const;

    /// A secret for an access key id that has none: the same for one id as long as this object lives, and of
    /// no use to anybody.
    [[nodiscard]] crypto::SecretBytes made_up(std::string_view access_key_id) const;

private:
    /// The session in `text`, which opened with `keys`.
    [[nodiscard]] static std::optional<OpenedSession> opened(const DayKeys& keys, std::int64_t day,
                                                             ByteView id, ByteView text);
    const SessionKeys& keys_;
    crypto::SecretBytes made_up_key_;
};

/// How many bytes of kPackedBytesMax the session policies and tags of `session` take.
[[nodiscard]] std::size_t packed_bytes(const access::Session& session);

}  // namespace coffer::sts
