#include "daemon/backend_configs.hpp"

namespace coffer::daemon {

crypto::HsmConfig hsm_config(const server::HsmSection& section, bool audited) {
    return {.module = section.module,
            .token_dir = section.token_dir,
            .token_uris = section.tokens,
            .pin = crypto::PinSource::from_file(section.pin_file),
            .profile = crypto::load_profile(section.profile),
            .signs_checkpoints = audited,
            .queue_capacity = section.queue_capacity,
            .breaker_failures = section.breaker_failures,
            .breaker_probe_interval = section.breaker_probe_interval};
}

storage::DatabaseConfig database_config(const server::DatabaseSection& section, bool audited) {
    storage::DatabaseConfig config;
    config.conninfo = section.conninfo;
    config.connections = section.connections;
    config.queue_capacity = section.queue_capacity;
    config.statement_timeout = section.statement_timeout;
    config.lock_timeout = section.lock_timeout;
    config.connect_timeout = section.connect_timeout;
    config.changes_need_events = audited;
    return config;
}

std::optional<iam::SeenManifestFile> seen_manifest_file(const server::AuditConfig& audit) {
    if (audit.state_directory.empty()) return std::nullopt;
    return iam::SeenManifestFile(audit.state_directory / "principals.seen");
}

}  // namespace coffer::daemon
