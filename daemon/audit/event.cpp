#include "daemon/audit/event.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "daemon/audit/json_line.hpp"
#include "daemon/audit/utc_time.hpp"
#include "daemon/audit/utf8.hpp"

namespace coffer::audit {

namespace {

namespace json = boost::json;

constexpr std::string_view kEventVersion = "1.11";
constexpr std::size_t kTextBytesMax = 2048;
constexpr std::size_t kResourcesMax = 20;  // BatchGetSecretValue's most
constexpr std::size_t kSealsMax = 100;
/// What an event of a read comes to, and some more.
constexpr std::size_t kUsualBytes = 1800;

/// Cleans every text of `value`, names of members included.
json::value cleaned(const json::value& value) {
    const auto text = [](const json::string_view& dirty, std::size_t bytes_max) {
        return json::string(clean_utf8({dirty.data(), dirty.size()}, bytes_max));
    };
    if (const auto* s = value.if_string()) return text(*s, kParametersBytesMax);
    if (const auto* a = value.if_array()) {
        json::array out;
        for (const auto& element : *a) out.push_back(cleaned(element));
        return out;
    }
    if (const auto* o = value.if_object()) {
        json::object out;
        for (const auto& [key, member] : *o) out.emplace(text(key, kTextBytesMax), cleaned(member));
        return out;
    }
    return value;
}

/// boost::json leaves DEL as it is; as an escape it cannot move a terminal's cursor either.
std::string without_del(const std::string& text) {
    std::string out;
    out.reserve(text.size() + 16);
    for (const char c : text) {
        if (c == '\x7F') {
            out += "\\u007f";
        } else {
            out += c;
        }
    }
    return out;
}

/// An object from outside this file, as JSON; or a mark that it was too long.
std::string bounded(const json::object& object, std::size_t bytes_max) {
    auto text = json::serialize(object);
    const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
    if (!plain) text = without_del(json::serialize(cleaned(object)));
    if (text.size() <= bytes_max) return text;
    return json::serialize(json::object{{"omitted", true}, {"bytes", text.size()}});
}

void put(JsonLine& out, std::string_view name, std::string_view value,
         std::size_t bytes_max = kTextBytesMax) {
    out.name(name).text(value, bytes_max);
}

void put_unless_empty(JsonLine& out, std::string_view name, std::string_view value,
                      std::size_t bytes_max = kTextBytesMax) {
    if (!value.empty()) put(out, name, value, bytes_max);
}

void put_object_or_null(JsonLine& out, std::string_view name, const std::optional<json::object>& object) {
    out.name(name).raw(object ? bounded(*object, kParametersBytesMax) : "null");
}

std::string_view name_of(IdentityType type) noexcept {
    switch (type) {
        case IdentityType::iam_user:
            return "IAMUser";
        case IdentityType::assumed_role:
            return "AssumedRole";
        case IdentityType::root:
            return "Root";
        case IdentityType::aws_service:
            return "AWSService";
        case IdentityType::web_identity:
            return "WebIdentityUser";
        case IdentityType::unknown:
            break;
    }
    return "Unknown";
}

void put_session(JsonLine& out, const UserIdentity& identity) {
    if (!identity.issuer && !identity.session_created) return;
    out.name("sessionContext").open_object();
    if (const auto& issuer = identity.issuer) {
        out.name("sessionIssuer").open_object();
        put(out, "type", "Role");
        put(out, "principalId", issuer->principal_id);
        put(out, "arn", issuer->arn);
        put(out, "accountId", issuer->account_id);
        put(out, "userName", issuer->user_name);
        out.close_object();
    }
    if (identity.session_created) {
        out.name("attributes").open_object();
        put(out, "creationDate", utc_seconds(*identity.session_created));
        put(out, "mfaAuthenticated", "false");
        out.close_object();
    }
    put_unless_empty(out, "sourceIdentity", identity.source_identity);
    out.close_object();
}

void put_identity(JsonLine& out, const UserIdentity& identity) {
    out.name("userIdentity").open_object();
    put(out, "type", name_of(identity.type));
    put_unless_empty(out, "principalId", identity.principal_id);
    put_unless_empty(out, "arn", identity.arn);
    put_unless_empty(out, "accountId", identity.account_id);
    put_unless_empty(out, "accessKeyId", identity.access_key_id);
    put_unless_empty(out, "userName", identity.user_name);
    put_session(out, identity);
    put_unless_empty(out, "identityProvider", identity.identity_provider);
    put_unless_empty(out, "invokedBy", identity.invoked_by);
    out.close_object();
}

void put_seals(JsonLine& out, const std::vector<RowSeal>& seals) {
    // Never left out for their size: what is proven against the database hangs on them.
    if (seals.empty()) return;
    out.name("seals").open_array();
    for (std::size_t i = 0; i < std::min(seals.size(), kSealsMax); ++i) {
        out.open_object();
        put(out, "table", seals[i].table, 64);
        put(out, "key", seals[i].key, 256);
        if (seals[i].discarded) {
            out.name("discarded").boolean(true);
        } else {
            out.name("revision").number(seals[i].revision);
            put_unless_empty(out, "seal", seals[i].seal);
        }
        out.close_object();
    }
    out.close_array();
}

void put_additional(JsonLine& out, const Event& event) {
    const auto& data = event.additional;
    out.name("additionalEventData").open_object();
    put_unless_empty(out, "node", data.node);
    out.name("timeMs").number(event.time.millis());
    put_unless_empty(out, "listener", data.listener);
    put_unless_empty(out, "statement", data.statement);
    put_unless_empty(out, "masterKeyId", data.master_key_id);
    if (data.master_key_generation) out.name("masterKeyGeneration").number(*data.master_key_generation);
    put_unless_empty(out, "certificateSha256", data.certificate_sha256);
    put_unless_empty(out, "traceId", data.trace_id);
    if (!data.details.empty()) out.name("details").raw(bounded(data.details, kAdditionalBytesMax));
    put_seals(out, data.seals);
    out.close_object();
}

void put_resources(JsonLine& out, const std::vector<EventResource>& resources) {
    if (resources.empty()) return;
    out.name("resources").open_array();
    for (std::size_t i = 0; i < std::min(resources.size(), kResourcesMax); ++i) {
        out.open_object();
        put(out, "ARN", resources[i].arn);
        put_unless_empty(out, "accountId", resources[i].account_id, 64);
        put(out, "type", resources[i].type, 64);
        out.close_object();
    }
    out.close_array();
}

void put_outcome(JsonLine& out, const Event& event) {
    if (event.error_code.empty()) return;
    put(out, "errorCode", event.error_code);
    put_unless_empty(out, "errorMessage", event.error_message, kErrorMessageBytesMax);
}

void put_tls(JsonLine& out, const Event& event) {
    if (event.tls_version.empty()) return;
    out.name("tlsDetails").open_object();
    put(out, "tlsVersion", event.tls_version, 64);
    put_unless_empty(out, "cipherSuite", event.tls_cipher);
    out.close_object();
}

}  // namespace

std::string to_json(const Event& event) {
    JsonLine out(kUsualBytes);
    out.open_object();
    put(out, "eventVersion", kEventVersion);
    put_identity(out, event.user_identity);
    put(out, "eventTime", utc_seconds(event.time));
    put(out, "eventSource", event.source);
    put(out, "eventName", event.name, 256);
    put(out, "awsRegion", event.region, 256);
    put(out, "sourceIPAddress", event.source_address, 256);
    put(out, "userAgent", event.user_agent, kUserAgentBytesMax);
    put_outcome(out, event);
    put_object_or_null(out, "requestParameters", event.request_parameters);
    put_object_or_null(out, "responseElements", event.response_elements);
    put_additional(out, event);
    put_unless_empty(out, "requestID", event.request_id);
    put(out, "eventID", event.event_id.text());
    out.name("readOnly").boolean(event.read_only);
    put_resources(out, event.resources);
    put(out, "eventType", event.type == EventType::api_call ? "AwsApiCall" : "AwsServiceEvent");
    out.name("managementEvent").boolean(true);
    put_unless_empty(out, "recipientAccountId", event.recipient_account_id);
    put(out, "eventCategory", "Management");
    put_tls(out, event);
    return std::move(out.close_object()).take();
}

}  // namespace coffer::audit
