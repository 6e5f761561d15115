#pragma once
// Envelope encryption of payloads, with the data key never outside the token.

#include <cstdint>
#include <memory>
#include <string>

#include "crypto/key_types.hpp"
#include "crypto/secret_bytes.hpp"
#include "daemon/base/bytes.hpp"
#include "daemon/base/job_queue.hpp"
#include "daemon/base/outcome.hpp"

namespace coffer::crypto {

class Hsm;

/// Longest payload, in bytes (AWS's limit of a secret value).
inline constexpr std::size_t kPayloadBytesMax = 65536;
/// An AES-256 key under AES Key Wrap: its four 64-bit blocks and the check block (RFC 3394, 2.2.1).
inline constexpr std::size_t kWrappedKeyBytes = 40;

enum class PayloadKind : std::uint8_t {
    secret_string = 1,
    secret_binary = 2,
    check_value = 3,  ///< the known text that proves which key a master key is
    access_key =
        4,  ///< a secret access key; its `secret_arn` is the user's unique id, its `version_id` the key's
};

/// What a payload belongs to. Bound as AAD, together with the master key's id and the segment's number, so a
/// payload that is moved, swapped or relabelled does not open.
struct PayloadIdentity {
    std::string secret_arn;
    std::string version_id;
    PayloadKind kind = PayloadKind::secret_string;
};

/// A payload as it is stored. Holds nothing secret.
///
/// `wrapped_key`: the AES-256 data key under the master key, AES Key Wrap (RFC 3394), 40 bytes.
///
/// `ciphertext`, the layout that every reader and writer goes by:
///
///     byte  0      format: 1
///     byte  1      mechanism: 1 = AES-256-GCM with a 128-bit tag
///     byte  2      IV mode (IvMode) of every segment
///     byte  3      IV length in bytes (12, or 16 for tokens that make such)
///     bytes 4..7   plaintext bytes of every segment but the last, big-endian, 1 to 65,536
///     then each segment: IV, then ciphertext, then tag
///
/// The last segment holds at least one byte, unless it is the only one.
///
/// A segment's AAD is CanonicalEncoder("coffer/payload/v1") over: secret ARN (text), version id (text),
/// master key id (16 bytes), kind (number), the 8 bytes above (bytes), segment number from 0 (number),
/// whether it is the last (boolean). The generation is not bound, so that a data key can be rewrapped under a
/// newer generation without touching the ciphertext.
struct SealedPayload {
    MasterKeyRef master_key;
    Bytes wrapped_key;
    Bytes ciphertext;
};

/// Seals and opens payloads on the HSM executor. Thread-safe. Completions are called on an HSM thread.
///
/// Errors: IntegrityError when a payload was altered or belongs to something else; UnknownMasterKey when the
/// key ring has no such key or generation; Unavailable (retryable) while the token is away; Overloaded;
/// DeadlineExceeded.
class Envelope {
public:
    explicit Envelope(Hsm& hsm) : hsm_(hsm) {}

    /// Makes a data key, encrypts `plaintext` (0 to 65,536 bytes) under it, wraps it with the newest
    /// generation of `key`, destroys it.
    void seal(PayloadIdentity identity, SecretBytes plaintext, MasterKeyId key, JobOptions options,
              Completion<SealedPayload> completion);

    /// Decrypts. The unwrapped data key stays in the token as a session object for the next read (LRU).
    void open(PayloadIdentity identity, std::shared_ptr<const SealedPayload> payload, JobOptions options,
              Completion<SecretBytes> completion);

    /// Destroys the unwrapped data key, if it is kept: its secret was deleted. Does not wait.
    void forget(ByteView wrapped_key);

private:
    Hsm& hsm_;
};

}  // namespace coffer::crypto
