#pragma once
// What every command of coffer-hsm is told about the token, and opening it.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "crypto/module.hpp"
#include "crypto/pin_source.hpp"
#include "crypto/profile.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::hsm_config {

enum class Output : std::uint8_t { table, json };

/// A command's options that cannot be right together; exit code 2.
class UsageError : public Error {
public:
    using Error::Error;
};

struct TokenOptions {
    std::filesystem::path module;
    std::string token_uri;  ///< RFC 7512; empty when not given
    std::string pin_file;   ///< "-": standard input; empty when not given
    std::filesystem::path profile;
    std::filesystem::path token_dir;
    Output output = Output::table;
};

/// The profile that the options name, or the defaults.
[[nodiscard]] crypto::Profile profile_of(const TokenOptions& options);

/// Loads and initializes the module with the profile's arguments. Throws as Module::load.
[[nodiscard]] std::unique_ptr<crypto::Module> load_module(const TokenOptions& options,
                                                          const crypto::Profile& profile);

}  // namespace coffer::hsm_config
