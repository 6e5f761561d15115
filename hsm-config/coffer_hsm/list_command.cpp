#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <optional>

#include "crypto/anchor_session.hpp"
#include "crypto/attributes.hpp"
#include "crypto/key_names.hpp"
#include "crypto/key_ring.hpp"
#include "crypto/objects.hpp"
#include "crypto/slot.hpp"
#include "hsm-config/coffer_hsm/commands.hpp"
#include "hsm-config/coffer_hsm/pin_input.hpp"
#include "hsm-config/coffer_hsm/table.hpp"

namespace coffer::hsm_config {
namespace {

/// Everything of Coffer's is labelled so.
constexpr std::string_view kPrefix = "coffer/";

/// A key as it lies in the token, right or wrong: what is wrong is to be seen here.
struct ListedKey {
    std::string label;
    std::string kind;
    std::string id;
    std::optional<std::uint32_t> generation;
    std::vector<std::string> attributes;
};

struct Keys {
    std::vector<ListedKey> keys;
    std::string problem;  ///< why the daemon would refuse them; empty when it would not
};

std::string kind_of(const std::string& label, CK_OBJECT_CLASS object_class) {
    if (label.starts_with(crypto::kMasterKeyPrefix)) return "master";
    if (label.starts_with(crypto::kSealKeyPrefix)) return "seal";
    if (label.starts_with(crypto::kAuditKeyPrefix))
        return object_class == CKO_PUBLIC_KEY ? "audit, public" : "audit, private";
    if (label.starts_with(crypto::kAuthorityKeyPrefix))
        return object_class == CKO_PUBLIC_KEY ? "ca, public" : "ca, private";
    return "unknown";
}

std::vector<std::string> marks_of(const crypto::Session& session, CK_OBJECT_HANDLE key) {
    struct Mark {
        CK_ATTRIBUTE_TYPE type;
        std::string_view name;
    };
    static constexpr std::array kMarks = {
        Mark{CKA_SENSITIVE, "sensitive"}, Mark{CKA_EXTRACTABLE, "extractable"},
        Mark{CKA_TRUSTED, "trusted"},     Mark{CKA_WRAP, "wrap"},
        Mark{CKA_UNWRAP, "unwrap"},       Mark{CKA_ENCRYPT, "encrypt"},
        Mark{CKA_DECRYPT, "decrypt"},     Mark{CKA_SIGN, "sign"},
        Mark{CKA_VERIFY, "verify"}};
    std::vector<std::string> marks;
    for (const auto& mark : kMarks) {
        if (crypto::read_boolean(session, key, mark.type).value_or(false)) marks.emplace_back(mark.name);
    }
    return marks;
}

ListedKey read_key(const crypto::Session& session, CK_OBJECT_HANDLE handle, std::string label,
                   CK_OBJECT_CLASS object_class) {
    ListedKey key{.label = std::move(label), .kind = {}, .id = {}, .generation = {}, .attributes = {}};
    key.kind = kind_of(key.label, object_class);
    const auto id = crypto::read_attribute(session, handle, CKA_ID).value_or(Bytes{});
    key.id = to_hex(id);
    if (const auto ref = crypto::parse_master_key_cka_id(id); key.kind == "master" && ref) {
        key.id = ref->id.value().text();
        key.generation = ref->generation;
    }
    if (const auto generation = crypto::parse_audit_key_label(key.label)) key.generation = generation;
    if (const auto generation = crypto::parse_seal_key_label(key.label)) key.generation = generation;
    key.attributes = marks_of(session, handle);
    return key;
}

Keys read_keys(const crypto::Session& session) {
    Keys keys;
    for (const auto object_class : {CKO_SECRET_KEY, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
        crypto::Template wanted;
        wanted.number(CKA_CLASS, object_class).boolean(CKA_TOKEN, true);
        for (const auto handle : crypto::find_objects(session, wanted)) {
            auto label = crypto::read_text(session, handle, CKA_LABEL);
            if (!label.starts_with(kPrefix)) continue;
            keys.keys.push_back(read_key(session, handle, std::move(label), object_class));
        }
    }
    std::ranges::sort(keys.keys, {}, [](const ListedKey& key) { return std::pair(key.label, key.kind); });
    try {
        static_cast<void>(crypto::find_keys(session));
    } catch (const Error& error) {
        keys.problem = error.what();
    }
    return keys;
}

boost::json::object to_json(const crypto::TokenInfo& token) {
    return {{"label", token.label},
            {"serial", token.serial},
            {"model", token.model},
            {"manufacturer", token.manufacturer}};
}

boost::json::object to_json(const ListedKey& key) {
    boost::json::object out{{"label", key.label}, {"kind", key.kind}, {"id", key.id}};
    if (key.generation) out["generation"] = *key.generation;
    out["attributes"] = boost::json::value_from(key.attributes);
    return out;
}

void print_json(const std::vector<crypto::TokenInfo>& tokens, const std::optional<Keys>& keys) {
    boost::json::object out;
    auto& token_list = out["tokens"].emplace_array();
    for (const auto& token : tokens) token_list.push_back(to_json(token));
    if (keys) {
        auto& key_list = out["keys"].emplace_array();
        for (const auto& key : keys->keys) key_list.push_back(to_json(key));
        if (!keys->problem.empty()) out["problem"] = keys->problem;
    }
    fmt::print("{}\n", boost::json::serialize(out));
}

void print_table(const std::vector<crypto::TokenInfo>& tokens, const std::optional<Keys>& keys) {
    std::vector<std::vector<std::string>> lines{{"TOKEN", "SERIAL", "MODEL", "MANUFACTURER"}};
    for (const auto& token : tokens)
        lines.push_back({token.label, token.serial, token.model, token.manufacturer});
    fmt::print("{}", columns(lines));
    if (!keys) return;
    lines = {{"KEY", "KIND", "ID", "ATTRIBUTES"}};
    for (const auto& key : keys->keys) {
        std::string marks;
        for (const auto& mark : key.attributes) marks += (marks.empty() ? "" : " ") + mark;
        lines.push_back({key.label, key.kind, key.id, std::move(marks)});
    }
    fmt::print("\n{}", columns(lines));
    if (keys->keys.empty()) fmt::print("(none: make them with coffer-hsm init)\n");
    if (!keys->problem.empty()) fmt::print("\nThe daemon would refuse these keys: {}\n", keys->problem);
}

}  // namespace

int list_command(const TokenOptions& options) {
    const bool with_keys = !options.pin_file.empty();
    if (with_keys && options.token_uri.empty()) {
        throw UsageError("--pin-file needs --token-uri: keys are listed of one token");
    }
    const auto profile = profile_of(options);
    const auto module = load_module(options, profile);
    if (options.token_uri.empty()) {
        const auto tokens = crypto::list_tokens(*module);
        options.output == Output::json ? print_json(tokens, {}) : print_table(tokens, {});
        return kExitOk;
    }
    const auto token = crypto::find_token(*module, crypto::TokenUri::parse(options.token_uri));
    std::optional<Keys> keys;
    if (with_keys) {
        const PinInput pin(options.pin_file);
        crypto::PinGuard guard;
        const auto login = crypto::AnchorSession::open(*module, token.slot, pin.source(), guard);
        keys = read_keys(login.session());
    }
    options.output == Output::json ? print_json({token}, keys) : print_table({token}, keys);
    return keys && !keys->problem.empty() ? kExitFailed : kExitOk;
}

}  // namespace coffer::hsm_config
