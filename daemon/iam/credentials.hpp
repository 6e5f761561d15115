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

/// Why a credential is unknown. Only for those who read logs and events: the caller is told the same of all.
enum class CredentialFault : std::uint8_t {
    none,
    /// Nobody has the access key.
    no_such_key,
    inactive_key,
    /// The user whose key it is is disabled, or its time is over.
    suspended_user,
    /// The session token is none of ours, of another access key, or with a key that has none.
    wrong_token
};

/// "no_such_key", "inactive_key", "suspended_user", "wrong_token"; empty for none.
[[nodiscard]] constexpr std::string_view fault_text(CredentialFault fault) noexcept {
    switch (fault) {
        case CredentialFault::none:
            break;
        case CredentialFault::no_such_key:
            return "no_such_key";
        case CredentialFault::inactive_key:
            return "inactive_key";
        case CredentialFault::suspended_user:
            return "suspended_user";
        case CredentialFault::wrong_token:
            return "wrong_token";
    }
    return "";
}

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
    /// Who it is although it has no rights, as far as that is known.
    access::PrincipalPtr refused{};
    CredentialFault fault = CredentialFault::none;
    /// Whether there is such an access key, whatever is wrong with it or with the token beside it.
    bool exists = true;
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
    caller.principal = credential.access_key_id;
    caller.rights = credential.rights;
    caller.refusal = credential.refusal;
    caller.refused = credential.refused;
    caller.principal = caller.shown();
    caller.access_key_id = credential.access_key_id;
    caller.session = credential.session;
}

}  // namespace coffer::iam
