#include "daemon/server/oidc_config.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "daemon/server/https_url.hpp"
#include "daemon/server/units.hpp"

namespace coffer::server {

namespace {

using std::chrono::milliseconds;
using Need = TableReader::Need;

/// AWS's quotas of providers in an account and of audiences of one.
constexpr std::size_t kProvidersMax = 100;
constexpr std::size_t kAudiencesMax = 100;
constexpr std::size_t kTextMax = 255;
constexpr milliseconds kLeastRefresh{10'000};
constexpr milliseconds kLeastTimeout{100};
constexpr milliseconds kMostTimeout{60'000};

void read_issuer(TableReader& reader, std::string& issuer) {
    if (!reader.read_text("issuer", issuer, Need::required)) return;
    const auto url = https_address(issuer);
    // A full host name: condition keys begin with it, and those of services begin with a single word.
    if (url && !url->has_query() && url->host().find('.') != std::string::npos) return;
    reader.complain("issuer",
                    "\"" + issuer +
                        "\" must be the 'iss' of the provider's tokens: https://, a full host name (with a "
                        "dot), and a port and a path where they have them; at most 255 characters");
}

void read_audiences(TableReader& reader, std::vector<std::string>& audiences) {
    if (!reader.read_text_or_texts("audiences", audiences, Need::required)) return;
    const bool good = !audiences.empty() && audiences.size() <= kAudiencesMax &&
                      std::ranges::all_of(
                          audiences, [](const std::string& audience) { return audience.size() <= kTextMax; });
    if (!good) {
        reader.complain("audiences",
                        "must be 1 to 100 texts of at most 255 characters, such as \"sts.amazonaws.com\"");
    }
}

void read_provider(TableReader& reader, OidcProviderConfig& provider) {
    read_issuer(reader, provider.issuer);
    read_audiences(reader, provider.audiences);
    reader.read_path("jwks_file", provider.jwks_file);
    read_https_url(reader, "jwks_url", provider.jwks_url);
    const bool from_file = reader.has("jwks_file");
    const bool from_address = reader.has("jwks_url");
    if (from_file == from_address) {
        reader.complain(from_file ? "jwks_url" : "issuer",
                        "exactly one of 'jwks_file' and 'jwks_url' says where the provider's keys are");
    }
    const bool has_ca = reader.read_path("ca_file", provider.ca_file);
    const bool has_refresh =
        reader.read_duration("refresh_interval", provider.refresh_interval, kLeastRefresh, kOneDay);
    const bool has_timeout = reader.read_duration("timeout", provider.timeout, kLeastTimeout, kMostTimeout);
    if (from_file && !from_address && (has_ca || has_refresh || has_timeout)) {
        reader.complain(has_ca        ? "ca_file"
                        : has_refresh ? "refresh_interval"
                                      : "timeout",
                        "is for keys that are fetched ('jwks_url'), not for a 'jwks_file'");
    }
    reader.finish();
}

}  // namespace

void read_oidc_providers(TableReader& root, std::vector<OidcProviderConfig>& providers,
                         ConfigProblems& problems) {
    std::set<std::string> issuers;
    for (const toml::table* table : root.find_tables("oidc_provider")) {
        TableReader reader(*table, "[[oidc_provider]]", problems);
        OidcProviderConfig provider;
        read_provider(reader, provider);
        if (!provider.issuer.empty() && !issuers.insert(provider.issuer).second) {
            reader.complain("issuer",
                            "\"" + provider.issuer + "\" is the issuer of another provider as well");
        }
        if (providers.size() == kProvidersMax)
            reader.complain("issuer", "there may be 100 providers at most");
        providers.push_back(std::move(provider));
    }
}

}  // namespace coffer::server
