#pragma once
// Private keys of the token as OpenSSL sees them, through libp11.

#include <memory>
#include <mutex>
#include <string>

#include "crypto/module.hpp"
#include "crypto/private_key.hpp"
#include "crypto/slot.hpp"

namespace coffer::crypto {

/// libp11's view of the slots. Thread-safe, but for the destructor: libp11 closes ALL sessions with a token
/// when it lets go of its slot (C_CloseAllSessions), ours as well, so this goes only when ours are gone.
class Libp11Keys {
public:
    Libp11Keys() = default;
    Libp11Keys(const Libp11Keys&) = delete;
    Libp11Keys& operator=(const Libp11Keys&) = delete;
    ~Libp11Keys() { release(); }

    /// The one private key of the token in `slot` that has the label and id of `uri` (those that it gives).
    /// Throws Error when there is none or more than one.
    [[nodiscard]] EvpPkeyPtr find(const Module& module, SlotId slot, const TokenUri& uri);
    /// Lets go of everything. Keys that find() returned must be gone.
    void release() noexcept;

private:
    struct Slots;
    struct SlotsDeleter {
        void operator()(Slots* slots) const noexcept;
    };
    std::mutex mutex_;
    std::unique_ptr<Slots, SlotsDeleter> slots_;
};

}  // namespace coffer::crypto
