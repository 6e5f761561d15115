#pragma once
// Whether a certificate is what was asked for, whoever issued it.

#include <optional>

#include "daemon/certificates/issuing.hpp"
#include "daemon/certificates/pem.hpp"

namespace coffer::certificates {

/// What a certificate has to be.
struct Expectation {
    SubjectNames names;  ///< checked: these, and no others
    Usages usages{};
    Timestamp now;
    /// It must not end before this, nor later than `latest_end`.
    std::optional<Timestamp> earliest_end{};
    std::optional<Timestamp> latest_end{};
};

/// Throws CertificateError that says what is wrong: the key is another one, the names, the dates, it is a
/// CA's, it may not be used in TLS so, or it does not lead over `chain` to one of `trusted` (which need not
/// be roots).
void require_as_expected(const X509* certificate, const EVP_PKEY* key, const Chain& chain,
                         const Chain& trusted, const Expectation& expected);

}  // namespace coffer::certificates
