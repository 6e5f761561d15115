#pragma once
// What temporary credentials say: who made them, of whom, until when and with which limits. Plain data; the
// text that carries it, encrypted, is daemon/sts/session_tokens.hpp's.

#include <memory>
#include <string>
#include <vector>

#include "daemon/access/principal.hpp"
#include "daemon/base/time.hpp"

namespace coffer::access {

/// A session that AssumeRole or GetSessionToken made. Immutable once shared.
struct Session {
    /// "ASIA..." and 16 characters.
    std::string access_key_id;
    /// assumed_role, or user for GetSessionToken.
    PrincipalType type = PrincipalType::assumed_role;
    /// The unique id of the role or the user ("AROA...", "AIDA..."), which a namesake made later has not.
    std::string issuer_id;
    /// Its ARN when the session began, which tells whose it was when it is gone. For messages and events
    /// alone; empty in tokens of before.
    std::string issuer_arn;
    /// RoleSessionName; empty for a user's session.
    std::string name;
    /// Who began the chain of sessions, whose certificate alone may present the token over the native
    /// protocol: the unique id of a user, or the certificate itself (daemon/sts/session_origin.hpp) where it
    /// is a role's or a web identity asked with it. Empty where there was none, and then no certificate may.
    std::string origin;
    /// ARN of the identity provider that vouched for whoever began it; empty for none.
    std::string federated_provider;
    Timestamp issued;
    Timestamp expires;
    /// Session policies: one inline (empty for none), and ARNs of managed ones.
    std::string policy;
    std::vector<std::string> policy_arns;
    /// Session tags, and the keys of those that a session which is begun from this one inherits.
    std::vector<Tag> tags;
    std::vector<std::string> transitive_tag_keys;
    /// aws:SourceIdentity; empty for none.
    std::string source_identity;
};

using SessionPtr = std::shared_ptr<const Session>;

}  // namespace coffer::access
