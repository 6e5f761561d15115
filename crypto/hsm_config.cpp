#include "crypto/hsm.hpp"

namespace coffer::crypto {

std::string HsmConfig::module_arguments() const {
    static constexpr std::string_view kDir = "{dir}";
    std::string out = profile.module_arguments;
    for (auto at = out.find(kDir); at != std::string::npos; at = out.find(kDir, at)) {
        if (token_dir.empty()) {
            throw Error(
                "the token profile's module_arguments use {dir}, but no directory of the token is "
                "configured");
        }
        out.replace(at, kDir.size(), token_dir.string());
        at += token_dir.string().size();
    }
    return out;
}

}  // namespace coffer::crypto
