#pragma once
// Certificates seen and revoked: the operations of certificates.proto.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "coffer/v1/certificates.pb.h"
#include "coffer/v1/frame.pb.h"
#include "daemon/certificates/revocation_lists.hpp"
#include "daemon/secrets/authorization.hpp"
#include "daemon/secrets/operation_set.hpp"
#include "daemon/secrets/page_token.hpp"
#include "daemon/secrets/secret_ref.hpp"
#include "storage/database.hpp"

namespace coffer::certificates {

struct ServiceParts {
    RevocationLists& lists;
    storage::Database& database;
    const secrets::PageTokens& page_tokens;
    const Clock& clock;
    secrets::NodeIdentity node;
    /// A list was made: files want to be written.
    std::function<void()> changed;
};

/// Thread-safe.
class CertificateService final : public secrets::OperationSet {
public:
    /// What `parts` refers to must outlive it.
    explicit CertificateService(ServiceParts parts)
        : parts_(std::move(parts)), authorization_(parts_.clock) {}

    [[nodiscard]] bool has(v1::Request::OperationCase operation) const noexcept override;
    [[nodiscard]] bool for_operators() const noexcept override { return false; }
    boost::asio::awaitable<void> perform(secrets::Call call, std::shared_ptr<const v1::Request> request,
                                         v1::Response& response) override;

private:
    template <class T>
    using Awaitable = boost::asio::awaitable<T>;
    using Rows = std::vector<storage::IssuedCertificate>;

    v1::ListCertificateAuthoritiesResponse list_authorities(const secrets::CallContext& call) const;
    v1::GetCertificateRevocationListResponse get_list(
        const secrets::CallContext& call, const v1::GetCertificateRevocationListRequest& request) const;
    Awaitable<v1::ListCertificatesResponse> list_certificates(secrets::Call call,
                                                              v1::ListCertificatesRequest request);
    Awaitable<v1::RevokeCertificateResponse> revoke_certificate(secrets::Call call,
                                                                v1::RevokeCertificateRequest request);
    /// Those that the request names, and that the caller may revoke. Throws AccessDenied before it says
    /// whether there are any.
    Awaitable<Rows> require_named(secrets::Call call, v1::RevokeCertificateRequest request);
    Awaitable<Rows> require_of_secret(secrets::Call call, std::string secret_id);
    /// `serial` may have its authority before it, and need not be on record then.
    Awaitable<Rows> require_of_serial(secrets::Call call, std::string serial);
    /// A row of an authority that this node does not have keeps nobody from revoking the others.
    void require_authority_of_any(const Rows& rows) const;

    template <class T>
    Awaitable<T> read(secrets::Call call, UniqueFunction<T(storage::ReadTransaction&)> job);
    template <class T>
    Awaitable<T> write(secrets::Call call, UniqueFunction<T(storage::WriteTransaction&)> job);

    const ServiceParts parts_;
    const secrets::Authorization authorization_;
};

}  // namespace coffer::certificates
