#include "daemon/sts/session_tokens.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "daemon/iam/json_fields.hpp"
#include "daemon/secrets/sealed_text.hpp"
#include "daemon/sts/secret_text.hpp"

namespace coffer::sts {

namespace json = boost::json;
using access::Session;
using access::Tag;

namespace {

constexpr std::uint8_t kFormat = 1;
/// Format and day.
constexpr std::size_t kHeaderBytes = 3;
constexpr std::size_t kIdBytes = 16;
constexpr std::size_t kHashBytes = 32;
/// Bytes of the id that the access key id shows: 80 bits are 16 characters of base 32.
constexpr std::size_t kShownIdBytes = 10;
constexpr std::array<std::uint8_t, secrets::kGcmIvBytes> kIv{};

crypto::SecretBytes hmac(const crypto::SecretBytes& key, ByteView message) {
    crypto::SecretBytes out(kHashBytes);
    unsigned int size = 0;
    const auto* done = HMAC(EVP_sha256(), key.view().data(), static_cast<int>(key.size()), message.data(),
                            message.size(), out.writable().data(), &size);
    if (done == nullptr || size != kHashBytes) throw Error("OpenSSL could not derive a session's key");
    return out;
}

/// RFC 4648, section 6. `bytes` are a multiple of five.
std::string to_base32(ByteView bytes) {
    constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    std::string text;
    std::uint32_t pending = 0;
    unsigned bits = 0;
    for (const auto byte : bytes) {
        pending = (pending << 8U) | byte;
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            text += kAlphabet[(pending >> bits) & 31U];
        }
    }
    return text;
}

std::string access_key_id_of(ByteView id) {
    return "ASIA" + to_base32(id.first(kShownIdBytes));
}

json::array list_of(const std::vector<std::string>& texts) {
    json::array list;
    for (const auto& text : texts) list.emplace_back(text);
    return list;
}

std::vector<std::string> texts_of(const json::array& list) {
    std::vector<std::string> texts;
    for (const auto& value : list) {
        if (!value.is_string()) throw iam::BadDocument("a session's lists hold strings");
        texts.emplace_back(value.get_string());
    }
    return texts;
}

/// What limits or marks the session, and is bounded together.
json::object packed(const Session& session) {
    json::object object;
    if (!session.policy.empty()) object["policy"] = session.policy;
    if (!session.policy_arns.empty()) object["arns"] = list_of(session.policy_arns);
    if (!session.tags.empty()) {
        auto& tags = object["tags"].emplace_array();
        for (const auto& tag : session.tags) tags.push_back(list_of({tag.key, tag.value}));
    }
    if (!session.transitive_tag_keys.empty()) object["transitive"] = list_of(session.transitive_tag_keys);
    return object;
}

std::string to_text(const Session& session) {
    auto object = packed(session);
    if (session.type == access::PrincipalType::user) object["user"] = true;
    object["issuer"] = session.issuer_id;
    if (!session.issuer_arn.empty()) object["arn"] = session.issuer_arn;
    if (!session.name.empty()) object["name"] = session.name;
    object["origin"] = session.origin;
    if (!session.federated_provider.empty()) object["provider"] = session.federated_provider;
    object["issued"] = session.issued.millis();
    object["expires"] = session.expires.millis();
    if (!session.source_identity.empty()) object["source"] = session.source_identity;
    return json::serialize(object);
}

Session read(std::string_view text) {
    const auto value = json::parse(json::string_view(text.data(), text.size()));
    iam::JsonFields fields(value);
    Session session;
    session.type = fields.flag("user") ? access::PrincipalType::user : access::PrincipalType::assumed_role;
    session.issuer_id = fields.text("issuer");
    if (const auto* arn = fields.optional_text("arn")) session.issuer_arn = *arn;
    if (const auto* name = fields.optional_text("name")) session.name = *name;
    session.origin = fields.text("origin");
    if (const auto* provider = fields.optional_text("provider")) session.federated_provider = *provider;
    session.issued = Timestamp::from_millis(fields.number("issued"));
    session.expires = Timestamp::from_millis(fields.number("expires"));
    if (const auto* source = fields.optional_text("source")) session.source_identity = *source;
    if (const auto* policy = fields.optional_text("policy")) session.policy = *policy;
    session.policy_arns = texts_of(fields.list("arns"));
    session.transitive_tag_keys = texts_of(fields.list("transitive"));
    for (const auto& tag : fields.list("tags")) {
        const auto pair = texts_of(tag.as_array());
        session.tags.push_back({pair.at(0), pair.at(1)});
    }
    fields.finish();
    return session;
}

}  // namespace

SessionTokens::SessionTokens(const SessionKeys& keys) : keys_(keys), made_up_key_(kHashBytes) {
    if (RAND_bytes(made_up_key_.writable().data(), static_cast<int>(kHashBytes)) != 1) {
        throw Error("OpenSSL has no random bytes");
    }
}

NewSession SessionTokens::make(Session session) const {
    const auto day = day_number(session.issued);
    const auto keys = keys_.of(day);
    if (!keys) throw Unavailable("the keys of today's session tokens are not there yet; try again later");
    Bytes token(kHeaderBytes + kIdBytes);
    token[0] = kFormat;
    token[1] = static_cast<std::uint8_t>(day >> 8);
    token[2] = static_cast<std::uint8_t>(day);
    if (RAND_bytes(token.data() + kHeaderBytes, kIdBytes) != 1) throw Error("OpenSSL has no random bytes");
    const auto header = Bytes(token.begin(), token.begin() + kHeaderBytes);
    const auto id = Bytes(token.begin() + kHeaderBytes, token.end());
    session.access_key_id = access_key_id_of(id);
    const auto text = to_text(session);
    const auto key = hmac(keys->token, id);
    const auto sealed = secrets::gcm_seal(key.view(), kIv, as_bytes(text), header);
    token.insert(token.end(), sealed.begin(), sealed.end());
    return {std::make_shared<const Session>(std::move(session)), secret_text(hmac(keys->secret, id).view()),
            secrets::to_base64url(token)};
}

std::optional<OpenedSession> SessionTokens::open(std::string_view token) const {
    if (token.size() > kSessionTokenCharactersMax) return std::nullopt;
    const auto bytes = secrets::from_base64url(token);
    if (!bytes || bytes->size() < kHeaderBytes + kIdBytes || bytes->front() != kFormat) return std::nullopt;
    const ByteView all(*bytes);
    const std::int64_t day = (all[1] << 8) | all[2];
    for (const auto& keys : keys_.all_of(day)) {
        const auto key = hmac(keys->token, all.subspan(kHeaderBytes, kIdBytes));
        const auto text =
            secrets::gcm_open(key.view(), kIv, all.subspan(kHeaderBytes + kIdBytes), all.first(kHeaderBytes));
        if (text) return opened(*keys, day, all.subspan(kHeaderBytes, kIdBytes), *text);
    }
    return std::nullopt;
}

std::optional<OpenedSession> SessionTokens::opened(const DayKeys& keys, std::int64_t day, ByteView id,
                                                   ByteView text) {
    try {
        auto session = read(as_text(text));
        // A day's key makes sessions of that day, however it came into somebody's hands.
        const bool of_its_day = day_number(session.issued) == day &&
                                session.expires <= session.issued + SessionKeys::kLongestSession;
        if (!of_its_day) return std::nullopt;
        session.access_key_id = access_key_id_of(id);
        return OpenedSession{std::make_shared<const Session>(std::move(session)),
                             secret_text(hmac(keys.secret, id).view())};
    } catch (const std::exception&) {
        return std::nullopt;  // of a version of the daemon that writes it otherwise
    }
}

crypto::SecretBytes SessionTokens::made_up(std::string_view access_key_id) const {
    return secret_text(hmac(made_up_key_, as_bytes(access_key_id)).view());
}

std::size_t packed_bytes(const Session& session) {
    const auto object = packed(session);
    return object.empty() ? 0 : json::serialize(object).size();
}

}  // namespace coffer::sts
