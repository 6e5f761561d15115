#include "daemon/sts/identity_providers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "daemon/base/await.hpp"
#include "daemon/secrets/errors.hpp"
#include "daemon/sts/jwt.hpp"

namespace coffer::sts {

using boost::asio::awaitable;
using secrets::ServiceError;

namespace {

constexpr std::string_view kHttps = "https://";
constexpr std::int64_t kMillisPerSecond = 1'000;

/// What is known of a token before its signature was looked at.
struct UnverifiedToken {
    Jwt jwt;
    TokenClaims claims;
    const IdentityProvider* provider = nullptr;
};

ServiceError invalid_token(const std::string& message) {
    return {v1::INVALID_IDENTITY_TOKEN, message};
}

UnverifiedToken read_token(const IdentityProviders& providers, std::string_view token) {
    try {
        auto jwt = Jwt::parse(token);
        auto claims = read_claims(jwt.claims());
        const auto* provider = providers.find(claims.issuer);
        if (provider == nullptr) {
            throw BadToken(
                fmt::format("No OpenIDConnect provider found in your account for {}", claims.issuer));
        }
        return {std::move(jwt), std::move(claims), provider};
    } catch (const BadToken& error) {
        throw invalid_token(error.what());
    }
}

/// Nothing while the key is not known.
std::optional<bool> is_signed(const UnverifiedToken& token) {
    const auto keys = token.provider->keys().keys();
    const auto* key = keys ? keys->find(token.jwt.key_id(), token.jwt.algorithm()) : nullptr;
    if (key == nullptr) return std::nullopt;
    return token.jwt.is_signed_by(*key);
}

ServiceError no_key(const IdentityProvider& provider) {
    if (provider.keys().keys()) {
        return invalid_token(
            "Couldn't retrieve verification key from your identity provider, please reference "
            "AssumeRoleWithWebIdentity documentation for requirements");
    }
    return {v1::IDP_COMMUNICATION_ERROR,
            fmt::format("The keys of the identity provider {} could not be fetched yet. Try again.",
                        provider.issuer()),
            true};
}

void require_claims(const UnverifiedToken& token, Timestamp now) {
    const auto& claims = token.claims;
    const auto seconds = now.millis() / kMillisPerSecond;
    const bool ours = std::ranges::any_of(
        claims.audiences, [&](const std::string& audience) { return token.provider->is_audience(audience); });
    if (!ours) throw invalid_token("Incorrect token audience");
    if (seconds >= claims.expires) {
        throw ServiceError(v1::EXPIRED_TOKEN,
                           fmt::format("Token expired: current date/time {} must be before the expiration "
                                       "date/time {}",
                                       seconds, claims.expires));
    }
    const auto latest = seconds + kIssuerSkew.count();
    if (claims.not_before.value_or(0) > latest || claims.issued.value_or(0) > latest) {
        throw ServiceError(
            v1::IDP_REJECTED_CLAIM,
            fmt::format("The token is not valid yet: its 'nbf' or 'iat' is more than {} seconds after "
                        "the current date/time {}",
                        kIssuerSkew.count(), seconds));
    }
}

}  // namespace

IdentityProvider::IdentityProvider(std::string issuer, std::vector<std::string> audiences,
                                   std::unique_ptr<KeySource> keys)
    : issuer_(std::move(issuer)), audiences_(std::move(audiences)), keys_(std::move(keys)) {}

std::string_view IdentityProvider::name() const noexcept {
    auto name = std::string_view(issuer_);
    if (name.starts_with(kHttps)) name.remove_prefix(kHttps.size());
    return name;
}

bool IdentityProvider::is_audience(std::string_view audience) const {
    return std::ranges::find(audiences_, audience) != audiences_.end();
}

const IdentityProvider* IdentityProviders::find(std::string_view issuer) const noexcept {
    const auto found = std::ranges::find_if(
        providers_, [&](const IdentityProvider& provider) { return provider.issuer() == issuer; });
    return found == providers_.end() ? nullptr : &*found;
}

awaitable<WebIdentity> IdentityProviders::identify(std::shared_ptr<const v1::Request> request,
                                                   Timestamp now) const {
    const auto& text = request->assume_role_with_web_identity().web_identity_token();
    auto token = read_token(*this, text);
    auto good = is_signed(token);
    if (!good) {
        auto start = [&source = token.provider->keys()](Completion<Done> done) {
            source.renew(std::move(done));
        };
        co_await await_completion<Done>(std::move(start));
        good = is_signed(token);
    }
    if (!good) throw no_key(*token.provider);
    if (!*good) throw invalid_token("The token's signature is not one of the identity provider's key.");
    require_claims(token, now);
    co_return WebIdentity{token.provider, std::move(token.claims)};
}

std::string provider_arn(std::string_view account, std::string_view name) {
    return fmt::format("arn:aws:iam::{}:oidc-provider/{}", account, name);
}

}  // namespace coffer::sts
