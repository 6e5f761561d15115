#pragma once
// Certificates in the running daemon: the authorities of the configuration, what they issued, their
// revocation lists, and the operations.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/certificates/ledger.hpp"
#include "daemon/certificates/list_keeper.hpp"
#include "daemon/certificates/service.hpp"
#include "daemon/server/config.hpp"
#include "daemon/server/log.hpp"
#include "daemon/server/metrics.hpp"

namespace coffer::daemon {

/// What rotation functions issue certificates with.
struct CertificateBasis {
    const certificates::RevocationLists& lists;
    const certificates::Ledger& ledger;
};

class CertificateParts {
public:
    /// Opens the authorities: throws Error that names the one that cannot be, or whose crl_file holds
    /// something else. Nothing is begun before
    /// start(). What is given must outlive it.
    CertificateParts(const server::Config& config, crypto::Hsm& hsm, storage::Database& database,
                     secrets::AuditTrail* trail, const secrets::PageTokens& page_tokens, const Clock& clock,
                     std::shared_ptr<server::Log> log);

    [[nodiscard]] CertificateBasis basis() const noexcept { return {lists_, ledger_}; }
    [[nodiscard]] certificates::CertificateService& service() noexcept { return service_; }
    /// The list (DER) that "/crl/NAME.crl" is the path of; nothing when there is none.
    [[nodiscard]] std::optional<std::string> list_at(std::string_view path) const;
    /// When each authority's certificate ends, its list is outdated, and the list in its file was made.
    [[nodiscard]] std::vector<prometheus::MetricFamily> metrics() const;
    void start() { keeper_.start(); }
    void stop() { keeper_.stop(); }

private:
    certificates::RevocationLists lists_;
    certificates::Ledger ledger_;
    certificates::ListKeeper keeper_;
    certificates::CertificateService service_;
};

}  // namespace coffer::daemon
