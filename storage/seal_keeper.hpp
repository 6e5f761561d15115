#pragma once
// What storage asks of whoever holds the seal key. The daemon implements it with the token.

#include <utility>
#include <vector>

#include "daemon/base/bytes.hpp"
#include "daemon/base/time.hpp"

namespace coffer::storage {

/// A message and what is stored as its seal.
struct Sealed {
    Bytes message;
    Bytes seal;
};

/// Called on storage threads, inside transactions; may block until `deadline`. Thread-safe.
class SealKeeper {
public:
    virtual ~SealKeeper() = default;
    [[nodiscard]] virtual Bytes make(Bytes message, Deadline deadline) = 0;
    [[nodiscard]] virtual bool check(Bytes message, ByteView seal, Deadline deadline) = 0;
    /// Whether each seal is its message's, in their order. As it stands, one after another.
    [[nodiscard]] virtual std::vector<bool> check_all(std::vector<Sealed> sealed, Deadline deadline) {
        std::vector<bool> good;
        for (auto& each : sealed) good.push_back(check(std::move(each.message), each.seal, deadline));
        return good;
    }
};

}  // namespace coffer::storage
