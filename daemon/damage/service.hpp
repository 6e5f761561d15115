#pragma once
// ListDamagedSecrets and DiscardDamagedSecret.

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "crypto/hsm.hpp"
#include "daemon/base/time.hpp"
#include "daemon/secrets/authorization.hpp"
#include "daemon/secrets/operation_set.hpp"
#include "daemon/secrets/page_token.hpp"
#include "storage/database.hpp"

namespace coffer::damage {

/// Thread-safe.
///
/// Both operations ask for rights to "*": neither the name nor the ARN of a damaged row can be believed, so
/// that rights to some secrets cannot decide.
class DamageService final : public secrets::OperationSet {
public:
    /// All must outlive it.
    DamageService(storage::Database& database, crypto::Hsm& hsm, const secrets::PageTokens& page_tokens,
                  const Clock& clock)
        : database_(database), hsm_(hsm), page_tokens_(page_tokens), authorization_(clock) {}

    [[nodiscard]] bool has(v1::Request::OperationCase operation) const noexcept override;
    boost::asio::awaitable<void> perform(secrets::Call call, std::shared_ptr<const v1::Request> request,
                                         v1::Response& response) override;

private:
    boost::asio::awaitable<v1::ListDamagedSecretsResponse> list(secrets::Call call,
                                                                v1::ListDamagedSecretsRequest request);
    boost::asio::awaitable<v1::ListDamagedSecretsResponse> look(secrets::Call call, storage::SecretId id);
    boost::asio::awaitable<v1::DiscardDamagedSecretResponse> discard(secrets::Call call,
                                                                     v1::DiscardDamagedSecretRequest request);

    storage::Database& database_;
    crypto::Hsm& hsm_;
    const secrets::PageTokens& page_tokens_;
    const secrets::Authorization authorization_;
};

}  // namespace coffer::damage
