#include "hsm-config/coffer_hsm/token_options.hpp"

#include "crypto/hsm.hpp"

namespace coffer::hsm_config {

crypto::Profile profile_of(const TokenOptions& options) {
    if (!options.profile.empty()) return crypto::load_profile(options.profile);
    crypto::Profile profile;
    profile.name = "default";
    return profile;
}

std::unique_ptr<crypto::Module> load_module(const TokenOptions& options, const crypto::Profile& profile) {
    const crypto::HsmConfig config{.module = options.module,
                                   .token_dir = options.token_dir,
                                   .token_uris = {options.token_uri},
                                   .pin = crypto::PinSource::from_file(options.pin_file),
                                   .profile = profile};
    return crypto::Module::load(config.module, config.module_arguments());
}

}  // namespace coffer::hsm_config
