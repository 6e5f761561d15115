#include "daemon/certificate_parts.hpp"

#include <set>
#include <utility>

#include "daemon/rotation/secret_fields.hpp"
#include "daemon/secrets/labels.hpp"
#include "daemon/secrets/open_version.hpp"

namespace coffer::daemon {

namespace {

certificates::Authorities open_authorities(const server::Config& config, crypto::Hsm& hsm) {
    certificates::Authorities all;
    for (const auto& section : config.certificate_authorities) {
        all.push_back(std::make_shared<const certificates::Authority>(
            certificates::AuthoritySettings{.name = section.name,
                                            .key = section.key,
                                            .certificate = section.certificate,
                                            .max_days = section.max_days,
                                            .crl_days = section.crl_days,
                                            .crl_file = section.crl_file,
                                            .crl_url = section.crl_url},
            hsm));
        for (std::size_t i = 0; i + 1 < all.size(); ++i) {
            if (EVP_PKEY_eq(X509_get0_pubkey(all[i]->certificate()),
                            X509_get0_pubkey(all.back()->certificate())) != 1) {
                continue;
            }
            throw Error("[[certificate_authority]] \"" + section.name + "\": its key is that of \"" +
                        all[i]->name() +
                        "\" as well: one key has one revocation list, so that it is one authority");
        }
    }
    return all;
}

using Serials = std::set<std::string>;

/// Of all certificates (PEM) in a text; none where what looks like some cannot be read.
void add_serials(std::string_view text, Serials& serials) {
    if (text.find("-----BEGIN CERTIFICATE-----") == std::string_view::npos) return;
    try {
        for (const auto& each : certificates::parse_certificates(text)) {
            serials.insert(to_hex(certificates::serial_bytes(X509_get0_serialNumber(each.get()))));
        }
    } catch (const certificates::CertificateError&) {
        return;
    }
}

/// Those in the values that a rotation, or whoever uses the secret, may still want.
class SerialsInUse {
public:
    /// Both must outlive it.
    SerialsInUse(crypto::Hsm& hsm, storage::Database& database) : hsm_(hsm), database_(database) {}

    Serials operator()(const storage::StoredSecret& secret) const {
        Serials serials;
        for (const auto label : {secrets::kCurrent, secrets::kPrevious, secrets::kPending}) {
            const auto* version = secrets::holder_of(secret.versions, label);
            if (version == nullptr || !version->kind) continue;
            constexpr std::chrono::seconds kPatience{30};
            const JobOptions options{Priority::rotation, std::chrono::steady_clock::now() + kPatience};
            const auto value = secrets::open_version(hsm_, database_, secret, *version, options);
            if (!value) throw Error("the version is gone");
            // Whatever the fields are called; and a value that is PEM itself.
            rotation::SecretFields::visit_texts(
                *value, [&](std::string_view, std::string_view text) { add_serials(text, serials); });
            add_serials(value->text(), serials);
        }
        return serials;
    }

private:
    crypto::Hsm& hsm_;
    storage::Database& database_;
};

certificates::KeeperEvents list_events(const std::shared_ptr<server::Log>& log) {
    certificates::KeeperEvents events;
    events.signed_list = [log](const std::string& authority, std::size_t entries) {
        log->info(
            "a certificate revocation list was signed",
            {{"authority", std::string_view(authority)}, {"entries", static_cast<std::int64_t>(entries)}});
    };
    events.superseded = [log](const std::string& secret, const std::string& serial) {
        log->info("a certificate was revoked: it is superseded",
                  {{"secret", std::string_view(secret)}, {"serial", std::string_view(serial)}});
    };
    events.failed = [log](const std::string& authority, const std::string& reason) {
        log->error("the certificate revocation list of an authority cannot be kept; tried again",
                   {{"authority", std::string_view(authority)}, {"reason", std::string_view(reason)}});
    };
    return events;
}

}  // namespace

CertificateParts::CertificateParts(const server::Config& config, crypto::Hsm& hsm,
                                   storage::Database& database, secrets::AuditTrail* trail,
                                   const secrets::PageTokens& page_tokens, const Clock& clock,
                                   std::shared_ptr<server::Log> log)
    : lists_(open_authorities(config, hsm)),
      ledger_(database, trail),
      keeper_({lists_, database, clock, trail, SerialsInUse(hsm, database)}, list_events(log)),
      service_({lists_, database, page_tokens, clock, {config.node.region, config.node.account}, [this] {
                    keeper_.wake();
                }}) {}

std::vector<prometheus::MetricFamily> CertificateParts::metrics() const {
    prometheus::MetricFamily ends{"coffer_certificate_authority_expiry_timestamp_seconds",
                                  "When a certificate authority's own certificate ends, in epoch seconds.",
                                  prometheus::MetricType::Gauge,
                                  {}};
    prometheus::MetricFamily lists{
        "coffer_certificate_authority_crl_expiry_timestamp_seconds",
        "When the newest revocation list of a certificate authority is outdated, in epoch seconds.",
        prometheus::MetricType::Gauge,
        {}};
    prometheus::MetricFamily files{
        "coffer_certificate_authority_crl_file_update_timestamp_seconds",
        "When the revocation list that is in a certificate authority's crl_file was made, in epoch seconds.",
        prometheus::MetricType::Gauge,
        {}};
    for (const auto& authority : lists_.authorities()) {
        prometheus::ClientMetric metric;
        metric.label = {{"authority", authority->name()}};
        metric.gauge.value = certificates::validity_of(authority->certificate()).not_after.seconds();
        ends.metric.push_back(metric);
        const auto times = lists_.times(authority->name());
        if (!times) continue;
        metric.gauge.value = times->next_update.seconds();
        lists.metric.push_back(metric);
        const auto file = keeper_.file_update(authority->name());
        if (!file) continue;
        metric.gauge.value = file->seconds();
        files.metric.push_back(metric);
    }
    if (ends.metric.empty()) return {};
    return {ends, lists, files};
}

std::optional<std::string> CertificateParts::list_at(std::string_view path) const {
    constexpr std::string_view kBefore = "/crl/";
    constexpr std::string_view kBehind = ".crl";
    if (!path.starts_with(kBefore) || !path.ends_with(kBehind)) return std::nullopt;
    if (path.size() <= kBefore.size() + kBehind.size()) return std::nullopt;
    path.remove_prefix(kBefore.size());
    path.remove_suffix(kBehind.size());
    const auto list = lists_.newest(path);
    if (!list) return std::nullopt;
    return std::string(list->begin(), list->end());
}

}  // namespace coffer::daemon
