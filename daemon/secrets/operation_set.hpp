#pragma once
// Operations that the pipeline hands on to another part of the daemon.

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "coffer/v1/frame.pb.h"
#include "daemon/secrets/call_context.hpp"

namespace coffer::secrets {

/// Thread-safe.
class OperationSet {
public:
    virtual ~OperationSet() = default;
    [[nodiscard]] virtual bool has(v1::Request::OperationCase operation) const noexcept = 0;
    /// Whether who may use them are those who help when the journal's disk is full: then their events may
    /// have the room that is kept for that.
    [[nodiscard]] virtual bool for_operators() const noexcept { return true; }
    /// Whether the operation is for whoever is not known here as well, since its message shows who asks.
    /// Until it has (RequestRecord::identified), a request is one of a stranger: refusals of it are recorded
    /// as those of connections are, in few events.
    [[nodiscard]] virtual bool takes_strangers(v1::Request::OperationCase /*operation*/) const noexcept {
        return false;
    }
    /// Does what `request`, which keeps the schema's limits, asks for, and sets its answer in `response`.
    /// Throws as SecretsService's operations do.
    virtual boost::asio::awaitable<void> perform(Call call, std::shared_ptr<const v1::Request> request,
                                                 v1::Response& response) = 0;
};

}  // namespace coffer::secrets
