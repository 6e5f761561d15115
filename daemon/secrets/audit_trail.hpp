#pragma once
// The audit event of each request, and of each thing the service does by itself: what it says, and that
// nothing is answered before it is on the disk. A change's event is stored in the change's own transaction.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coffer/v1/frame.pb.h"
#include "daemon/audit/event.hpp"
#include "daemon/audit/journal.hpp"
#include "daemon/base/time.hpp"
#include "daemon/secrets/call_context.hpp"
#include "daemon/secrets/change_outbox.hpp"
#include "daemon/secrets/refusals.hpp"
#include "daemon/secrets/request_record.hpp"
#include "daemon/secrets/secret_ref.hpp"
#include "daemon/secrets/service_action.hpp"
#include "storage/transaction.hpp"

namespace coffer::secrets {

/// Refusals that are told in one event.
struct RefusalGroup {
    RefusedKind kind = RefusedKind::connection;
    std::string code;
    std::string message;
    access::Caller caller{};
    std::string certificate_sha256;
    std::string cause;
    /// Of the first of them.
    std::string unknown_access_key_id;
    std::uint64_t count = 0;
    Timestamp first{};
    Timestamp last{};
};

/// What an event says where nobody but Coffer's own parts act: the node's names. Immutable, thread-safe.
class EventMaker {
public:
    EventMaker(NodeIdentity identity, std::string node, const Clock& clock)
        : identity_(std::move(identity)), node_(std::move(node)), clock_(clock) {}

    /// The event of a request that has ended so, or of the change that `tx` is about to commit. Without the
    /// request's parameters and the answer's elements: the caller copies or moves those.
    [[nodiscard]] audit::Event of_request(const CallContext& call) const;
    [[nodiscard]] audit::Event of_service(const ServiceAction& action) const;
    [[nodiscard]] audit::Event of_refusals(const RefusalGroup& group) const;
    /// The event of a version's destruction by what `cause` is the event of.
    [[nodiscard]] audit::Event of_destruction(const storage::DestroyedVersion& version,
                                              const audit::Event& cause) const;
    /// Adds what `tx` did to sealed rows.
    static void add_seals(const storage::WriteTransaction& tx, audit::Event& event);

private:
    NodeIdentity identity_;
    std::string node_;
    const Clock& clock_;
};

/// Keeps its arguments. What it leaves is journaled when the node starts, or within a minute when it runs.
[[nodiscard]] LeaveEvent leave_event(std::shared_ptr<const OutboxRows> rows, EventMaker maker);

/// The service that has the operation of this message: "secretsmanager.amazonaws.com"; "coffer" for those
/// that no service of AWS has.
[[nodiscard]] std::string_view event_source(const google::protobuf::Message* message);

/// Begins a request within `whole`, by the same caller and within its deadline: RequestRecord::parts has it
/// from now on.
[[nodiscard]] Call begin_part(const CallContext& whole, v1::Request::OperationCase operation,
                              const google::protobuf::Message& message);

/// Thread-safe.
class AuditTrail final : public ChangeRecorder {
public:
    /// All must outlive it.
    AuditTrail(audit::Journal& journal, ChangeOutbox& outbox, const OutboxRows& rows, EventMaker maker)
        : journal_(journal), outbox_(outbox), rows_(rows), maker_(std::move(maker)) {}

    /// Begins the record of a request, before its message is taken apart. Throws audit::AuditUnavailable when
    /// its event could not be written now: nothing is carried out that cannot be recorded. With
    /// `operator_action` the journal's reserve counts as room.
    void begin(const CallContext& call, const v1::Request& request, bool operator_action);

    /// To be called in the transaction of a request's change, after the last row was written.
    void store_change(const CallContext& call, storage::WriteTransaction& tx) override;

    /// Writes the events of a request that was answered so, and of its parts before it. When it returns, they
    /// are on the disk; throws audit::AuditUnavailable, Overloaded: then the answer must not leave.
    boost::asio::awaitable<void> finish(Call call, const v1::Response& response, bool operator_action);

    /// The same pair for what the service does by itself: in the transaction, and after it was committed. The
    /// second blocks; a failure is no matter, since the outbox has the event. An event that does not come to
    /// the second is abandoned.
    [[nodiscard]] ChangeEvent store_action(const ServiceAction& action, storage::WriteTransaction& tx);
    void action_committed(ChangeEvent event);
    void abandon_action(Uuid event_id);

private:
    void require_room(bool operator_action) const;
    /// The events of the request's parts, as JSON. Those that had an answer, and were to leave with the
    /// whole, failed with it.
    [[nodiscard]] std::vector<std::string> events_of_parts(RequestRecord& record,
                                                           const v1::Response& response) const;
    /// Stores the event, which the outbox knows of, and tells it of the companions.
    [[nodiscard]] ChangeEvent store_expected(audit::Event event, storage::WriteTransaction& tx);
    /// One at least. `done` is called once, when all are durable.
    void append(std::vector<std::string> events, audit::Admission admission, Completion<audit::Receipt> done);

    audit::Journal& journal_;
    ChangeOutbox& outbox_;
    const OutboxRows& rows_;
    const EventMaker maker_;
};

}  // namespace coffer::secrets
