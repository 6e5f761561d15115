#include "daemon/certificates/ledger.hpp"

#include "daemon/certificates/openssl_handles.hpp"
#include "daemon/secrets/service_writes.hpp"

namespace coffer::certificates {

void Ledger::record(const storage::IssuedCertificate& certificate, Deadline deadline) const {
    secrets::ServiceAction action{"CertificateIssued",
                                  "certificate authority",
                                  {certificate.secret_arn},
                                  {{"SecretId", certificate.secret_arn},
                                   {"ClientRequestToken", certificate.version.value()},
                                   {"Function", certificate.function},
                                   {"SerialNumber", certificate.serial},
                                   {"Names", certificate.names},
                                   {"NotAfter", rfc3339(certificate.not_after)}}};
    if (!certificate.authority.empty()) action.details["Authority"] = certificate.authority;
    secrets::ServiceWrites(database_, trail_)
        .run([&certificate](
                 storage::WriteTransaction& tx) { storage::CertificateRepository::add(tx, certificate); },
             std::move(action), {Priority::rotation, deadline});
}

}  // namespace coffer::certificates
