#pragma once
// The operations of STS, as the pipeline calls them. Answered from this node's directory; nothing is stored.

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "daemon/base/time.hpp"
#include "daemon/iam/directory_keeper.hpp"
#include "daemon/secrets/operation_set.hpp"
#include "daemon/sts/identity_providers.hpp"
#include "daemon/sts/session_tokens.hpp"

namespace coffer::sts {

/// Thread-safe.
class StsService final : public secrets::OperationSet {
public:
    /// All must outlive it.
    StsService(const iam::DirectoryKeeper& keeper, const SessionTokens& tokens,
               const IdentityProviders& providers, const Clock& clock)
        : keeper_(keeper), tokens_(tokens), providers_(providers), clock_(clock) {}

    [[nodiscard]] bool has(v1::Request::OperationCase operation) const noexcept override;
    /// Programs ask for credentials all the time; only their events must find room like others.
    [[nodiscard]] bool for_operators() const noexcept override { return false; }
    /// AssumeRoleWithWebIdentity: its token says who it is.
    [[nodiscard]] bool takes_strangers(v1::Request::OperationCase operation) const noexcept override {
        return operation == v1::Request::kAssumeRoleWithWebIdentity;
    }
    boost::asio::awaitable<void> perform(secrets::Call call, std::shared_ptr<const v1::Request> request,
                                         v1::Response& response) override;

private:
    boost::asio::awaitable<void> perform_for_web_identity(secrets::Call call,
                                                          std::shared_ptr<const v1::Request> request,
                                                          v1::Response& response);

    const iam::DirectoryKeeper& keeper_;
    const SessionTokens& tokens_;
    const IdentityProviders& providers_;
    const Clock& clock_;
};

}  // namespace coffer::sts
