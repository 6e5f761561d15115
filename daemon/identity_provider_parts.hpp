#pragma once
// The identity providers of the configuration, in the running daemon: where their keys come from, and what
// operators see of that.

#include <memory>
#include <string>
#include <vector>

#include "daemon/base/time.hpp"
#include "daemon/server/config.hpp"
#include "daemon/server/log.hpp"
#include "daemon/server/metrics.hpp"
#include "daemon/sts/identity_providers.hpp"

namespace coffer::daemon {

/// Reads key files and begins to fetch what is to be fetched. `clock` must outlive the providers. Throws
/// sts::KeySourceError for a file that cannot be used.
[[nodiscard]] std::unique_ptr<sts::IdentityProviders> identity_providers(const server::Config& config,
                                                                         const Clock& clock,
                                                                         std::shared_ptr<server::Log> log);

/// Their names: issuers without "https://".
[[nodiscard]] std::vector<std::string> provider_names(const sts::IdentityProviders& providers);

/// Reads key files again, and has the others fetched. False when one could not be read: its keys stay, and
/// the log says why.
[[nodiscard]] bool reload_keys(const sts::IdentityProviders& providers, server::Log& log);

/// For Metrics::add_sampler.
[[nodiscard]] std::vector<prometheus::MetricFamily> provider_metrics(const sts::IdentityProviders& providers,
                                                                     Timestamp now);

}  // namespace coffer::daemon
