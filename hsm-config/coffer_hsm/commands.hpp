#pragma once
// The commands of coffer-hsm. Each prints to standard output and returns the exit code; errors are thrown.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hsm-config/coffer_hsm/token_options.hpp"

namespace coffer::hsm_config {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;  ///< a step failed, the token is not usable
inline constexpr int kExitUsage = 2;

struct InitOptions {
    TokenOptions token;
    std::vector<std::string> key_names{"default"};
    std::string officer_pin_file;  ///< "-": standard input; empty when not given
    std::string new_token_label;   ///< empty: the token exists
};

/// Makes what is missing of Coffer's keys, and says what was there.
int init_command(const InitOptions& options);

struct CheckOptions {
    TokenOptions token;
    std::filesystem::path write_profile;       ///< empty: none is written
    std::string profile_name;                  ///< empty: the token's model
    std::size_t sessions_max = 16;             ///< sessions and threads that are tried
    std::chrono::milliseconds rate_time{200};  ///< how long each rate is measured; 0: none is
};

/// Probes the token.
int check_command(const CheckOptions& options);

/// Lists tokens and, with a PIN, Coffer's keys in one.
int list_command(const TokenOptions& options);

struct AuditKeyOptions {
    TokenOptions token;
    std::optional<std::uint32_t> generation;  ///< nothing: the oldest that the token holds
};

/// Prints the public half of the audit key, in PEM: what coffer-audit verifies the journal with.
int audit_key_command(const AuditKeyOptions& options);

}  // namespace coffer::hsm_config
