#include "daemon/secrets/audit_trail.hpp"

#include <mutex>
#include <utility>

#include "daemon/audit/journal_errors.hpp"
#include "daemon/base/await.hpp"
#include "proto/names.hpp"
#include "proto/request_parameters.hpp"

namespace coffer::secrets {

using boost::asio::awaitable;

namespace {

constexpr std::string_view kSecretsSource = "secretsmanager.amazonaws.com";
constexpr std::string_view kIamSource = "iam.amazonaws.com";
constexpr std::string_view kCloudTrailSource = "cloudtrail.amazonaws.com";
constexpr std::string_view kKmsSource = "kms.amazonaws.com";
constexpr std::string_view kStsSource = "sts.amazonaws.com";
/// Of operations that no service of AWS has.
constexpr std::string_view kOwnSource = "coffer";

audit::IdentityType identity_type(access::PrincipalType type) noexcept {
    switch (type) {
        case access::PrincipalType::account:
            return audit::IdentityType::root;
        case access::PrincipalType::user:
            return audit::IdentityType::iam_user;
        case access::PrincipalType::assumed_role:
        case access::PrincipalType::federated_user:
            return audit::IdentityType::assumed_role;
        case access::PrincipalType::service:
            return audit::IdentityType::aws_service;
    }
    return audit::IdentityType::unknown;
}

/// The role behind a session: its ARN ends in its name, and the session's id begins with its id.
audit::SessionIssuer issuer_of(const access::Principal& principal) {
    const auto& arn = principal.issuer_arn;
    return {principal.id.substr(0, principal.id.find(':')), arn, principal.account,
            arn.substr(arn.rfind('/') + 1)};
}

audit::UserIdentity identity_of(const access::Caller& caller) {
    audit::UserIdentity identity;
    const auto* known = caller.known_principal();
    // Of whoever is not known at least the key that was named, where there is one.
    identity.access_key_id = caller.access_key_id;
    if (known == nullptr) {
        identity.principal_id = caller.principal;
        return identity;
    }
    const auto& principal = *known;
    identity.type = identity_type(principal.type);
    identity.principal_id = principal.id;
    identity.arn = principal.arn;
    identity.account_id = principal.account;
    identity.user_name = principal.name;
    if (principal.type == access::PrincipalType::assumed_role) identity.issuer = issuer_of(principal);
    if (caller.session) {
        identity.session_created = caller.session->issued;
        identity.source_identity = caller.session->source_identity;
    }
    return identity;
}

/// As CloudTrail has callers of AssumeRoleWithWebIdentity.
audit::UserIdentity identity_of(const VouchedIdentity& vouched) {
    audit::UserIdentity identity;
    identity.type = audit::IdentityType::web_identity;
    identity.principal_id = vouched.provider + ":" + vouched.audience + ":" + vouched.subject;
    identity.user_name = vouched.subject;
    identity.identity_provider = vouched.provider;
    return identity;
}

std::vector<audit::EventResource> resources_of(const std::vector<std::string>& arns,
                                               const std::string& account) {
    std::vector<audit::EventResource> resources;
    for (const auto& arn : arns) {
        resources.push_back({.arn = arn, .account_id = account});
        if (arn.starts_with("arn:aws:iam:")) resources.back().type = "AWS::IAM::Role";
    }
    return resources;
}

/// CloudTrail's word for a refusal is not the exception's.
std::string error_code_of(v1::ErrorCode code) {
    return code == v1::ACCESS_DENIED ? "AccessDenied" : std::string(proto::error_name(code));
}

std::string_view name_of(RefusedKind kind) noexcept {
    switch (kind) {
        case RefusedKind::connection:
            return "RefuseConnections";
        case RefusedKind::handshake:
            return "RefuseHandshakes";
        case RefusedKind::request:
            return "RefuseRequests";
    }
    return "";
}

}  // namespace

/// Each service's messages are in a file of their own.
std::string_view event_source(const google::protobuf::Message* message) {
    if (message == nullptr) return kSecretsSource;
    const auto* file = message->GetDescriptor()->file();
    if (file == v1::GetSecretValueRequest::descriptor()->file()) return kSecretsSource;
    if (file == v1::LookupEventsRequest::descriptor()->file()) return kCloudTrailSource;
    if (file == v1::AssumeRoleRequest::descriptor()->file()) return kStsSource;
    if (message->GetDescriptor() == v1::RetireKeyGenerationsRequest::descriptor() ||
        message->GetDescriptor() == v1::VerifyKeysRequest::descriptor()) {
        return kOwnSource;
    }
    if (file == v1::CreateKeyRequest::descriptor()->file()) return kKmsSource;
    return file == v1::GetUserRequest::descriptor()->file() ? kIamSource : kOwnSource;
}

// ---- what events say ------------------------------------------------------------------------------------

audit::Event EventMaker::of_request(const CallContext& call) const {
    const auto& record = *call.record;
    audit::Event event;
    event.user_identity = record.vouched ? identity_of(*record.vouched) : identity_of(call.caller);
    event.time = clock_.now();
    event.source = record.source;
    event.name = record.operation;
    event.region = identity_.region;
    event.source_address = call.caller.source_address;
    event.request_id = call.request_id;
    event.read_only = record.read_only;
    event.resources = resources_of(record.resources, identity_.account);
    event.recipient_account_id = identity_.account;
    event.additional.node = node_;
    event.additional.listener = call.caller.listener;
    event.additional.statement = record.statement;
    event.additional.trace_id = call.trace_id;
    if (record.master_key) {
        event.additional.master_key_id = record.master_key->text();
        event.additional.master_key_generation = record.master_key_generation;
    }
    if (const auto& peer = call.caller.peer) {
        event.user_agent = peer->user_agent;
        event.tls_version = peer->tls_version;
        event.tls_cipher = peer->tls_cipher;
        event.additional.certificate_sha256 = peer->certificate_sha256;
    }
    return event;
}

audit::Event EventMaker::of_service(const ServiceAction& action) const {
    audit::Event event;
    event.user_identity.type = audit::IdentityType::aws_service;
    event.user_identity.invoked_by = action.invoked_by;
    event.time = clock_.now();
    event.name = action.name;
    if (!action.source.empty()) event.source = action.source;
    event.region = identity_.region;
    event.type = audit::EventType::service_event;
    event.resources = resources_of(action.resources, identity_.account);
    event.recipient_account_id = identity_.account;
    event.additional.node = node_;
    event.additional.details = action.details;
    return event;
}

audit::Event EventMaker::of_refusals(const RefusalGroup& group) const {
    audit::Event event;
    event.user_identity = identity_of(group.caller);
    event.time = group.last;
    event.source = kOwnSource;
    event.name = name_of(group.kind);
    event.region = identity_.region;
    event.source_address = group.caller.source_address;
    event.type = audit::EventType::service_event;
    event.error_code = group.code;
    event.error_message = group.message;
    event.read_only = true;
    event.recipient_account_id = identity_.account;
    event.additional.node = node_;
    event.additional.listener = group.caller.listener;
    event.additional.certificate_sha256 = group.certificate_sha256;
    if (const auto& peer = group.caller.peer) {
        event.user_agent = peer->user_agent;
        event.additional.certificate_sha256 = peer->certificate_sha256;
    }
    boost::json::object details{
        {"count", group.count}, {"firstTimeMs", group.first.millis()}, {"lastTimeMs", group.last.millis()}};
    if (!group.cause.empty()) details["cause"] = group.cause;
    if (!group.unknown_access_key_id.empty()) details["unknownAccessKeyId"] = group.unknown_access_key_id;
    event.additional.details = std::move(details);
    return event;
}

void EventMaker::add_seals(const storage::WriteTransaction& tx, audit::Event& event) {
    for (const auto& row : tx.sealed_rows()) {
        event.additional.seals.push_back({row.table, row.key, row.revision, to_hex(row.seal), row.discarded});
    }
}

audit::Event EventMaker::of_destruction(const storage::DestroyedVersion& version,
                                        const audit::Event& cause) const {
    const auto& by = cause.user_identity.invoked_by;
    auto event = of_service({std::string(kVersionDestroyed),
                             by.empty() ? "secrets service" : by,
                             {version.secret_arn},
                             {{"SecretId", version.secret_arn}, {"VersionId", version.version}}});
    event.request_id = cause.request_id;
    return event;
}

namespace {

/// Whether `event` itself tells of the version's destruction.
bool tells_of(const audit::Event& event, const storage::DestroyedVersion& version) {
    const auto* told = event.additional.details.if_contains("VersionId");
    return event.name == kVersionDestroyed && told != nullptr && told->is_string() &&
           told->get_string() == version.version;
}

void store(const OutboxRows& rows, storage::WriteTransaction& tx, const StoredEvent& event) {
    storage::AuditOutbox::store(tx, rows.make(event.id, event.json));
}

/// Stores the event in the transaction whose seals it has, and those of the versions that are destroyed in
/// it.
ChangeEvent store_all(const OutboxRows& rows, const EventMaker& maker, storage::WriteTransaction& tx,
                      audit::Event event) {
    EventMaker::add_seals(tx, event);
    ChangeEvent change{{event.event_id, audit::to_json(event)}};
    store(rows, tx, change);
    for (const auto& version : tx.destroyed_versions()) {
        if (tells_of(event, version)) continue;
        const auto destruction = maker.of_destruction(version, event);
        change.companions.push_back({destruction.event_id, audit::to_json(destruction)});
        store(rows, tx, change.companions.back());
    }
    return change;
}

}  // namespace

LeaveEvent leave_event(std::shared_ptr<const OutboxRows> rows, EventMaker maker) {
    return [rows = std::move(rows), maker = std::move(maker)](storage::WriteTransaction& tx,
                                                              const ServiceAction& action) {
        if (tx.lacks_event()) static_cast<void>(store_all(*rows, maker, tx, maker.of_service(action)));
    };
}

// ---- requests -------------------------------------------------------------------------------------------

void AuditTrail::require_room(bool operator_action) const {
    if (!operator_action) journal_.require_room();
}

namespace {

void note_request(RequestRecord& record, v1::Request::OperationCase operation,
                  const google::protobuf::Message* message) {
    record.operation = proto::operation_name(operation);
    record.read_only = proto::is_read_only(operation);
    record.source = event_source(message);
    if (message != nullptr) record.parameters = proto::request_parameters(*message);
}

void note_error(const v1::Error& error, audit::Event& event) {
    event.error_code = error_code_of(error.code());
    event.error_message = error.message();
}

/// Completes once all events are durable; with what the first of them was refused for, if any was.
class AllDurable {
public:
    AllDurable(std::size_t events, Completion<audit::Receipt> done)
        : waiting_(events), done_(std::move(done)) {}

    void one_done(Outcome<audit::Receipt> outcome) {
        {
            const std::lock_guard lock(mutex_);
            if (!outcome.has_value() && !refusal_) refusal_ = outcome.error();
            if (--waiting_ > 0) return;
        }
        done_(refusal_ ? Outcome<audit::Receipt>(refusal_) : std::move(outcome));
    }

private:
    std::mutex mutex_;
    std::size_t waiting_;
    std::exception_ptr refusal_;
    Completion<audit::Receipt> done_;
};

}  // namespace

Call begin_part(const CallContext& whole, v1::Request::OperationCase operation,
                const google::protobuf::Message& message) {
    auto context = whole;
    context.record = std::make_shared<RequestRecord>();
    context.record->recorder = whole.record->recorder;
    note_request(*context.record, operation, &message);
    auto part = std::make_shared<const CallContext>(std::move(context));
    whole.record->parts.push_back({part});
    return part;
}

void AuditTrail::begin(const CallContext& call, const v1::Request& request, bool operator_action) {
    auto& record = *call.record;
    record.recorder = this;
    note_request(record, request.operation_case(), proto::operation_message(request));
    require_room(operator_action);
}

void AuditTrail::store_change(const CallContext& call, storage::WriteTransaction& tx) {
    // A request may change something in two transactions: the first one's outcome is not the second's.
    call.record->committed = false;
    auto& change = call.record->change;
    if (change) outbox_.abandon(change->id);  // of an attempt that was not committed
    change.reset();
    if (!tx.lacks_event()) return;
    auto event = maker_.of_request(call);
    event.request_parameters = call.record->parameters;
    event.response_elements = call.record->response_elements;
    change = store_expected(std::move(event), tx);
}

ChangeEvent AuditTrail::store_expected(audit::Event event, storage::WriteTransaction& tx) {
    // Known before anybody can find it in the table: it must not be taken for one that was left behind.
    const auto id = event.event_id;
    outbox_.expect(id);
    try {
        auto change = store_all(rows_, maker_, tx, std::move(event));
        for (const auto& companion : change.companions) outbox_.expect_along(id, companion.id);
        return change;
    } catch (...) {
        outbox_.abandon(id);
        throw;
    }
}

std::vector<std::string> AuditTrail::events_of_parts(RequestRecord& record,
                                                     const v1::Response& response) const {
    std::vector<std::string> events;
    events.reserve(record.parts.size());
    for (auto& part : record.parts) {
        auto event = maker_.of_request(*part.call);
        event.request_parameters = std::move(part.call->record->parameters);
        if (part.failure) {
            note_error(part.failure->error, event);
        } else if (response.has_error()) {
            note_error(response.error(), event);
        }
        events.push_back(audit::to_json(event));
    }
    return events;
}

void AuditTrail::append(std::vector<std::string> events, audit::Admission admission,
                        Completion<audit::Receipt> done) {
    if (events.size() == 1) {
        journal_.append_json(std::move(events.front()), admission, std::move(done));
        return;
    }
    const auto all = std::make_shared<AllDurable>(events.size(), std::move(done));
    for (auto& event : events) {
        journal_.append_json(std::move(event), admission,
                             [all](Outcome<audit::Receipt> outcome) { all->one_done(std::move(outcome)); });
    }
}

namespace {

/// The change's event, and then those of its companions.
void move_events(ChangeEvent& change, std::vector<std::string>& to) {
    to.push_back(std::move(change.json));
    for (auto& companion : change.companions) to.push_back(std::move(companion.json));
}

}  // namespace

awaitable<void> AuditTrail::finish(Call call, const v1::Response& response, bool operator_action) {
    auto& record = *call->record;
    std::optional<Uuid> committed;
    auto events = events_of_parts(record, response);
    if (record.change && record.committed) {
        committed = record.change->id;
        move_events(*record.change, events);
    } else {
        // Where the outcome of a COMMIT is not known, the outbox finds out.
        if (record.change) outbox_.abandon(record.change->id);
        auto event = maker_.of_request(*call);
        event.request_parameters = std::move(record.parameters);
        if (response.has_error()) {
            note_error(response.error(), event);
        } else {
            event.response_elements = std::move(record.response_elements);
        }
        events.push_back(audit::to_json(event));
    }
    // Whoever is refused is no operator: the reserve must not be used up by asking for what one may not.
    const bool refused = response.has_error() && response.error().code() == v1::ACCESS_DENIED;
    const auto admission = committed || (operator_action && !refused) ? audit::Admission::operator_action
                                                                      : audit::Admission::request;
    auto start = [this, events = std::move(events), admission](Completion<audit::Receipt> done) mutable {
        append(std::move(events), admission, std::move(done));
    };
    try {
        co_await await_completion<audit::Receipt>(std::move(start));
    } catch (...) {
        if (committed) outbox_.abandon_appended(*committed);
        throw;
    }
    if (committed) outbox_.journaled(*committed);
}

// ---- what the service does by itself --------------------------------------------------------------------

ChangeEvent AuditTrail::store_action(const ServiceAction& action, storage::WriteTransaction& tx) {
    return store_expected(maker_.of_service(action), tx);
}

void AuditTrail::abandon_action(Uuid event_id) {
    outbox_.abandon(event_id);
}

void AuditTrail::action_committed(ChangeEvent event) {
    std::vector<std::string> events;
    move_events(event, events);
    try {
        static_cast<void>(wait_for<audit::Receipt>([&](Completion<audit::Receipt> done) {
            append(std::move(events), audit::Admission::operator_action, std::move(done));
        }));
        outbox_.journaled(event.id);
    } catch (const Error&) {
        outbox_.abandon_appended(event.id);
    }
}

}  // namespace coffer::secrets
