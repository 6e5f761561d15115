#pragma once
// Where certificates come from: an authority of the configuration, or a program that asks another one.

#include <memory>
#include <string>

#include "daemon/certificates/revocation_lists.hpp"
#include "daemon/certificates/verification.hpp"
#include "daemon/rotation/function.hpp"
#include "daemon/rotation/runner_client.hpp"

namespace coffer::rotation {

/// What a certificate is asked for.
struct CertificateOrder {
    certificates::SubjectNames names;  ///< checked, and allowed
    certificates::Usages usages;
    EVP_PKEY* key;
    std::int64_t days;
    Timestamp now;
};

/// A certificate, and those that certify it.
struct ObtainedCertificate {
    certificates::CertificatePtr certificate;
    certificates::Chain chain;
};

/// Thread-safe.
class CertificateSource {
public:
    virtual ~CertificateSource() = default;
    /// Blocks. Throws StepFailed.
    [[nodiscard]] virtual ObtainedCertificate obtain(const CertificateOrder& order,
                                                     const StepContext& context,
                                                     SecretValues& values) const = 0;
    /// Whom a certificate has to lead to.
    [[nodiscard]] virtual const certificates::Chain& trusted() const = 0;
    /// The authority's name; empty: it is none of the configuration's.
    [[nodiscard]] virtual std::string authority() const = 0;
    /// Whether it is one that a signed revocation list of its authority has, as far as this node knows.
    [[nodiscard]] virtual bool is_revoked(const X509* /*certificate*/) const { return false; }
    /// What would stand in the way now. Throws StepFailed; changes nothing.
    virtual void look(Timestamp now, const StepContext& context) const = 0;
};

class AuthoritySource final : public CertificateSource {
public:
    /// `lists` must outlive it.
    AuthoritySource(std::shared_ptr<const certificates::Authority> authority,
                    const certificates::RevocationLists& lists)
        : authority_(std::move(authority)), lists_(lists) {}

    [[nodiscard]] ObtainedCertificate obtain(const CertificateOrder& order, const StepContext& context,
                                             SecretValues& values) const override;
    [[nodiscard]] const certificates::Chain& trusted() const override { return authority_->chain(); }
    [[nodiscard]] std::string authority() const override { return authority_->name(); }
    [[nodiscard]] bool is_revoked(const X509* certificate) const override;
    void look(Timestamp now, const StepContext& context) const override;

private:
    const std::shared_ptr<const certificates::Authority> authority_;
    const certificates::RevocationLists& lists_;
};

/// The program reads "days: 30" in a line of its own (RFC 7468, section 2, lets text be before PEM), and a
/// certification request (PEM), and prints the certificate and its chain (PEM). It never
/// sees the key.
class ProgramSource final : public CertificateSource {
public:
    ProgramSource(std::string program, RunnerClient runner, certificates::Chain trusted)
        : program_(std::move(program)), runner_(std::move(runner)), trusted_(std::move(trusted)) {}

    [[nodiscard]] ObtainedCertificate obtain(const CertificateOrder& order, const StepContext& context,
                                             SecretValues& values) const override;
    [[nodiscard]] const certificates::Chain& trusted() const override { return trusted_; }
    [[nodiscard]] std::string authority() const override { return {}; }
    void look(Timestamp now, const StepContext& context) const override;

private:
    const std::string program_;
    const RunnerClient runner_;
    const certificates::Chain trusted_;
};

}  // namespace coffer::rotation
