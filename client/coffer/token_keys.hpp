#pragma once
// The token's keys that are not master keys, as `coffer key` names and shows them.

#include <CLI/CLI.hpp>
#include <string>

#include "coffer/v1/frame.pb.h"

namespace coffer::cli {

inline constexpr const char* kAuditKey = "alias/coffer/audit";
inline constexpr const char* kSealKey = "alias/coffer/seal";

/// --audit and --seal, in the place of the argument `key` that `verb` has. `key` must outlive the parsing.
void add_token_key_flags(CLI::App& verb, std::string& key);

void print_audit_generations(const v1::KeyMetadata& key);
void print_seal_generations(const v1::KeyMetadata& key);

}  // namespace coffer::cli
