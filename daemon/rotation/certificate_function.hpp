#pragma once
// X.509 certificates: a new key and a certificate for it, by an authority of the configuration or by a
// program. The secret is a JSON object with the names that are wanted: common_name, dns_names, ip_addresses,
// uris, emails; and key_type, days. private_key, certificate, chain, serial, not_before and not_after are
// set.

#include <memory>
#include <string>
#include <vector>

#include "daemon/certificates/allowed_names.hpp"
#include "daemon/certificates/key_pair.hpp"
#include "daemon/certificates/ledger.hpp"
#include "daemon/rotation/certificate_source.hpp"
#include "daemon/rotation/function.hpp"
#include "daemon/rotation/secret_fields.hpp"

namespace coffer::rotation {

struct CertificateSettings {
    /// The function's name.
    std::string function;
    /// The first one is taken where a secret names none. Not empty.
    std::vector<certificates::KeyType> key_types;
    certificates::Usages usages;
    /// The most that a secret may ask for, and what it gets when it asks for nothing.
    std::int64_t days = 90;
    std::chrono::hours renew_before{0};
    certificates::AllowedNames allowed_names;
    bool revoke_superseded = false;
};

class CertificateFunction final : public ValueFunction {
public:
    /// `ledger` and `clock` must outlive it.
    CertificateFunction(CertificateSettings settings, std::unique_ptr<const CertificateSource> source,
                        const certificates::Ledger& ledger, const Clock& clock)
        : settings_(std::move(settings)), source_(std::move(source)), ledger_(ledger), clock_(clock) {}

    [[nodiscard]] std::string_view kind() const noexcept override { return "certificate"; }
    [[nodiscard]] Target target() const noexcept override { return Target::none; }
    [[nodiscard]] std::vector<Check> check(const StepContext& context, SecretValues& values) override;
    /// renew_before its certificate's end, but not in the first two thirds of its life. At once where there
    /// is no certificate, or a revoked one.
    [[nodiscard]] bool renews() const noexcept override { return true; }
    [[nodiscard]] std::optional<Timestamp> renew_by(const crypto::SecretBytes& value) const override;

protected:
    [[nodiscard]] crypto::SecretBytes make(const StepContext& context, SecretValues& values,
                                           const crypto::SecretBytes& current) override;
    void set(const StepContext& /*context*/, SecretValues& /*values*/,
             const crypto::SecretBytes& /*pending*/) override {}
    void test(const StepContext& context, const crypto::SecretBytes& value) override;

private:
    struct Wanted {
        certificates::SubjectNames names;
        certificates::KeyType key_type;
        std::int64_t days;
    };
    /// What the secret asks for. Throws StepFailed (hopeless) for what it may not have.
    [[nodiscard]] Wanted wanted(const SecretFields& fields) const;
    void verify(const Wanted& wanted, const X509* certificate, const EVP_PKEY* key,
                const certificates::Chain& chain) const;
    void record(const StepContext& context, const Wanted& wanted, const X509* certificate) const;

    const CertificateSettings settings_;
    const std::unique_ptr<const CertificateSource> source_;
    const certificates::Ledger& ledger_;
    const Clock& clock_;
};

}  // namespace coffer::rotation
