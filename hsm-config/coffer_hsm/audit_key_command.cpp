#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "crypto/anchor_session.hpp"
#include "crypto/audit_public_key.hpp"
#include "crypto/key_names.hpp"
#include "crypto/key_ring.hpp"
#include "crypto/slot.hpp"
#include "hsm-config/coffer_hsm/commands.hpp"
#include "hsm-config/coffer_hsm/pin_input.hpp"

namespace coffer::hsm_config {

namespace {

const crypto::FoundAuditKey& wanted_key(const crypto::FoundKeys& keys,
                                        std::optional<std::uint32_t> generation) {
    const auto found = std::ranges::find_if(keys.audit_keys, [&](const crypto::FoundAuditKey& key) {
        return key.public_key && (!generation || key.generation == *generation);
    });
    if (found != keys.audit_keys.end()) return *found;
    if (generation && !keys.audit_keys.empty()) {
        throw Error(fmt::format("the token does not hold {}: coffer-hsm list shows which it holds",
                                crypto::audit_key_label(*generation)));
    }
    throw Error(fmt::format(
        "the token holds no audit key ({}): is it the right token? Where there never was one, run "
        "coffer-hsm init",
        crypto::audit_key_label(1)));
}

}  // namespace

int audit_key_command(const AuditKeyOptions& options) {
    const auto profile = profile_of(options.token);
    const auto module = load_module(options.token, profile);
    const auto token = crypto::find_token(*module, crypto::TokenUri::parse(options.token.token_uri));
    const PinInput pin(options.token.pin_file);
    crypto::PinGuard guard;
    const auto login = crypto::AnchorSession::open(*module, token.slot, pin.source(), guard);
    const auto keys = crypto::find_keys(login.session());
    const auto& key = wanted_key(keys, options.generation);
    const auto pem = crypto::p256_public_key_pem(login.session(), *key.public_key);
    if (options.token.output == Output::json) {
        const boost::json::object out{{"label", crypto::audit_key_label(key.generation)},
                                      {"generation", key.generation},
                                      {"publicKey", pem}};
        fmt::print("{}\n", boost::json::serialize(out));
    } else {
        fmt::print("{}", pem);
    }
    return kExitOk;
}

}  // namespace coffer::hsm_config
