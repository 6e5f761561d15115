#pragma once
// OAuth 2.0 access tokens (RFC 6749): by client credentials (section 4.4), or by a refresh token (section 6)
// that may work once only (RFC 9700, section 4.14.2). The secret: client_id, client_secret, access_token,
// refresh_token, expires_at, token_type, scope.

#include <optional>
#include <string>

#include "daemon/rotation/exchange_function.hpp"

namespace coffer::rotation {

struct OauthSettings {
    enum class Grant : std::uint8_t { client_credentials, refresh_token };
    enum class Authentication : std::uint8_t {
        basic,  ///< in the header (RFC 6749, section 2.3.1)
        post,   ///< in the body
        none,   ///< a public client: client_id alone
    };
    HttpsServer server;
    std::string token_path = "/";
    Grant grant = Grant::client_credentials;
    Authentication authentication = Authentication::basic;
    std::string scope;     ///< empty: the provider's default
    std::string audience;  ///< empty: none is asked for
    /// What is read with a new access token, to try it; without one the token is not tried.
    std::optional<HttpsServer> test_server;
    std::string test_path;
};

class OauthFunction final : public ExchangeFunction {
public:
    /// `clock` must outlive it.
    OauthFunction(OauthSettings settings, const Clock& clock)
        : ExchangeFunction(settings.server, settings.grant == OauthSettings::Grant::refresh_token),
          settings_(std::move(settings)),
          clock_(clock) {}
    [[nodiscard]] std::string_view kind() const noexcept override { return "oauth"; }
    [[nodiscard]] std::vector<Check> check(const StepContext& context, SecretValues& values) override;

protected:
    [[nodiscard]] HttpsRequest request(const StepContext& context, SecretValues& values,
                                       const crypto::SecretBytes& current) override;
    [[nodiscard]] crypto::SecretBytes value_from(const HttpsAnswer& answer,
                                                 const crypto::SecretBytes& current,
                                                 SecretValues& values) override;
    [[nodiscard]] std::string said(const HttpsAnswer& answer) const override;
    [[nodiscard]] std::string remedy(const HttpsAnswer& answer) const override;
    [[nodiscard]] std::string when_lost() const override;
    void test(const StepContext& context, const crypto::SecretBytes& value) override;

private:
    [[nodiscard]] bool refreshes() const noexcept {
        return settings_.grant == OauthSettings::Grant::refresh_token;
    }

    const OauthSettings settings_;
    const Clock& clock_;
};

}  // namespace coffer::rotation
