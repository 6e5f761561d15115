#include "daemon/rotation/certificate_function.hpp"

#include <algorithm>
#include <charconv>

#include "daemon/certificates/pem.hpp"
#include "daemon/rotation/check_list.hpp"

namespace coffer::rotation {

using certificates::CertificateError;
using Kind = StepFailed::Kind;

namespace {

/// More than an external authority may round up.
constexpr std::chrono::hours kSlack{24};

std::int64_t days_of(const SecretFields& fields, std::int64_t most) {
    const auto text = fields.find("days");
    if (!text) return most;
    std::int64_t days = 0;
    const auto parsed = std::from_chars(text->data(), text->data() + text->size(), days);
    if (parsed.ec != std::errc{} || parsed.ptr != text->data() + text->size() || days < 1 || days > most) {
        throw StepFailed(Kind::hopeless, "the secret's field \"days\" must be a number from 1 to " +
                                             std::to_string(most) + ", the function's days");
    }
    return days;
}

certificates::SubjectNames names_in(const SecretFields& fields) {
    return certificates::checked({.common_name = std::string(fields.find("common_name").value_or("")),
                                  .dns = fields.texts("dns_names"),
                                  .ips = fields.texts("ip_addresses"),
                                  .uris = fields.texts("uris"),
                                  .emails = fields.texts("emails")});
}

}  // namespace

CertificateFunction::Wanted CertificateFunction::wanted(const SecretFields& fields) const {
    Wanted wanted{
        .names = {}, .key_type = settings_.key_types.front(), .days = days_of(fields, settings_.days)};
    try {
        wanted.names = names_in(fields);
        settings_.allowed_names.require(wanted.names);
    } catch (const CertificateError& error) {
        throw StepFailed(Kind::hopeless, std::string("the secret's names: ") + error.what());
    }
    if (const auto name = fields.find("key_type")) {
        const auto type = certificates::key_type_of(*name);
        if (!type || std::ranges::find(settings_.key_types, *type) == settings_.key_types.end()) {
            std::string known;
            for (const auto each : settings_.key_types) {
                known += (known.empty() ? "" : ", ") + std::string(certificates::name_of(each));
            }
            throw StepFailed(Kind::hopeless,
                             "the secret's field \"key_type\" must be one of the function's: " + known);
        }
        wanted.key_type = *type;
    }
    return wanted;
}

void CertificateFunction::verify(const Wanted& wanted, const X509* certificate, const EVP_PKEY* key,
                                 const certificates::Chain& chain) const {
    const auto now = clock_.now();
    certificates::require_as_expected(certificate, key, chain, source_->trusted(),
                                      {.names = wanted.names,
                                       .usages = settings_.usages,
                                       .now = now,
                                       .latest_end = now + std::chrono::hours(24 * wanted.days) + kSlack});
    if (!certificates::is_of(key, wanted.key_type)) {
        throw CertificateError("the private key is of another type than " +
                               std::string(certificates::name_of(wanted.key_type)));
    }
}

void CertificateFunction::record(const StepContext& context, const Wanted& wanted,
                                 const X509* certificate) const {
    const auto validity = certificates::validity_of(certificate);
    const bool own = !source_->authority().empty();
    // On record before anybody has it: what is not known cannot be revoked.
    ledger_.record({.authority = source_->authority(),
                    .issuer = to_hex(certificates::name_digest(X509_get_issuer_name(certificate))),
                    .serial = to_hex(certificates::serial_bytes(X509_get0_serialNumber(certificate))),
                    .function = settings_.function,
                    .secret_arn = context.secret_arn,
                    .secret_name = context.secret_name,
                    .version = storage::VersionId(context.token),
                    .names = certificates::text_of(wanted.names),
                    .issued = clock_.now(),
                    .not_before = validity.not_before,
                    .not_after = validity.not_after,
                    .revoke_superseded = own && settings_.revoke_superseded},
                   context.deadline);
}

crypto::SecretBytes CertificateFunction::make(const StepContext& context, SecretValues& values,
                                              const crypto::SecretBytes& current) {
    const auto asked = wanted(SecretFields::parse(current));
    const auto key = certificates::make_key_pair(asked.key_type);
    const auto obtained = source_->obtain({.names = asked.names,
                                           .usages = settings_.usages,
                                           .key = key.get(),
                                           .days = asked.days,
                                           .now = clock_.now()},
                                          context, values);
    const auto* certificate = obtained.certificate.get();
    try {
        verify(asked, certificate, key.get(), obtained.chain);
    } catch (const CertificateError& error) {
        // Asked again, it would issue the same, and may count what it issues.
        throw StepFailed(Kind::hopeless, std::string("what was issued is not taken: ") + error.what());
    }
    record(context, asked, certificate);
    const auto private_key = certificates::private_key_pem(key.get());
    const auto own = certificates::pem_of(certificate);
    const auto chain = certificates::pem_of(obtained.chain);
    const auto validity = certificates::validity_of(certificate);
    auto fields = SecretFields::parse(current);
    fields.set("private_key", private_key.text());
    fields.set("certificate", own);
    fields.set("chain", chain);
    fields.set("serial", to_hex(certificates::serial_bytes(X509_get0_serialNumber(certificate))));
    fields.set("not_before", certificates::rfc3339(validity.not_before));
    fields.set("not_after", certificates::rfc3339(validity.not_after));
    return fields.text();
}

void CertificateFunction::test(const StepContext& /*context*/, const crypto::SecretBytes& value) {
    // No target has it: where it does not pass, and never will, another one is made.
    try {
        const auto fields = SecretFields::parse(value);
        const auto asked = wanted(fields);
        const auto key = certificates::parse_private_key(fields.require("private_key"));
        const auto own = certificates::parse_certificates(fields.require("certificate"));
        const auto chain_text = fields.find("chain").value_or("");
        const auto chain =
            chain_text.empty() ? certificates::Chain() : certificates::parse_certificates(chain_text);
        verify(asked, own.front().get(), key.get(), chain);
        if (source_->is_revoked(own.front().get())) throw CertificateError("the certificate was revoked");
    } catch (const CertificateError& error) {
        throw StepFailed(Kind::value_refused, error.what());
    } catch (const StepFailed& failed) {
        throw StepFailed(Kind::value_refused, failed.what());
    }
}

std::optional<Timestamp> CertificateFunction::renew_by(const crypto::SecretBytes& value) const try {
    const auto fields = SecretFields::parse(value);
    const auto text = fields.find("certificate");
    if (!text || text->empty()) return Timestamp();
    const auto chain = certificates::parse_certificates(*text);
    if (source_->is_revoked(chain.front().get())) return Timestamp();
    const auto validity = certificates::validity_of(chain.front().get());
    // One that lives shorter than it should, because its authority ends, is not renewed again at once.
    const std::chrono::milliseconds life(validity.not_after.millis() - validity.not_before.millis());
    return validity.not_after - std::min<std::chrono::milliseconds>(settings_.renew_before, life / 3);
} catch (const Error&) {
    // Nor one that can be read: the rotation says what is wrong.
    return Timestamp();
}

std::vector<Check> CertificateFunction::check(const StepContext& context, SecretValues& values) {
    CheckList checks;
    const auto value = values.current();
    checks.look("value", "the names are ones that this function may have certified",
                [&] { static_cast<void>(wanted(SecretFields::parse(value))); });
    checks.look("authority", source_->authority().empty() ? "the program can be started" : "it can issue",
                [&] { source_->look(clock_.now(), context); });
    if (const auto by = renew_by(value)) {
        checks.look("certificate", "it is renewed at " + certificates::rfc3339(*by) + " at the latest",
                    [] {});
    }
    return checks.take();
}

}  // namespace coffer::rotation
