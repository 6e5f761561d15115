#pragma once
// What the configuration says of the token and of the database, as their layers take it.

#include <optional>

#include "crypto/hsm.hpp"
#include "daemon/iam/seen_manifest.hpp"
#include "daemon/server/config.hpp"
#include "storage/database.hpp"

namespace coffer::daemon {

/// Reads the profile that it names. `audited`: the audit key is used. Throws Error.
[[nodiscard]] crypto::HsmConfig hsm_config(const server::HsmSection& section, bool audited);
/// `audited`: changes are refused that have no event along.
[[nodiscard]] storage::DatabaseConfig database_config(const server::DatabaseSection& section, bool audited);
/// Where this node keeps what it has seen of the principals; nothing where it has no place for it.
[[nodiscard]] std::optional<iam::SeenManifestFile> seen_manifest_file(const server::AuditConfig& audit);

}  // namespace coffer::daemon
