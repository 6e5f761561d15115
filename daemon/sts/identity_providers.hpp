#pragma once
// The identity providers of the configuration (OpenID Connect), and the tokens that they vouch for.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/v1/frame.pb.h"
#include "daemon/base/time.hpp"
#include "daemon/sts/key_source.hpp"
#include "daemon/sts/token_claims.hpp"

namespace coffer::sts {

/// How far the clock of whoever issues tokens may be ahead of this node's: `nbf` and `iat` may be so far in
/// the future. `exp` is taken at its word.
inline constexpr std::chrono::seconds kIssuerSkew{60};

class IdentityProvider {
public:
    /// `issuer` is an https URL. `audiences` has one at least.
    IdentityProvider(std::string issuer, std::vector<std::string> audiences, std::unique_ptr<KeySource> keys);

    [[nodiscard]] const std::string& issuer() const noexcept { return issuer_; }
    /// The issuer without its scheme: what condition keys begin with, and what its ARN ends in.
    [[nodiscard]] std::string_view name() const noexcept;
    [[nodiscard]] KeySource& keys() const noexcept { return *keys_; }
    [[nodiscard]] bool is_audience(std::string_view audience) const;

private:
    std::string issuer_;
    std::vector<std::string> audiences_;
    std::unique_ptr<KeySource> keys_;
};

/// Somebody whom an identity provider vouches for.
struct WebIdentity {
    const IdentityProvider* provider = nullptr;
    TokenClaims claims;
};

/// Immutable but for the providers' keys; thread-safe.
class IdentityProviders {
public:
    explicit IdentityProviders(std::vector<IdentityProvider> providers) : providers_(std::move(providers)) {}

    [[nodiscard]] const std::vector<IdentityProvider>& all() const noexcept { return providers_; }
    /// Null for an issuer that is none of theirs.
    [[nodiscard]] const IdentityProvider* find(std::string_view issuer) const noexcept;

    /// Who the bearer of the token in `request` is. Throws ServiceError: INVALID_IDENTITY_TOKEN for a token
    /// that is none, of no provider, for nobody here, or not signed by its provider; EXPIRED_TOKEN;
    /// IDP_REJECTED_CLAIM for one whose time has not come; IDP_COMMUNICATION_ERROR (retryable) while a
    /// provider's keys could not be fetched yet. Waits, for keys to be fetched, when the token names one that
    /// is not known.
    [[nodiscard]] boost::asio::awaitable<WebIdentity> identify(std::shared_ptr<const v1::Request> request,
                                                               Timestamp now) const;

private:
    std::vector<IdentityProvider> providers_;
};

/// "arn:aws:iam::ACCOUNT:oidc-provider/NAME"
[[nodiscard]] std::string provider_arn(std::string_view account, std::string_view name);

}  // namespace coffer::sts
