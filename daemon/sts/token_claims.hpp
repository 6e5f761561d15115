#pragma once
// What a web identity token says, read and checked for form. Whether it is to be believed, and whether its
// time is there, is asked elsewhere (identity_providers.hpp). Sources: RFC 7519, section 4.1; OpenID Connect
// Core 1.0, section 2; for the claims of AWS the IAM user guide ("Pass session tags":
// AssumeRoleWithWebIdentity).

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/access/json_reader.hpp"
#include "daemon/access/principal.hpp"

namespace coffer::sts {

struct TokenClaims {
    static constexpr std::size_t kSubjectCharactersMax = 512;
    static constexpr std::size_t kAudiencesMax = 100;

    std::string issuer;                           ///< `iss`
    std::string subject;                          ///< `sub`
    std::vector<std::string> audiences;           ///< `aud`, one or several
    std::optional<std::string> authorized_party;  ///< `azp`
    /// Seconds since 1970.
    std::int64_t expires = 0;                ///< `exp`; a fraction is dropped
    std::optional<std::int64_t> not_before;  ///< `nbf`
    std::optional<std::int64_t> issued;      ///< `iat`
    /// Every claim that is a string, a boolean or a list of strings, by its name.
    std::map<std::string, std::vector<std::string>> values;
    /// From "https://aws.amazon.com/tags": tags of the session, and the keys of those that it hands on.
    std::vector<access::Tag> tags;
    std::vector<std::string> transitive_tag_keys;
    /// From "https://aws.amazon.com/source_identity"; empty where there is none.
    std::string source_identity;

    /// What AWS calls the audience: `azp` where there is one, else `aud`.
    [[nodiscard]] const std::string& audience() const {
        return authorized_party ? *authorized_party : audiences.front();
    }
};

/// Throws BadToken for claims that are missing (`iss`, `sub`, `aud`, `exp`), of another type or out of their
/// limits, and for several audiences without `azp`.
[[nodiscard]] TokenClaims read_claims(const access::JsonValue& claims);

}  // namespace coffer::sts
