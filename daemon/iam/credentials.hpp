#pragma once
// Access keys and temporary credentials, as a front door that checks signatures needs them: the secret that a
// request must be signed with, and who signed it then. Implemented by daemon/sts/callers.hpp.
//
// How a front door goes about it:
//
//     auto credential = co_await credentials.find(access_key_id, session_token, deadline);
//     if (!signature_matches(credential.secret->view(), request)) refuse;   // constant time; always computed
//     if (credential.state == CredentialState::expired) refuse as ExpiredTokenException;
//     if (credential.state != CredentialState::good) refuse as UnrecognizedClientException;
//     set_caller(credential, caller);                                       // then the pipeline
//     credentials.used(credential, "secretsmanager", region);

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/secret_bytes.hpp"
#include "daemon/access/caller.hpp"
#include "daemon/access/session.hpp"
#include "daemon/base/time.hpp"

namespace coffer::iam {

enum class CredentialState : std::uint8_t {
    good,
    /// There is no such key, it is inactive, it wants a session token and has none or a wrong one, or the
    /// reverse. The secret is made up: no signature matches it.
    unknown,
    /// A session token of ours, whose time is over. The secret is the real one.
    expired
};

/// What is known of an access key id.
struct Credential {
    /// The secret access key, 40 characters. Never null.
    std::shared_ptr<const crypto::SecretBytes> secret;
    CredentialState state = CredentialState::unknown;
    std::string access_key_id;
    /// Who that is, and what it may do. Null unless `state` is good; null then, too, when it is refused
    /// everything (a disabled user, a revoked session), and `refusal` says why. The pipeline turns a caller
    /// without rights into AccessDenied with that reason.
    access::RightsPtr rights{};
    std::string refusal{};
    /// Of temporary credentials; null for a user's own key.
    access::SessionPtr session{};
};

/// Thread-safe.
class Credentials {
public:
    virtual ~Credentials() = default;

    /// What belongs to `access_key_id` now. An unknown or inactive key takes the same way as a good one, with
    /// a secret that is made up from the id (always the same for an id), so that neither answers nor their
    /// time tell which ids there are. Long-term secrets are opened by the token once and then kept, within
    /// a bound, in memory.
    ///
    /// Throws Unavailable (retryable) while the token or the key's master key is away, Overloaded,
    /// DeadlineExceeded. Runs and resumes on the caller's executor.
    virtual boost::asio::awaitable<Credential> find(std::string access_key_id,
                                                    std::optional<std::string> session_token,
                                                    Deadline deadline) = 0;

    /// A request that was signed with it was accepted: for GetAccessKeyLastUsed. `service` as in a
    /// credential scope ("secretsmanager", "iam", "sts"). Does not wait; costs a look-up in memory.
    virtual void used(const Credential& credential, std::string_view service, std::string_view region) = 0;
};

/// Fills in who calls: rights, refusal, session, access key id and, for logs, limits and pages, the name: the
/// ARN, which stays the same when temporary credentials are renewed.
inline void set_caller(const Credential& credential, access::Caller& caller) {
    caller.principal = credential.rights ? credential.rights->principal.arn : credential.access_key_id;
    caller.rights = credential.rights;
    caller.refusal = credential.refusal;
    caller.access_key_id = credential.access_key_id;
    caller.session = credential.session;
}

}  // namespace coffer::iam
