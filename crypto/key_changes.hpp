#pragma once
// Long-lived keys while the daemon serves: generations made, looked for again, and destroyed, with every
// thread of the token standing still for those milliseconds.

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "crypto/key_types.hpp"
#include "daemon/base/time.hpp"

namespace coffer::crypto {

class Hsm;

/// Thread-safe. Everything blocks, until the deadline at most: for threads that may. Throws Unavailable
/// (retryable) while the token is away, DeadlineExceeded, and Error that says what the token or its keys are
/// like.
///
/// A token has no lock against two processes that make the same key. Whoever makes or destroys holds a lock
/// that all nodes know (daemon/keys: one of the database).
class KeyChanges {
public:
    explicit KeyChanges(Hsm& hsm) : hsm_(hsm) {}

    /// All generations that this node works with.
    [[nodiscard]] std::vector<MasterKeyRef> generations() const;
    [[nodiscard]] bool holds(const MasterKeyRef& ref) const;

    /// Goes on with the keys that the token holds now: another node may have made or destroyed some.
    void refresh(Deadline deadline);
    /// The same, at most once a second, whoever asks: for requests that met a generation which is not known
    /// here.
    void refresh_for_request(Deadline deadline);

    /// A new master key, generation 1. Throws Error when the token has one of that name.
    MasterKeyRef make_master_key(const std::string& name, Deadline deadline);
    /// A further generation of the key `name`. From then on this node writes under it.
    void make_generation(const std::string& name, const MasterKeyRef& ref, Deadline deadline);
    /// Destroys a generation for good; nothing to do when it is gone.
    void destroy_generation(const MasterKeyRef& ref, Deadline deadline);

    /// A further generation of the seal key, newer than all that the token holds. Nothing is sealed under it
    /// before Seals::seal_under() says so.
    void make_seal_generation(std::uint32_t generation, Deadline deadline);
    /// Destroys an old generation of the seal key for good; nothing to do when it is gone. What is sealed
    /// under it is not believed any more.
    void destroy_seal_generation(std::uint32_t generation, Deadline deadline);

    /// A further generation of the audit key, newer than all that the token holds.
    void make_audit_generation(std::uint32_t generation, Deadline deadline);
    /// Destroys an old generation of the audit key for good; nothing to do when it is gone.
    void destroy_audit_generation(std::uint32_t generation, Deadline deadline);

private:
    Hsm& hsm_;
    std::atomic<std::chrono::steady_clock::rep> refreshed_for_request_{0};
};

}  // namespace coffer::crypto
