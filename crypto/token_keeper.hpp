#pragma once
// What the executor asks of whoever holds the token.

#include <cstddef>
#include <cstdint>

#include "daemon/base/job_queue.hpp"

namespace coffer::crypto {

class HsmContext;

/// How much is made anew, from little to much.
enum class RecoveryGrade : std::uint8_t { session, login, module };

/// The thing that goes stale and is got again. The executor calls rebuild() from one thread while no other is
/// inside any of these functions.
class TokenKeeper {
public:
    virtual ~TokenKeeper() = default;
    /// What the jobs of worker number `worker` run with, until the next rebuild().
    [[nodiscard]] virtual HsmContext& context(std::size_t worker) = 0;
    /// Throws when the worker's session and keys do not work.
    virtual void probe(std::size_t worker) = 0;
    /// Makes everything anew. Throws when the token does not let it; nothing is usable then, until a later
    /// call succeeds. Throws PinRefused when trying again is of no use.
    virtual void rebuild(RecoveryGrade grade) = 0;
    /// Called between jobs, on the worker's thread.
    virtual void tidy(std::size_t worker) noexcept = 0;
    /// The token's memory is full: let go of what can be got again.
    virtual void make_room() noexcept = 0;
};

}  // namespace coffer::crypto
