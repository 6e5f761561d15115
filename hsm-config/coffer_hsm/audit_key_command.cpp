#include <fmt/format.h>

#include <boost/json.hpp>

#include "crypto/anchor_session.hpp"
#include "crypto/audit_public_key.hpp"
#include "crypto/key_names.hpp"
#include "crypto/key_ring.hpp"
#include "crypto/slot.hpp"
#include "hsm-config/coffer_hsm/commands.hpp"
#include "hsm-config/coffer_hsm/pin_input.hpp"

namespace coffer::hsm_config {

int audit_key_command(const TokenOptions& options) {
    const auto profile = profile_of(options);
    const auto module = load_module(options, profile);
    const auto token = crypto::find_token(*module, crypto::TokenUri::parse(options.token_uri));
    const PinInput pin(options.pin_file);
    crypto::PinGuard guard;
    const auto login = crypto::AnchorSession::open(*module, token.slot, pin.source(), guard);
    const auto keys = crypto::find_keys(login.session());
    if (!keys.audit_private_key || !keys.audit_public_key) {
        throw Error(
            fmt::format("the token holds no audit key ({}): run coffer-hsm init", crypto::kAuditKeyLabel));
    }
    const auto pem = crypto::p256_public_key_pem(login.session(), *keys.audit_public_key);
    if (options.output == Output::json) {
        const boost::json::object out{{"label", boost::json::string_view(crypto::kAuditKeyLabel)},
                                      {"publicKey", pem}};
        fmt::print("{}\n", boost::json::serialize(out));
    } else {
        fmt::print("{}", pem);
    }
    return kExitOk;
}

}  // namespace coffer::hsm_config
