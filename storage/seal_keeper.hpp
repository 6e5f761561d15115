#pragma once
// What storage asks of whoever holds the seal key. The daemon implements it with the token.

#include "daemon/base/bytes.hpp"
#include "daemon/base/time.hpp"

namespace coffer::storage {

/// Called on storage threads, inside transactions; may block until `deadline`. Thread-safe.
class SealKeeper {
public:
    virtual ~SealKeeper() = default;
    [[nodiscard]] virtual Bytes make(Bytes message, Deadline deadline) = 0;
    [[nodiscard]] virtual bool check(Bytes message, ByteView seal, Deadline deadline) = 0;
};

}  // namespace coffer::storage
