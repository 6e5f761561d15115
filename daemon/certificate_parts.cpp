#include "daemon/certificate_parts.hpp"

#include <utility>

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
    }
    return all;
}

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
      keeper_({lists_, database, clock, trail}, list_events(log)),
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
    for (const auto& authority : lists_.authorities()) {
        prometheus::ClientMetric metric;
        metric.label = {{"authority", authority->name()}};
        metric.gauge.value = certificates::validity_of(authority->certificate()).not_after.seconds();
        ends.metric.push_back(metric);
        const auto list = lists_.newest(authority->name());
        if (!list) continue;
        const auto parsed = certificates::parse_crl(*list);
        metric.gauge.value = certificates::times_of(parsed.get()).next_update.seconds();
        lists.metric.push_back(metric);
    }
    if (ends.metric.empty()) return {};
    return {ends, lists};
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
