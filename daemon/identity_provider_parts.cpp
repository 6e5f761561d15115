#include "daemon/identity_provider_parts.hpp"

#include <string_view>

#include "daemon/sts/fetched_keys.hpp"
#include "daemon/sts/pinned_keys.hpp"

namespace coffer::daemon {

namespace {

constexpr double kMillisPerSecond = 1'000;

std::unique_ptr<sts::KeySource> keys_of(const server::OidcProviderConfig& provider, const Clock& clock,
                                        const std::shared_ptr<server::Log>& log) {
    if (!provider.jwks_file.empty()) return std::make_unique<sts::PinnedKeys>(provider.jwks_file);
    sts::FetchedKeysConfig config;
    config.address.host = provider.jwks_url.host;
    config.address.port = provider.jwks_url.port;
    config.address.ca_file = provider.ca_file;
    config.address.connect_timeout = provider.timeout;
    config.address.io_timeout = provider.timeout;
    config.path = provider.jwks_url.target;
    config.refresh_interval = provider.refresh_interval;
    sts::FetchedKeysEvents events;
    events.fetched = [log, issuer = provider.issuer](std::size_t keys) {
        log->info("the keys of an identity provider were fetched",
                  {{"issuer", std::string_view(issuer)}, {"keys", static_cast<std::int64_t>(keys)}});
    };
    events.failed = [log, issuer = provider.issuer](const std::string& reason) {
        log->error(
            "the keys of an identity provider could not be fetched; those that were there before, if any, "
            "stay",
            {{"issuer", std::string_view(issuer)}, {"reason", std::string_view(reason)}});
    };
    return std::make_unique<sts::FetchedKeys>(std::move(config), clock, std::move(events));
}

prometheus::MetricFamily family_of(std::string name, std::string help, prometheus::MetricType type) {
    return {std::move(name), std::move(help), type, {}};
}

prometheus::ClientMetric labelled(const std::string& issuer) {
    prometheus::ClientMetric metric;
    metric.label.push_back({"issuer", issuer});
    return metric;
}

}  // namespace

std::unique_ptr<sts::IdentityProviders> identity_providers(const server::Config& config, const Clock& clock,
                                                           std::shared_ptr<server::Log> log) {
    std::vector<sts::IdentityProvider> providers;
    for (const auto& provider : config.oidc_providers) {
        providers.emplace_back(provider.issuer, provider.audiences, keys_of(provider, clock, log));
    }
    return std::make_unique<sts::IdentityProviders>(std::move(providers));
}

std::vector<std::string> provider_names(const sts::IdentityProviders& providers) {
    std::vector<std::string> names;
    for (const auto& provider : providers.all()) names.emplace_back(provider.name());
    return names;
}

bool reload_keys(const sts::IdentityProviders& providers, server::Log& log) {
    bool done = true;
    for (const auto& provider : providers.all()) {
        try {
            provider.keys().reload();
        } catch (const sts::KeySourceError& error) {
            done = false;
            log.error("the keys of an identity provider could not be read again; those in force stay",
                      {{"issuer", std::string_view(provider.issuer())},
                       {"reason", std::string_view(error.what())}});
        }
    }
    return done;
}

std::vector<prometheus::MetricFamily> provider_metrics(const sts::IdentityProviders& providers,
                                                       Timestamp now) {
    using prometheus::MetricType;
    auto keys = family_of("coffer_identity_provider_keys",
                          "Keys of an identity provider that tokens are verified with", MetricType::Gauge);
    auto age = family_of("coffer_identity_provider_keys_age_seconds",
                         "Since the keys of an identity provider were last fetched", MetricType::Gauge);
    auto fetches = family_of("coffer_identity_provider_fetches_total",
                             "Attempts to fetch the keys of an identity provider", MetricType::Counter);
    for (const auto& provider : providers.all()) {
        const auto status = provider.keys().status();
        keys.metric.push_back(labelled(provider.issuer()));
        keys.metric.back().gauge.value = static_cast<double>(status.keys);
        if (status.fetched) {
            age.metric.push_back(labelled(provider.issuer()));
            age.metric.back().gauge.value =
                static_cast<double>(now.millis() - status.fetched->millis()) / kMillisPerSecond;
        }
        if (status.fetches == 0) continue;
        for (const bool failed : {false, true}) {
            fetches.metric.push_back(labelled(provider.issuer()));
            fetches.metric.back().label.push_back({"outcome", failed ? "failed" : "done"});
            fetches.metric.back().counter.value =
                static_cast<double>(failed ? status.failures : status.fetches - status.failures);
        }
    }
    return {std::move(keys), std::move(age), std::move(fetches)};
}

}  // namespace coffer::daemon
