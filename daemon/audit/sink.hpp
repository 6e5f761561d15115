#pragma once
// Where copies of the journal go. A sink knows how to hand over a batch; when, how often and from where on is
// the shipper's business (shipper.hpp).

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "daemon/audit/record.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::audit {

/// A record on its way: an event, or a checkpoint, which the receiver may keep to hold the journal against.
struct ShippedRecord {
    RecordKind kind = RecordKind::event;
    std::uint64_t sequence = 0;
    std::string json;
};

/// A batch was not taken. One line, without what was sent.
class SinkError : public Error {
public:
    using Error::Error;
};

/// Used by one thread, but for cancel().
class Sink {
public:
    virtual ~Sink() = default;
    /// For metrics, logs and the name of the file with its position: letters, digits, hyphens.
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    /// Returns when the receiver has all of `records`, in their order. A receiver may get a record again
    /// after a failure or a crash: eventID tells. May block, but every wait must have a limit of its own.
    /// Throws SinkError, or what the connection throws.
    virtual void deliver(std::span<const ShippedRecord> records) = 0;
    /// Ends a deliver() under way, which then throws; later ones throw at once. Thread-safe.
    virtual void cancel() noexcept = 0;
};

}  // namespace coffer::audit
