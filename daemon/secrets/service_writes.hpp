#pragma once
// What the service changes by itself, with the audit event of it.

#include <functional>

#include "daemon/base/job_queue.hpp"
#include "daemon/secrets/audit_trail.hpp"
#include "daemon/secrets/service_action.hpp"
#include "storage/database.hpp"

namespace coffer::secrets {

/// Runs jobs in transactions and waits for them. For threads that may block. Thread-safe.
class ServiceWrites {
public:
    /// `trail` may be null: no events are written. Both must outlive it.
    ServiceWrites(storage::Database& database, AuditTrail* trail) : database_(database), trail_(trail) {}

    /// May be called more than once: a transaction that failed for a while is run again.
    using Job = std::function<void(storage::WriteTransaction&)>;
    /// `action`, where it has a name, is the event of what `job` did: stored in the same transaction, and in
    /// the journal when this returns. Throws what the database and `job` throw.
    void run(Job job, ServiceAction action, JobOptions options) const;

private:
    storage::Database& database_;
    AuditTrail* trail_;
};

}  // namespace coffer::secrets
