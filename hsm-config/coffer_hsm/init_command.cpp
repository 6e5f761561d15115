#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <optional>

#include "crypto/anchor_session.hpp"
#include "crypto/key_factory.hpp"
#include "crypto/key_names.hpp"
#include "crypto/pkcs11_error.hpp"
#include "crypto/slot.hpp"
#include "hsm-config/coffer_hsm/commands.hpp"
#include "hsm-config/coffer_hsm/initialize_token.hpp"
#include "hsm-config/coffer_hsm/pin_input.hpp"
#include "hsm-config/coffer_hsm/table.hpp"
#include "hsm-config/coffer_hsm/trusted_keys.hpp"

namespace coffer::hsm_config {
namespace {

/// What was found or made, one row each.
struct Row {
    std::string what;
    std::string state;
};

void require_usable(const InitOptions& options) {
    if (options.token.pin_file == "-" && options.officer_pin_file == "-") {
        throw UsageError("only one of --pin-file and --so-pin-file can be standard input (-)");
    }
    if (!options.new_token_label.empty() && options.officer_pin_file.empty()) {
        throw UsageError(
            "--initialize-token needs --so-pin-file: the new token's security officer gets that PIN");
    }
    auto names = options.key_names;
    std::ranges::sort(names);
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0 && names[i] == names[i - 1]) {
            throw UsageError(fmt::format("--key \"{}\" is given twice", names[i]));
        }
        if (crypto::is_master_key_name(names[i])) continue;
        throw UsageError(
            fmt::format("--key \"{}\" cannot name a master key: use 1 to 200 of A-Z a-z 0-9 / _ -, without a "
                        "slash at either end",
                        names[i]));
    }
}

/// The token that the URI names; with --initialize-token, the one that is made unless it exists.
crypto::TokenInfo find_or_make_token(const crypto::Module& module, const InitOptions& options,
                                     const crypto::TokenUri& uri, const PinInput& pin,
                                     const PinInput* officer_pin, std::vector<Row>& rows) {
    if (options.new_token_label.empty()) return crypto::find_token(module, uri);
    const auto tokens = crypto::list_tokens(module);
    const bool exists =
        std::ranges::find(tokens, options.new_token_label, &crypto::TokenInfo::label) != tokens.end();
    if (!exists) {
        initialize_token(module, options.new_token_label, officer_pin->source().read(), pin.source().read());
    }
    rows.push_back({fmt::format("token \"{}\"", options.new_token_label), exists ? "exists" : "made"});
    return crypto::find_token(module, uri);
}

bool holds(const crypto::FoundKeys& keys, const std::string& name) {
    return std::ranges::find(keys.master_keys, name, &crypto::FoundMasterKey::name) != keys.master_keys.end();
}

void make_keys(const crypto::Session& session, const std::vector<std::string>& names,
               const std::vector<std::string>& made_trusted, std::vector<Row>& rows) {
    crypto::KeyFactory factory(session);
    const auto before = crypto::find_keys(session);
    for (const auto& name : names) {
        const bool new_one = std::ranges::find(made_trusted, name) != made_trusted.end();
        const bool exists = holds(before, name);
        if (!exists) factory.make_master_key(name);
        rows.push_back({fmt::format("master key alias/{}", name),
                        new_one ? "made, CKA_TRUSTED" : (exists ? "exists" : "made")});
    }
    if (before.seal_keys.empty()) factory.make_seal_key();
    rows.push_back({"seal key", before.seal_keys.empty() ? "made" : "exists"});
    if (before.audit_keys.empty()) factory.make_audit_key();
    rows.push_back({"audit key", before.audit_keys.empty() ? "made" : "exists"});
}

/// The names that no master key has yet.
std::vector<std::string> missing_names(const crypto::Session& session,
                                       const std::vector<std::string>& names) {
    const auto keys = crypto::find_keys(session);
    std::vector<std::string> missing;
    for (const auto& name : names) {
        if (!holds(keys, name)) missing.push_back(name);
    }
    return missing;
}

/// Marks the master keys that are not marked yet. The user's session must be closed. What the token does not
/// let the security officer do is a row, not an error: the keys are good without.
void trust_keys(const crypto::Module& module, crypto::SlotId slot,
                const std::vector<crypto::FoundMasterKey>& keys, const PinInput& officer_pin,
                std::vector<Row>& rows) {
    std::vector<crypto::MasterKeyRef> refs;
    for (const auto& key : keys) {
        if (!key.trusted) refs.push_back(key.ref);
    }
    if (refs.empty()) {
        rows.push_back({"CKA_TRUSTED", "set on all master keys"});
        return;
    }
    try {
        const auto refusals = crypto::mark_trusted(module, slot, officer_pin.source().read(), refs);
        if (refusals.size() < refs.size()) {
            rows.push_back({"CKA_TRUSTED", fmt::format("set on {} keys", refs.size() - refusals.size())});
        }
        for (const auto& why : refusals) rows.push_back({"CKA_TRUSTED", "not set: " + why});
    } catch (const crypto::Pkcs11Error& error) {
        rows.push_back({"CKA_TRUSTED", fmt::format("not set: {}", error.what())});
    }
}

void print(Output output, const crypto::TokenInfo& token, const std::vector<Row>& rows) {
    if (output == Output::json) {
        boost::json::array items;
        for (const auto& row : rows) items.push_back({{"what", row.what}, {"state", row.state}});
        const boost::json::object result{{"token", {{"label", token.label}, {"serial", token.serial}}},
                                         {"items", std::move(items)}};
        fmt::print("{}\n", boost::json::serialize(result));
        return;
    }
    fmt::print("token \"{}\", serial {}\n", token.label, token.serial);
    std::vector<std::vector<std::string>> lines;
    for (const auto& row : rows) lines.push_back({row.what, row.state});
    fmt::print("{}", columns(lines, 2));
}

}  // namespace

int init_command(const InitOptions& options) {
    require_usable(options);
    const auto uri = crypto::TokenUri::parse(options.token.token_uri);
    const auto profile = profile_of(options.token);
    const bool new_token = !options.new_token_label.empty();
    const PinInput pin(options.token.pin_file, PinInput::Question{.text = "PIN", .twice = new_token});
    std::optional<PinInput> officer_pin;
    if (!options.officer_pin_file.empty()) {
        officer_pin.emplace(options.officer_pin_file,
                            PinInput::Question{.text = "PIN of the security officer", .twice = new_token});
    }

    const auto module = load_module(options.token, profile);
    std::vector<Row> rows;
    const auto token =
        find_or_make_token(*module, options, uri, pin, officer_pin ? &*officer_pin : nullptr, rows);
    crypto::PinGuard guard;
    const auto log_in = [&] {
        return crypto::AnchorSession::open(*module, token.slot, pin.source(), guard,
                                           crypto::SessionMode::read_write);
    };
    std::vector<std::string> made_trusted;
    if (officer_pin) {
        // The user's login ends with this, so that the officer can log in.
        const auto missing = missing_names(log_in().session(), options.key_names);
        if (!missing.empty()) {
            made_trusted = make_trusted_master_keys(*module, token.slot, officer_pin->source().read(),
                                                    pin.source(), guard, missing);
        }
    }
    std::vector<crypto::FoundMasterKey> master_keys;
    {
        const auto login = log_in();
        make_keys(login.session(), options.key_names, made_trusted, rows);
        master_keys = crypto::find_keys(login.session()).master_keys;
    }
    if (officer_pin) trust_keys(*module, token.slot, master_keys, *officer_pin, rows);
    print(options.token.output, token, rows);
    return kExitOk;
}

}  // namespace coffer::hsm_config
