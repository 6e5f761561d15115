#pragma once
// What was issued, on record before anybody has it.

#include "daemon/secrets/audit_trail.hpp"
#include "storage/certificate_repository.hpp"
#include "storage/database.hpp"

namespace coffer::certificates {

/// Thread-safe.
class Ledger {
public:
    /// `trail` may be null. Both must outlive it.
    Ledger(storage::Database& database, secrets::AuditTrail* trail) : database_(database), trail_(trail) {}

    /// Stores it, with the event CertificateIssued. Blocks. Throws what the database throws.
    void record(const storage::IssuedCertificate& certificate, Deadline deadline) const;

private:
    storage::Database& database_;
    secrets::AuditTrail* trail_;
};

}  // namespace coffer::certificates
