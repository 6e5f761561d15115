#pragma once
// Rotation in the running daemon: the functions of the configuration, the workers, and the operations that
// show and steer them.

#include <functional>
#include <memory>
#include <string>

#include "daemon/certificate_parts.hpp"
#include "daemon/rotation/role_credentials.hpp"
#include "daemon/rotation/service.hpp"
#include "daemon/rotation/workers.hpp"
#include "daemon/server/config.hpp"
#include "daemon/server/log.hpp"
#include "daemon/server/metrics.hpp"

namespace coffer::daemon {

/// Told the ARNs of each secret that was rotated and of what rotated it.
using RotationCounter = std::function<void(const std::string& secret, const std::string& function)>;

class RotationParts {
public:
    /// Nothing is begun before start(). What `parts` and the others refer to must outlive it.
    /// `credentials` are those of handlers.
    RotationParts(const server::Config& config, rotation::RotationParts parts,
                  std::shared_ptr<rotation::RoleCredentials> credentials, CertificateBasis certificates,
                  const secrets::PageTokens& page_tokens, RotationCounter rotated,
                  std::shared_ptr<server::Metrics> metrics, std::shared_ptr<server::Log> log);

    [[nodiscard]] rotation::Workers& workers() noexcept { return workers_; }
    [[nodiscard]] rotation::RotationService& service() noexcept { return service_; }

private:
    rotation::Workers workers_;
    rotation::RotationService service_;
};

}  // namespace coffer::daemon
