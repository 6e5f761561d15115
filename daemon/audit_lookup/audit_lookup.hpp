#pragma once
// LookupEvents: the audit events of all nodes, from their copy in the database.

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <memory>

#include "coffer/v1/audit.pb.h"
#include "daemon/base/time.hpp"
#include "daemon/secrets/operation_set.hpp"
#include "daemon/secrets/page_token.hpp"
#include "storage/audit_event_repository.hpp"
#include "storage/database.hpp"

namespace coffer::audit_lookup {

/// What LookupAttributes, StartTime and EndTime ask for. Throws InvalidParameterException for an EventId that
/// is no UUID, a ReadOnly that is neither true nor false, a key that comes twice, times that no event can
/// have, and an EndTime before the StartTime.
[[nodiscard]] storage::AuditEventQuery query_of(const v1::LookupEventsRequest& request);

/// Thread-safe.
class AuditLookup final : public secrets::OperationSet {
public:
    /// Searches that may run at a time: each has a connection, and the others are for requests.
    static constexpr int kSearchesMax = 2;

    /// All must outlive it. `events_are_added`: this node copies its events into the database; where it does
    /// not, answers say so.
    AuditLookup(storage::Database& database, const secrets::PageTokens& tokens, const Clock& clock,
                bool events_are_added = true)
        : database_(database), tokens_(tokens), clock_(clock), events_are_added_(events_are_added) {}

    [[nodiscard]] bool has(v1::Request::OperationCase operation) const noexcept override {
        return operation == v1::Request::kLookupEvents;
    }
    /// Throws access::AccessDenied, secrets::ServiceError, Overloaded when too many search already, and what
    /// the database throws.
    boost::asio::awaitable<void> perform(secrets::Call call, std::shared_ptr<const v1::Request> request,
                                         v1::Response& response) override;

private:
    void require(const secrets::CallContext& call) const;
    boost::asio::awaitable<storage::AuditEventPage> search(secrets::Call call,
                                                           storage::AuditEventQuery query);

    storage::Database& database_;
    const secrets::PageTokens& tokens_;
    const Clock& clock_;
    const bool events_are_added_;
    std::atomic<int> searching_{0};
};

}  // namespace coffer::audit_lookup
