#pragma once
// The whole daemon: every part made, joined and, at the end, taken apart in the right order. The only place
// that knows them all.

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "daemon/audit_lookup/audit_lookup.hpp"
#include "daemon/audit_parts.hpp"
#include "daemon/backend_observers.hpp"
#include "daemon/certificate_parts.hpp"
#include "daemon/damage/service.hpp"
#include "daemon/iam/directory_keeper.hpp"
#include "daemon/iam/service.hpp"
#include "daemon/key_parts.hpp"
#include "daemon/rotation_parts.hpp"
#include "daemon/secrets/pipeline.hpp"
#include "daemon/secrets/purge_worker.hpp"
#include "daemon/secrets/service.hpp"
#include "daemon/server/config.hpp"
#include "daemon/server/health_server.hpp"
#include "daemon/server/server.hpp"
#include "daemon/service_manager.hpp"
#include "daemon/sts/callers.hpp"
#include "daemon/sts/identity_providers.hpp"
#include "daemon/sts/service.hpp"
#include "daemon/sts/token_access_keys.hpp"
#include "daemon/usage_parts.hpp"
#include "storage/access_recorder.hpp"

namespace coffer::daemon {

/// Made once; run() once.
class Appliance {
public:
    /// `warnings` are logged first.
    Appliance(server::Config config, std::vector<std::string> warnings);
    ~Appliance();
    Appliance(const Appliance&) = delete;
    Appliance& operator=(const Appliance&) = delete;

    /// Starts everything, serves until SIGTERM or SIGINT, drains, stops everything. Returns the exit code.
    /// What prevents the start is logged as one line.
    [[nodiscard]] int run();

private:
    // In the order of a life.
    void start_control();
    void open_token();
    /// False when the daemon was told to stop while the database was away.
    [[nodiscard]] bool open_database();
    void verify_master_keys();
    void open_audit();
    void open_directory();
    void open_credentials();
    /// A key that the token derives from the seal key. Waits for it.
    [[nodiscard]] crypto::SecretBytes derived_key(const std::string& purpose, std::uint32_t generation);
    /// Has keys derived from all generations of the seal key that the token holds. Blocks.
    void derive_keys();
    void make_service();
    void open_listeners();
    void announce();
    void wait_for_stop();
    void drain();
    void take_apart();

    // On the control thread.
    void await_signal();
    void signalled(int signal);
    void reload();
    void watch();

    /// Of the configuration, with their files' policies as they are now. For requests, which come when the
    /// server is there.
    [[nodiscard]] std::vector<iam::ConfiguredListener> listeners() const;
    [[nodiscard]] std::optional<storage::AuditSigner> journal_signer() const;
    [[nodiscard]] std::vector<server::Readiness> readiness() const;
    [[nodiscard]] std::optional<std::string> revocation_list_at(std::string_view path) const;
    [[nodiscard]] server::PkeyPtr load_key(const std::string& key, X509* certificate);
    [[nodiscard]] std::shared_ptr<server::ServerContext> server_context();
    /// Waits so long, or until the daemon is told to stop; then true.
    [[nodiscard]] bool stop_within(std::chrono::milliseconds time);

    const server::Config config_;
    const std::shared_ptr<server::Log> log_;
    const std::shared_ptr<server::Metrics> metrics_;
    const ServiceManager service_manager_{};
    const SystemClock clock_;

    // Destroyed last: completions of the backends come back to these, also during shutdown.
    server::IoShards shards_;
    boost::asio::io_context control_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> control_work_;
    boost::asio::signal_set signals_;
    boost::asio::steady_timer watchdog_;
    std::shared_ptr<server::HealthServer> health_;

    std::unique_ptr<crypto::Hsm> hsm_;
    std::unique_ptr<storage::Database> database_;
    std::shared_ptr<crypto::DerivedKeys> outbox_keys_;
    std::shared_ptr<crypto::DerivedKeys> page_token_keys_;
    std::shared_ptr<const secrets::OutboxRows> outbox_rows_;
    secrets::LeaveEvent leave_event_;    ///< empty where no events are written
    std::unique_ptr<AuditParts> audit_;  ///< null where the configuration turns it off
    std::unique_ptr<storage::SecretCache> cache_;
    std::unique_ptr<secrets::MasterKeys> master_keys_;
    std::shared_ptr<iam::DirectoryKeeper> principals_;
    std::unique_ptr<sts::TokenAccessKeys> access_keys_;
    std::unique_ptr<storage::AccessKeyRecorder> access_key_uses_;
    std::unique_ptr<sts::SessionKeys> session_keys_;
    std::unique_ptr<sts::SessionTokens> session_tokens_;
    std::shared_ptr<sts::Callers> callers_;  ///< also the credentials of doors that check signatures
    std::unique_ptr<sts::IdentityProviders> identity_providers_;
    std::unique_ptr<iam::IamService> iam_service_;
    std::unique_ptr<sts::StsService> sts_service_;
    std::unique_ptr<storage::AccessRecorder> accesses_;
    std::unique_ptr<UsageParts> usage_;
    std::unique_ptr<secrets::PageTokens> page_tokens_;
    std::unique_ptr<damage::DamageService> damage_;
    std::unique_ptr<KeyParts> keys_;
    std::unique_ptr<CertificateParts> certificates_;
    std::unique_ptr<RotationParts> rotation_;
    std::unique_ptr<secrets::SecretsService> service_;
    std::unique_ptr<audit_lookup::AuditLookup> audit_lookup_;
    std::unique_ptr<secrets::Pipeline> pipeline_;
    std::unique_ptr<secrets::PurgeWorker> purge_worker_;
    std::unique_ptr<server::Server> server_;
    std::thread control_thread_;
    bool taken_apart_ = false;

    // What readiness() reads, on the control thread, while the main thread starts and stops things.
    mutable std::mutex state_mutex_;
    std::condition_variable stop_asked_;
    bool stopping_ = false;
    std::string starting_ = "starting";  ///< what is being waited for; empty once all is served
    const crypto::Hsm* visible_hsm_ = nullptr;
    const storage::Database* visible_database_ = nullptr;
    AuditParts* visible_audit_ = nullptr;
    const iam::DirectoryKeeper* visible_principals_ = nullptr;
    const CertificateParts* visible_certificates_ = nullptr;
};

}  // namespace coffer::daemon
