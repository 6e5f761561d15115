#pragma once
// What is noted down about a request while it is served, for its audit event (audit_trail.hpp).

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/base/uuid.hpp"
#include "daemon/secrets/call_context.hpp"
#include "daemon/secrets/error_mapping.hpp"

namespace coffer::storage {
class WriteTransaction;
}

namespace coffer::secrets {

/// Stores the event of a request's change along with the change.
class ChangeRecorder {
public:
    virtual ~ChangeRecorder() = default;
    /// To be called in the transaction, after the last row was written; also when none was.
    virtual void store_change(const CallContext& call, storage::WriteTransaction& tx) = 0;
};

/// An event as it was stored in the transaction of a change.
struct StoredEvent {
    Uuid id;
    std::string json;
};

/// The event of a change, and those of the versions that it destroyed, which go the same way.
struct ChangeEvent : StoredEvent {
    std::vector<StoredEvent> companions{};
};

/// Somebody whom an identity provider vouches for.
struct VouchedIdentity {
    std::string provider;  ///< its ARN
    std::string audience;
    std::string subject;
};

/// A request within another: the read of one secret in a BatchGetSecretValue. Leaves an event of its own.
struct RequestPart {
    Call call;  ///< with a record of its own
    /// Why it alone was refused or failed. Without one it ended as the whole request did.
    std::optional<MappedError> failure{};
};

/// Belongs to one request. Not thread-safe: the request's coroutines, and the jobs that they wait for, use it
/// one after another.
struct RequestRecord {
    /// Null: no events are written.
    ChangeRecorder* recorder = nullptr;
    std::string_view source;     ///< eventSource; static
    std::string_view operation;  ///< eventName; static
    bool read_only = true;
    std::optional<boost::json::object> parameters;
    /// ARNs of the secrets that it is about, each once, in the order in which they came up.
    std::vector<std::string> resources;
    /// Nobody has shown yet who asks: so it begins for operations that take strangers.
    bool stranger = false;
    /// Who asks, where an identity provider vouches for it.
    std::optional<VouchedIdentity> vouched;
    /// The policy statement that decided last, or why none did.
    std::string statement;
    /// The generation of a master key that a value was last opened or sealed under.
    std::optional<Uuid> master_key;
    std::uint32_t master_key_generation = 0;
    /// The version that it makes.
    std::optional<std::string> version;
    /// What a change answers: arn, name, versionId.
    std::optional<boost::json::object> response_elements;
    /// Of the transaction that was attempted last; counts once that is known to be committed.
    std::optional<ChangeEvent> change;
    bool committed = false;
    /// In the order in which they were begun.
    std::vector<RequestPart> parts;

    void concerns(const std::string& arn);
    /// The stranger is none any more.
    void identified(VouchedIdentity identity) {
        vouched = std::move(identity);
        stranger = false;
    }
    void uses(const Uuid& key, std::uint32_t generation);
    void answers(const std::string& arn, const std::string& name);
};

/// Stores the event of the request's change, where events are written at all.
inline void store_change(const CallContext& call, storage::WriteTransaction& tx) {
    if (call.record->recorder != nullptr) call.record->recorder->store_change(call, tx);
}

}  // namespace coffer::secrets
