#include "daemon/rotation/certificate_source.hpp"

#include "daemon/certificates/requests.hpp"
#include "daemon/rotation/program_outcome.hpp"
#include "daemon/rotation/redaction.hpp"

namespace coffer::rotation {

using certificates::CertificateError;
using Kind = StepFailed::Kind;

namespace {

certificates::Chain copy_of(const certificates::Chain& chain) {
    certificates::Chain copy;
    for (const auto& each : chain) {
        X509_up_ref(each.get());
        copy.emplace_back(each.get());
    }
    return copy;
}

}  // namespace

ObtainedCertificate AuthoritySource::obtain(const CertificateOrder& order, const StepContext& /*context*/,
                                            SecretValues& values) const {
    const auto random = values.random(certificates::kSerialBytes);
    try {
        return {authority_->issue(order.names, order.usages, order.key, order.now, order.days, random.view()),
                copy_of(authority_->chain())};
    } catch (const CertificateError& error) {
        throw StepFailed(Kind::retry,
                         "certificate authority \"" + authority_->name() + "\": " + error.what());
    }
}

bool AuthoritySource::is_revoked(const X509* certificate) const {
    return X509_NAME_cmp(X509_get_issuer_name(certificate),
                         X509_get_subject_name(authority_->certificate())) == 0 &&
           lists_.is_revoked(authority_->name(),
                             certificates::serial_bytes(X509_get0_serialNumber(certificate)));
}

void AuthoritySource::look(Timestamp now, const StepContext& /*context*/) const try {
    static_cast<void>(certificates::validity_under(authority_->certificate(), now, 1));
} catch (const CertificateError& error) {
    throw StepFailed(Kind::hopeless, error.what());
}

ObtainedCertificate ProgramSource::obtain(const CertificateOrder& order, const StepContext& context,
                                          SecretValues& /*values*/) const {
    const ProgramStep what{program_, std::string(step_name(Step::create))};
    const auto request =
        "days: " + std::to_string(order.days) + "\n" +
        certificates::pem_of(certificates::make_request(order.key, order.names, order.usages).get());
    const auto run =
        runner_.ask({.kind = program_runner::ProgramKind::exec, .program = program_, .step = what.step},
                    crypto::SecretBytes::copy_of(request), context);
    // It was told nothing secret, and what it prints is public.
    const Redactor nothing_secret;
    try {
        require_done(run, what, nothing_secret);
    } catch (const StepFailed& failed) {
        throw StepFailed(failed.kind() == Kind::value_refused ? Kind::hopeless : failed.kind(),
                         failed.what());
    }
    try {
        auto printed = certificates::parse_certificates(run.output.text());
        auto certificate = std::move(printed.front());
        printed.erase(printed.begin());
        return {std::move(certificate), std::move(printed)};
    } catch (const CertificateError& error) {
        throw StepFailed(Kind::retry, "program \"" + program_ +
                                          "\": exit code 0, but of what it printed: " + error.what());
    }
}

void ProgramSource::look(Timestamp /*now*/, const StepContext& context) const {
    const ProgramStep what{program_, std::string(kCheckStep)};
    const auto run = runner_.ask({.operation = program_runner::Operation::look,
                                  .kind = program_runner::ProgramKind::exec,
                                  .program = program_,
                                  .step = what.step},
                                 crypto::SecretBytes(), context);
    if (run.answer.outcome == program_runner::Outcome::ready) return;
    require_done(run, what, Redactor());
}

}  // namespace coffer::rotation
