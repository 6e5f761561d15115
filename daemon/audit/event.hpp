#pragma once
// What an audit event says, in CloudTrail's shape ("CloudTrail record contents", event version 1.11), and its
// one text. It holds no secret value: request parameters are made by proto/request_parameters.hpp, which
// knows what may be shown.

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/time.hpp"
#include "daemon/base/uuid.hpp"

namespace coffer::audit {

/// CloudTrail's userIdentity.type; `unknown` for callers who could not be identified.
enum class IdentityType : std::uint8_t { iam_user, assumed_role, root, aws_service, web_identity, unknown };

/// The role that a session is of (CloudTrail's sessionIssuer).
struct SessionIssuer {
    std::string principal_id;
    std::string arn;
    std::string account_id;
    std::string user_name;
};

/// Who asked (CloudTrail's userIdentity). Empty members are left out of the text.
struct UserIdentity {
    IdentityType type = IdentityType::unknown;
    std::string principal_id;
    std::string arn;
    std::string account_id;
    std::string user_name;
    std::string access_key_id;  ///< the id, never the key
    std::string invoked_by;     ///< the part of Coffer that acted, for service events
    std::optional<SessionIssuer> issuer{};
    /// When temporary credentials were issued; nothing without such.
    std::optional<Timestamp> session_created{};
    std::string source_identity{};
    std::string identity_provider{};  ///< ARN of the one that vouches for a web identity
};

/// A secret that the request was about.
struct EventResource {
    std::string arn;
    std::string account_id;
    std::string type = "AWS::SecretsManager::Secret";
};

/// The seal of a row after the change that the event tells of: what `coffer-audit verify --against-database`
/// compares with, so that a row put back from an earlier time is found.
struct RowSeal {
    std::string table;
    std::string key;  ///< the row's primary key
    /// Grows with every change of the row: events of one row may be journaled in another order.
    std::int64_t revision = 0;
    std::string seal;  ///< lower-case hexadecimal; empty when the row was removed
    /// The row was removed because it was damaged: which revision it had is not known.
    bool discarded = false;
};

/// What Coffer knows besides (CloudTrail's additionalEventData). Empty members are left out.
struct AdditionalData {
    std::string node;
    std::string listener;
    std::string statement;  ///< the policy statement that decided, or why none did
    std::string master_key_id;
    std::optional<std::int64_t> master_key_generation;
    std::string certificate_sha256;  ///< fingerprint of the client's certificate, hexadecimal
    std::string trace_id;
    std::vector<RowSeal> seals;
    boost::json::object details;  ///< of service events; no secret value
};

enum class EventType : std::uint8_t { api_call, service_event };

struct Event {
    UserIdentity user_identity;
    Timestamp time;
    std::string source = "secretsmanager.amazonaws.com";
    std::string name;    ///< the operation, e.g. "GetSecretValue"
    std::string region;  ///< awsRegion
    std::string source_address;
    std::string user_agent;
    std::string error_code;  ///< empty: the request was done
    std::string error_message;
    std::optional<boost::json::object> request_parameters;  ///< without values: proto/request_parameters.hpp
    std::optional<boost::json::object> response_elements;   ///< of changes only, as in CloudTrail
    AdditionalData additional;
    std::string request_id;
    Uuid event_id = Uuid::random();
    bool read_only = false;
    std::vector<EventResource> resources;
    EventType type = EventType::api_call;
    std::string recipient_account_id;
    std::string tls_version;
    std::string tls_cipher;
};

/// CloudTrail's limits of single members, in bytes.
inline constexpr std::size_t kParametersBytesMax = 100 * 1024;
inline constexpr std::size_t kErrorMessageBytesMax = 1024;
inline constexpr std::size_t kUserAgentBytesMax = 1024;
inline constexpr std::size_t kAdditionalBytesMax = 28 * 1024;

/// The event as one line of JSON: members in CloudTrail's order, no white space, well-formed UTF-8 (what is
/// not becomes U+FFFD), no control characters. Longer texts are cut; parameters or response elements over
/// their limit become {"omitted":true,"bytes":N}. At most kRecordJsonBytesMax (record.hpp) by these limits.
[[nodiscard]] std::string to_json(const Event& event);

}  // namespace coffer::audit
