#pragma once
// Seals: HMAC-SHA256 (RFC 2104) keyed in the token, over rows that decide access or meaning. Of messages of
// any length, and in generations: seal_form.hpp.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "crypto/secret_bytes.hpp"
#include "daemon/base/bytes.hpp"
#include "daemon/base/job_queue.hpp"
#include "daemon/base/outcome.hpp"

namespace coffer::crypto {

class Hsm;

/// Of generation 1; later ones have four more (seal_form.hpp).
inline constexpr std::size_t kSealBytes = 32;

/// A message and what is stored as its seal.
struct SealedMessage {
    Bytes message;
    Bytes seal;
};

/// Thread-safe. The completing forms are for coroutines; those without a completion block and are for storage
/// threads, inside a transaction. Errors as Envelope's, without IntegrityError: a seal that does not match
/// is an answer, not an error.
///
/// Which key a seal is checked with, the seal says. It is believed only while the token holds that
/// generation: a key that was destroyed takes all its seals along, whatever somebody writes in the database.
class Seals {
public:
    explicit Seals(Hsm& hsm) : hsm_(hsm) {}

    void make(Bytes message, JobOptions options, Completion<Bytes> completion);
    [[nodiscard]] Bytes make(Bytes message, JobOptions options);
    /// The seals of many messages, in their order, with few trips to the token's threads.
    [[nodiscard]] std::vector<Bytes> make_all(std::vector<Bytes> messages, JobOptions options);
    /// Whether `seal` is the message's. Compared in constant time. A generation that is newer than all that
    /// this node knows, and that told() spoke of, is looked for in the token first, the less often the longer
    /// it is not there. Throws Unavailable (retryable) when the token lacks it, and for the one after those:
    /// other nodes may have made that. Seals that name still later ones, or retired ones, are broken.
    [[nodiscard]] bool check(Bytes message, ByteView seal, JobOptions options);
    /// The same for many, in their order.
    [[nodiscard]] std::vector<bool> check_all(std::vector<SealedMessage> sealed, JobOptions options);

    /// The generations that this node works with, oldest first. Does not ask the token.
    [[nodiscard]] std::vector<std::uint32_t> generations() const;
    /// The one that new seals are made with: the newest that the token holds up to what seal_under() allows,
    /// and the oldest as long as it said nothing.
    [[nodiscard]] std::uint32_t sealing_generation() const;
    /// From now on generations up to `generation` may seal: every node knows them. It never goes back.
    void seal_under(std::uint32_t generation) noexcept;
    /// Generations up to `generation` are known to be somewhere. It never goes back.
    void told(std::uint32_t generation) noexcept;

    /// 32 bytes derived from that generation of the seal key for one purpose (HMAC over the purpose's name),
    /// for keys that may live in the daemon, such as that of pagination tokens. The same on every node. Error
    /// when the token does not hold the generation.
    void derive(std::string purpose, std::uint32_t generation, JobOptions options,
                Completion<SecretBytes> completion);

private:
    void look_for(const std::vector<SealedMessage>& sealed, JobOptions options);
    void look_for(std::uint32_t generation, Deadline deadline);

    /// When a generation that is not there is looked for again.
    struct NextLook {
        std::chrono::steady_clock::time_point due;
        std::chrono::seconds pause{0};
    };

    Hsm& hsm_;
    std::atomic<std::uint32_t> sealing_{0};
    std::atomic<std::uint32_t> told_{0};
    std::timed_mutex look_mutex_;
    std::map<std::uint32_t, NextLook> looks_;  ///< with look_mutex_
};

}  // namespace coffer::crypto
