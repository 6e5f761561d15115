#pragma once
// Seals: HMAC-SHA256 (RFC 2104) keyed in the token, over rows that decide access or meaning. Of messages of
// any length: seal_form.hpp.

#include <vector>

#include "crypto/secret_bytes.hpp"
#include "daemon/base/bytes.hpp"
#include "daemon/base/job_queue.hpp"
#include "daemon/base/outcome.hpp"

namespace coffer::crypto {

class Hsm;

inline constexpr std::size_t kSealBytes = 32;

/// Thread-safe. The completing forms are for coroutines; `make` and `check` block and are for storage
/// threads, inside a transaction. Errors as Envelope's, without IntegrityError: a seal that does not match
/// is an answer, not an error.
class Seals {
public:
    explicit Seals(Hsm& hsm) : hsm_(hsm) {}

    void make(Bytes message, JobOptions options, Completion<Bytes> completion);
    [[nodiscard]] Bytes make(Bytes message, JobOptions options);
    /// The seals of many messages, in their order, with few trips to the token's threads.
    [[nodiscard]] std::vector<Bytes> make_all(std::vector<Bytes> messages, JobOptions options);
    /// Whether `seal` is the message's. Compared in constant time.
    [[nodiscard]] bool check(Bytes message, ByteView seal, JobOptions options);

    /// 32 bytes derived from the seal key for one purpose (HMAC over the purpose's name), for keys that may
    /// live in the daemon, such as that of pagination tokens. The same on every node.
    void derive(std::string purpose, JobOptions options, Completion<SecretBytes> completion);

private:
    Hsm& hsm_;
};

}  // namespace coffer::crypto
