#include "daemon/audit/event.hpp"

#include <boost/json.hpp>
#include <utility>

#include "daemon/audit/utc_time.hpp"

namespace coffer::audit {

namespace {

namespace json = boost::json;

constexpr std::string_view kEventVersion = "1.11";
constexpr std::size_t kTextBytesMax = 2048;
constexpr std::size_t kResourcesMax = 20;  // BatchGetSecretValue's most
constexpr std::size_t kSealsMax = 100;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

/// Length of the well-formed UTF-8 sequence at the start of `text` (RFC 3629), 0 when there is none.
std::size_t sequence_length(std::string_view text) noexcept {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto tail = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
        return i < text.size() && at(i) >= low && at(i) <= high;
    };
    const unsigned c = at(0);
    if (c < 0x80) return 1;
    if (c >= 0xC2 && c <= 0xDF) return tail(1) ? 2 : 0;
    if (c >= 0xE0 && c <= 0xEF) {
        const unsigned low = c == 0xE0 ? 0xA0 : 0x80;
        const unsigned high = c == 0xED ? 0x9F : 0xBF;
        return tail(1, low, high) && tail(2) ? 3 : 0;
    }
    if (c >= 0xF0 && c <= 0xF4) {
        const unsigned low = c == 0xF0 ? 0x90 : 0x80;
        const unsigned high = c == 0xF4 ? 0x8F : 0xBF;
        return tail(1, low, high) && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

json::string text(std::string_view value, std::size_t bytes_max = kTextBytesMax) {
    return json::string(clean_utf8(value, bytes_max));
}

void put_unless_empty(json::object& object, json::string_view key, std::string_view value) {
    if (!value.empty()) object.emplace(key, text(value));
}

/// Cleans every text of `value`, names of members included, in place.
json::value cleaned(const json::value& value) {
    if (const auto* s = value.if_string()) return text({s->data(), s->size()}, kParametersBytesMax);
    if (const auto* a = value.if_array()) {
        json::array out;
        for (const auto& element : *a) out.push_back(cleaned(element));
        return out;
    }
    if (const auto* o = value.if_object()) {
        json::object out;
        for (const auto& [key, member] : *o) out.emplace(text({key.data(), key.size()}), cleaned(member));
        return out;
    }
    return value;
}

/// `value`, or a mark that it was too long.
json::value bounded(json::object value, std::size_t bytes_max) {
    const auto bytes = json::serialize(value).size();
    if (bytes <= bytes_max) return value;
    return json::object{{"omitted", true}, {"bytes", bytes}};
}

json::value object_or_null(const std::optional<json::object>& object) {
    if (!object) return nullptr;
    return bounded(std::move(cleaned(*object).as_object()), kParametersBytesMax);
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
        case IdentityType::unknown:
            break;
    }
    return "Unknown";
}

json::object identity_object(const UserIdentity& identity) {
    json::object out{{"type", json::string_view(name_of(identity.type))}};
    put_unless_empty(out, "principalId", identity.principal_id);
    put_unless_empty(out, "arn", identity.arn);
    put_unless_empty(out, "accountId", identity.account_id);
    put_unless_empty(out, "accessKeyId", identity.access_key_id);
    put_unless_empty(out, "userName", identity.user_name);
    put_unless_empty(out, "invokedBy", identity.invoked_by);
    return out;
}

json::array seals_array(const std::vector<RowSeal>& seals) {
    json::array out;
    for (const auto& seal : seals) {
        if (out.size() == kSealsMax) break;
        json::object one{
            {"table", text(seal.table, 64)}, {"key", text(seal.key, 256)}, {"revision", seal.revision}};
        put_unless_empty(one, "seal", seal.seal);
        out.push_back(std::move(one));
    }
    return out;
}

json::value additional_object(const Event& event) {
    const auto& data = event.additional;
    json::object out;
    put_unless_empty(out, "node", data.node);
    out.emplace("timeMs", event.time.millis());
    put_unless_empty(out, "listener", data.listener);
    put_unless_empty(out, "statement", data.statement);
    put_unless_empty(out, "masterKeyId", data.master_key_id);
    if (data.master_key_generation) out.emplace("masterKeyGeneration", *data.master_key_generation);
    put_unless_empty(out, "certificateSha256", data.certificate_sha256);
    put_unless_empty(out, "traceId", data.trace_id);
    if (!data.details.empty()) {
        out.emplace("details", bounded(std::move(cleaned(data.details).as_object()), kAdditionalBytesMax));
    }
    // Seals are never left out for their size: what is proven against the database hangs on them.
    if (!data.seals.empty()) out.emplace("seals", seals_array(data.seals));
    return out;
}

json::array resources_array(const std::vector<EventResource>& resources) {
    json::array out;
    for (const auto& resource : resources) {
        if (out.size() == kResourcesMax) break;
        json::object one{{"ARN", text(resource.arn)}};
        if (!resource.account_id.empty()) one.emplace("accountId", text(resource.account_id, 64));
        one.emplace("type", text(resource.type, 64));
        out.push_back(std::move(one));
    }
    return out;
}

/// boost::json leaves DEL as it is; as an escape it cannot move a terminal's cursor either.
std::string serialize_line(const json::object& object) {
    const auto raw = json::serialize(object);
    if (raw.find('\x7F') == std::string::npos) return raw;
    std::string out;
    out.reserve(raw.size() + 16);
    for (const char c : raw) {
        if (c == '\x7F') {
            out += "\\u007f";
        } else {
            out += c;
        }
    }
    return out;
}

void put_outcome(json::object& out, const Event& event) {
    if (event.error_code.empty()) return;
    out.emplace("errorCode", text(event.error_code));
    if (!event.error_message.empty()) {
        out.emplace("errorMessage", text(event.error_message, kErrorMessageBytesMax));
    }
}

void put_classification(json::object& out, const Event& event) {
    out.emplace("eventType", event.type == EventType::api_call ? "AwsApiCall" : "AwsServiceEvent");
    out.emplace("managementEvent", true);
    put_unless_empty(out, "recipientAccountId", event.recipient_account_id);
    out.emplace("eventCategory", "Management");
}

}  // namespace

std::string clean_utf8(std::string_view input, std::size_t bytes_max) {
    std::string out;
    out.reserve(std::min(input.size(), bytes_max));
    while (!input.empty()) {
        const auto length = sequence_length(input);
        const auto piece = length > 0 ? input.substr(0, length) : kReplacement;
        if (out.size() + piece.size() > bytes_max) break;
        out += piece;
        input.remove_prefix(length > 0 ? length : 1);
    }
    return out;
}

std::string to_json(const Event& event) {
    json::object out;
    out.reserve(24);
    out.emplace("eventVersion", json::string_view(kEventVersion));
    out.emplace("userIdentity", identity_object(event.user_identity));
    out.emplace("eventTime", utc_seconds(event.time));
    out.emplace("eventSource", text(event.source));
    out.emplace("eventName", text(event.name, 256));
    out.emplace("awsRegion", text(event.region, 256));
    out.emplace("sourceIPAddress", text(event.source_address, 256));
    out.emplace("userAgent", text(event.user_agent, kUserAgentBytesMax));
    put_outcome(out, event);
    out.emplace("requestParameters", object_or_null(event.request_parameters));
    out.emplace("responseElements", object_or_null(event.response_elements));
    out.emplace("additionalEventData", additional_object(event));
    put_unless_empty(out, "requestID", event.request_id);
    out.emplace("eventID", event.event_id.text());
    out.emplace("readOnly", event.read_only);
    if (!event.resources.empty()) out.emplace("resources", resources_array(event.resources));
    put_classification(out, event);
    if (!event.tls_version.empty()) {
        json::object tls{{"tlsVersion", text(event.tls_version, 64)}};
        put_unless_empty(tls, "cipherSuite", event.tls_cipher);
        out.emplace("tlsDetails", std::move(tls));
    }
    return serialize_line(out);
}

}  // namespace coffer::audit
