#pragma once
// What a front door turned away before it became a request that the pipeline answers and records:
// connections, handshakes, and requests over a rate. Told to whoever keeps a record of it.

#include <cstdint>
#include <string_view>

#include "daemon/access/caller.hpp"

namespace coffer::secrets {

enum class RefusedKind : std::uint8_t { connection, handshake, request };

/// One refusal. Refers to what the caller owns, for the time of the call.
struct Refusal {
    RefusedKind kind = RefusedKind::connection;
    /// A short word: an error's name, a connection error's reason, what is wrong with a certificate.
    std::string_view code;
    /// For people; nothing secret.
    std::string_view message;
    /// As far as it is known who that is: at least listener and address.
    const access::Caller& caller;
    /// SHA-256 fingerprint of a certificate that was refused, in hexadecimal; empty where there was none.
    std::string_view certificate_sha256{};
    /// Which of the causes that share a code it was, as a short word of a fixed set; empty where a code has
    /// one cause.
    std::string_view cause{};
    /// An access key id that was named and that nobody has, visible characters alone; empty for none. That of
    /// a key that there is stands in `caller`.
    std::string_view unknown_access_key_id{};
};

/// Thread-safe.
class RefusalObserver {
public:
    virtual ~RefusalObserver() = default;
    /// Must not block or throw: attackers decide how often it is called.
    virtual void refused(const Refusal& refusal) noexcept = 0;
};

}  // namespace coffer::secrets
