#include "daemon/appliance.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <csignal>

#include "crypto/anchor_session.hpp"
#include "crypto/private_key.hpp"
#include "daemon/audit_observers.hpp"
#include "daemon/aws/http_connection.hpp"
#include "daemon/backend_configs.hpp"
#include "daemon/base/thread_name.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/handler_credentials.hpp"
#include "daemon/identity_provider_parts.hpp"
#include "daemon/keys/seal_generations.hpp"
#include "daemon/missing_keys.hpp"
#include "daemon/secrets/token_seal_keeper.hpp"
#include "daemon/server/request_observer.hpp"

namespace coffer::daemon {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kDatabaseRetry{2'000};
constexpr std::chrono::seconds kMasterKeyPatience{30};
/// For a step of the start, and for taking apart what was started: longer than any of them waits for the
/// token or the database.
constexpr std::chrono::seconds kStepPatience{60};
constexpr std::chrono::seconds kPurgeInterval{60};
/// Lines a second that peers may cause in the log before they said who they are, with bursts of ten times
/// that.
constexpr std::uint64_t kStrangerLinesPerSecond = 10;
/// A thread that did nothing for so long hangs, and the service manager should know.
constexpr milliseconds kHangLimit{10'000};

milliseconds shortest_limit(const server::LimitsConfig& limits) {
    return std::min({limits.handshake_timeout, limits.hello_timeout, limits.frame_timeout,
                     limits.write_timeout, limits.idle_timeout});
}

}  // namespace

Appliance::Appliance(server::Config config, std::vector<std::string> warnings)
    : config_(std::move(config)),
      log_(std::make_shared<server::Log>(config_.log)),
      metrics_(std::make_shared<server::Metrics>(COFFER_VERSION)),
      shards_(config_.node.io_threads, shortest_limit(config_.limits)),
      control_work_(control_.get_executor()),
      signals_(control_, SIGTERM, SIGINT, SIGHUP),
      watchdog_(control_) {
    log_->info("cofferd starts", {{"version", std::string_view(COFFER_VERSION)},
                                  {"node", std::string_view(config_.node.name)},
                                  {"pid", std::int64_t{::getpid()}}});
    for (const auto& warning : warnings) log_->warning(warning);
}

Appliance::~Appliance() {
    take_apart();
}

int Appliance::run() {
    int code = kExitUnavailable;
    try {
        const auto step = [this](const char* what) { service_manager_.starting(what, kStepPatience); };
        start_control();
        step("opening the token");
        open_token();
        if (!open_database()) return kExitDone;
        step("comparing the master keys of token and database");
        verify_master_keys();
        step("opening the audit journal");
        open_audit();
        step("reading users, groups, roles and policies");
        open_directory();
        open_credentials();
        step("opening the listeners");
        make_service();
        open_listeners();
        code = kExitFailure;
        announce();
        wait_for_stop();
        drain();
        take_apart();
    } catch (const crypto::PinRefused& error) {
        log_->error("cofferd cannot go on", {{"reason", std::string_view(error.what())}});
        return kExitPinRefused;
    } catch (const crypto::KeysMissing& error) {
        const auto reason = explain(error, config_.database);
        log_->error("cofferd cannot go on", {{"reason", std::string_view(reason)}});
        return code;
    } catch (const std::exception& error) {
        log_->error("cofferd cannot go on", {{"reason", std::string_view(error.what())}});
        return code;
    }
    log_->info("cofferd stopped");
    return kExitDone;
}

void Appliance::start_control() {
    if (config_.health) {
        health_ = std::make_shared<server::HealthServer>(
            control_, *config_.health, metrics_, [this] { return readiness(); },
            [this](std::string_view path) { return revocation_list_at(path); });
        health_->start();
        log_->info("health and metrics", {{"address", std::string_view(config_.health->address)},
                                          {"port", std::int64_t{health_->port()}}});
    }
    await_signal();
    watch();
    control_thread_ = std::thread([this] { control_.run(); });
    name_thread(control_thread_, "control");
}

void Appliance::open_token() {
    hsm_ = crypto::Hsm::open(hsm_config(config_.hsm, config_.audit.enabled),
                             std::make_shared<HsmRecorder>(metrics_, log_));
    const crypto::HsmStatus status = hsm_->status();
    log_->info("the token is open", {{"label", std::string_view(status.token_label)},
                                     {"serial", std::string_view(status.token_serial)},
                                     {"model", std::string_view(status.token_model)},
                                     {"master_keys", static_cast<std::int64_t>(hsm_->master_keys().size())}});
    metrics_->add_sampler([this] { return hsm_metrics(hsm_->status()); });
    const std::lock_guard lock(state_mutex_);
    visible_hsm_ = hsm_.get();
}

/// A database that cannot be reached yet is waited for: after a power cut the two start at the same time.
bool Appliance::open_database() {
    const auto seals = std::make_shared<secrets::TokenSealKeeper>(hsm_->seals());
    const auto recorder = std::make_shared<DatabaseRecorder>(metrics_, log_);
    // Nobody gives up meanwhile: neither this loop nor the service manager.
    const auto within = kStepPatience + config_.database.connect_timeout;
    service_manager_.starting("connecting to the database", within);
    while (true) {
        std::string why;
        try {
            database_ = storage::Database::open(database_config(config_.database, config_.audit.enabled),
                                                seals, recorder);
            break;
        } catch (const Unavailable& error) {
            why = error.what();
        }
        log_->error("waiting for the database", {{"reason", std::string_view(why)}});
        service_manager_.starting("waiting for the database: " + why, within);
        {
            const std::lock_guard lock(state_mutex_);
            starting_ = "waiting for the database: " + why;
        }
        if (stop_within(kDatabaseRetry)) return false;
    }
    const std::lock_guard lock(state_mutex_);
    visible_database_ = database_.get();
    return true;
}

void Appliance::verify_master_keys() {
    const auto deadline = std::chrono::steady_clock::now() + kMasterKeyPatience;
    keys::seal_under_active(*hsm_, *database_, deadline);
    if (config_.audit.enabled) {
        outbox_keys_ = outbox_keys(*hsm_, deadline);
        outbox_rows_ = std::make_shared<const secrets::OutboxRows>(outbox_keys_, config_.node.name);
        leave_event_ = secrets::leave_event(outbox_rows_, event_maker(config_, clock_));
    }
    const auto missing =
        secrets::verify_and_register_master_keys(*hsm_, *database_, clock_, leave_event_, deadline);
    for (const auto& line : missing)
        log_->error("the token lacks a master key", {{"key", std::string_view(line)}});
}

void Appliance::open_audit() {
    if (!config_.audit.enabled) {
        log_->warning("audit.enabled = false: what is done is not recorded, and cannot be proven later");
        return;
    }
    audit_ = std::make_unique<AuditParts>(config_, outbox_rows_, *hsm_, *database_, clock_, metrics_, log_,
                                          std::chrono::steady_clock::now() + kMasterKeyPatience);
    const auto id = audit_->status().sequence;
    log_->info("the audit journal is open",
               {{"directory", std::string_view(config_.audit.directory.native())},
                {"sequence", static_cast<std::int64_t>(id)}});
    metrics_->add_sampler([this] { return journal_metrics(audit_->status()); });
    metrics_->add_sampler([this] { return sink_metrics(audit_->sinks(), audit_->status().sequence); });
    const std::lock_guard lock(state_mutex_);
    visible_audit_ = audit_.get();
}

void Appliance::open_directory() {
    iam::KeeperEvents events;
    events.distrusted = [log = log_](const std::string& reason) {
        log->error(
            "integrity failure: the list of users, groups, roles and policies is not believed; what was in "
            "force stays, and after a start that is nobody",
            {{"reason", std::string_view(reason)}});
    };
    events.trusted = [log = log_] {
        log->info("the list of users, groups, roles and policies is believed again");
    };
    events.changed = [log = log_](const iam::Directory& directory) {
        const auto& records = directory.records();
        log->info("users, groups, roles and policies are in force",
                  {{"revision", directory.stored().revision},
                   {"users", static_cast<std::int64_t>(records.users.size())},
                   {"groups", static_cast<std::int64_t>(records.groups.size())},
                   {"roles", static_cast<std::int64_t>(records.roles.size())},
                   {"policies", static_cast<std::int64_t>(records.policies.size())},
                   {"not_believed", static_cast<std::int64_t>(records.faults.size())}});
    };
    events.seen_not_kept = [log = log_](const std::string& reason) {
        log->error(
            "which principals this node has seen could not be kept; after a restart it may not notice that "
            "they "
            "were put back to an earlier time",
            {{"reason", std::string_view(reason)}});
    };
    events.not_read = [log = log_](const std::string& reason) {
        log->warning(
            "users, groups, roles and policies could not be read; changes of them are not in force on this "
            "node until they are",
            {{"reason", std::string_view(reason)}});
    };
    events.read_again = [log = log_] { log->info("users, groups, roles and policies were read again"); };
    auto seen_file = seen_manifest_file(config_.audit);
    if (!seen_file) {
        log_->warning(
            "[audit] state_directory is not set: after a restart this node does not notice that users, "
            "groups, "
            "roles and policies were put back to an earlier time");
    }
    principals_ = std::make_shared<iam::DirectoryKeeper>(
        *database_, config_.node.account, clock_, std::move(events), std::move(seen_file),
        std::chrono::steady_clock::now() + kMasterKeyPatience);
    if (principals_->directory()->stored().revision == 0 && !principals_->distrust()) {
        log_->warning(
            "there is no user yet, so every request will be refused: run 'cofferd bootstrap --config FILE "
            "--identity "
            "NAME' on this machine");
    }
    metrics_->add_sampler([this] { return directory_metrics(*principals_); });
    const std::lock_guard lock(state_mutex_);
    visible_principals_ = principals_.get();
}

crypto::SecretBytes Appliance::derived_key(const std::string& purpose, std::uint32_t generation) {
    return wait_for<crypto::SecretBytes>([&](Completion<crypto::SecretBytes> done) {
        const JobOptions options{Priority::read, std::chrono::steady_clock::now() + kMasterKeyPatience};
        hsm_->seals().derive(purpose, generation, options, std::move(done));
    });
}

void Appliance::derive_keys() {
    const auto deadline = std::chrono::steady_clock::now() + kMasterKeyPatience;
    if (outbox_keys_) outbox_keys_->refresh(deadline);
    page_token_keys_->refresh(deadline);
    session_keys_->refresh();
}

void Appliance::open_credentials() {
    master_keys_ = std::make_unique<secrets::MasterKeys>(*hsm_, config_.hsm.default_key);
    access_keys_ = std::make_unique<sts::TokenAccessKeys>(*hsm_, master_keys_->default_key());
    access_key_uses_ = std::make_unique<storage::AccessKeyRecorder>(*database_);
    session_keys_ = std::make_unique<sts::SessionKeys>(
        [this](const std::string& purpose, std::uint32_t generation) {
            return derived_key(purpose, generation);
        },
        clock_,
        [this] {
            return sts::SealGenerations{hsm_->seals().generations(), hsm_->seals().sealing_generation()};
        });
    session_tokens_ = std::make_unique<sts::SessionTokens>(*session_keys_);
    callers_ = std::make_shared<sts::Callers>(
        sts::CallersParts{*principals_, *session_tokens_, *access_keys_, *access_key_uses_, clock_});
    identity_providers_ = identity_providers(config_, clock_, log_);
    if (!identity_providers_->all().empty()) {
        metrics_->add_sampler([this] { return provider_metrics(*identity_providers_, clock_.now()); });
    }
    iam_service_ =
        std::make_unique<iam::IamService>(*database_, *principals_, *access_keys_, clock_,
                                          iam::NodeFacts{config_.node.region, [this] { return listeners(); },
                                                         provider_names(*identity_providers_)});
    sts_service_ =
        std::make_unique<sts::StsService>(*principals_, *session_tokens_, *identity_providers_, clock_);
}

std::vector<iam::ConfiguredListener> Appliance::listeners() const {
    std::vector<iam::ConfiguredListener> all;
    for (const auto& listener : server_->listeners()) all.push_back({listener->name(), listener->policy()});
    return all;
}

std::optional<storage::AuditSigner> Appliance::journal_signer() const {
    if (!audit_) return std::nullopt;
    return audit_->signer();
}

void Appliance::make_service() {
    cache_ = std::make_unique<storage::SecretCache>(
        *database_, storage::CacheConfig{config_.cache.max_bytes, config_.cache.serve_stale_for});
    accesses_ = std::make_unique<storage::AccessRecorder>(*database_, storage::AccessRecorderConfig{});
    usage_ = std::make_unique<UsageParts>(config_, *database_, clock_, log_);
    page_token_keys_ = std::make_shared<crypto::DerivedKeys>(
        hsm_->seals(), "page-tokens", std::chrono::steady_clock::now() + kMasterKeyPatience);
    page_tokens_ = std::make_unique<secrets::PageTokens>(page_token_keys_);
    const rotation::RotationParts rotation_parts{
        *hsm_, *database_, *master_keys_, clock_, audit_ ? &audit_->trail() : nullptr, config_.node.name};
    certificates_ = std::make_unique<CertificateParts>(config_, *hsm_, *database_, rotation_parts.trail,
                                                       *page_tokens_, clock_, log_);
    {
        const std::lock_guard lock(state_mutex_);
        visible_certificates_ = certificates_.get();
    }
    metrics_->add_sampler([this] { return certificates_->metrics(); });
    rotation_ = std::make_unique<RotationParts>(
        config_, rotation_parts,
        std::make_shared<HandlerCredentials>(rotation_parts, *principals_, *session_tokens_),
        certificates_->basis(), *page_tokens_, usage_->rotation_counter(), metrics_, log_);
    service_ = std::make_unique<secrets::SecretsService>(
        secrets::ServiceParts{{config_.node.region, config_.node.account},
                              *hsm_,
                              *database_,
                              *cache_,
                              *accesses_,
                              *master_keys_,
                              *page_tokens_,
                              clock_,
                              &rotation_->workers(),
                              principals_.get()});
    damage_ = std::make_unique<damage::DamageService>(*database_, *hsm_, *page_tokens_, clock_);
    keys_ = std::make_unique<KeyParts>(
        config_,
        keys::KeyServiceParts{{config_.node.region, config_.node.account},
                              *hsm_,
                              *database_,
                              *master_keys_,
                              *principals_,
                              *page_tokens_,
                              clock_,
                              {}},
        *master_keys_, leave_event_, [this] { return journal_signer(); }, [this] { derive_keys(); }, log_);
    metrics_->add_sampler([this] { return keys_->metrics(); });
    secrets::PurgeWorker::Events events;
    events.purged = [log = log_](const std::string& name) {
        log->info("a deleted secret was destroyed", {{"secret", std::string_view(name)}});
    };
    events.failed = [log = log_](const std::string& what, const std::string& reason) {
        log->error("purging failed",
                   {{"what", std::string_view(what)}, {"reason", std::string_view(reason)}});
    };
    purge_worker_ = std::make_unique<secrets::PurgeWorker>(
        *database_, *hsm_, clock_, audit_ ? &audit_->trail() : nullptr, kPurgeInterval, std::move(events));
    metrics_->add_sampler([this] { return database_metrics(*database_); });
    metrics_->add_sampler([this] { return cache_metrics(cache_->statistics()); });
}

std::shared_ptr<server::ServerContext> Appliance::server_context() {
    auto context = std::make_shared<server::ServerContext>();
    const auto recorder =
        usage_->counted(std::make_shared<server::RequestRecorder>(metrics_, log_, config_.log.requests));
    audit_lookup_ = std::make_unique<audit_lookup::AuditLookup>(
        *database_, *page_tokens_, clock_, config_.audit.enabled && config_.audit.database);
    std::vector<secrets::OperationSet*> others{
        iam_service_.get(),    audit_lookup_.get(), &usage_->service(),        sts_service_.get(),
        &rotation_->service(), &keys_->service(),   &certificates_->service(), damage_.get()};
    pipeline_ = std::make_unique<secrets::Pipeline>(*service_, recorder, std::move(others),
                                                    audit_ ? &audit_->trail() : nullptr, principals_,
                                                    audit_ ? &audit_->refusals() : nullptr);
    context->callers = callers_;
    context->handler = [this](secrets::CallContext call, std::unique_ptr<v1::Request> request) {
        return pipeline_->answer(std::move(call), std::move(request));
    };
    context->aws_connections = aws::http_connections(
        std::make_shared<aws::FrontDoor>(config_.node.region, clock_, *callers_, context->handler));
    context->observer = recorder;
    if (audit_) context->refusals = &audit_->refusals();
    context->metrics = metrics_;
    context->log = log_;
    context->principals = std::make_shared<server::PrincipalLimits>(
        config_.limits.connections_per_principal, config_.limits.requests_per_second_per_principal);
    context->strangers =
        std::make_shared<server::PrincipalLimits>(0, config_.limits.unsigned_requests_per_second_per_address);
    context->stranger_lines =
        std::make_shared<server::TokenBucket>(kStrangerLinesPerSecond, 10 * kStrangerLinesPerSecond);
    context->limits = config_.limits;
    context->account = config_.node.account;
    context->region = config_.node.region;
    context->software = std::string("cofferd/") + COFFER_VERSION;
    return context;
}

server::PkeyPtr Appliance::load_key(const std::string& key, X509* certificate) {
    if (key.starts_with("pkcs11:"))
        return server::PkeyPtr(
            crypto::private_key_from_token(*hsm_, key, certificate, crypto::KeyPurpose::tls).release());
    return server::PkeyPtr(crypto::private_key_from_pem(key).release());
}

void Appliance::open_listeners() {
    const auto loader = [this](const std::string& key, X509* certificate) {
        return load_key(key, certificate);
    };
    server_ =
        std::make_unique<server::Server>(control_, shards_, config_.listeners, server_context(), loader);
    metrics_->add_sampler([this] { return server::certificate_metrics(server_->listeners()); });
    asio::post(control_, [this] { server_->start(); });
}

void Appliance::announce() {
    {
        const std::lock_guard lock(state_mutex_);
        starting_.clear();
    }
    rotation_->workers().start();
    certificates_->start();
    service_manager_.ready("serving");
    log_->info("cofferd serves");
}

void Appliance::wait_for_stop() {
    std::unique_lock lock(state_mutex_);
    stop_asked_.wait(lock, [this] { return stopping_; });
}

bool Appliance::stop_within(milliseconds time) {
    std::unique_lock lock(state_mutex_);
    return stop_asked_.wait_for(lock, time, [this] { return stopping_; });
}

void Appliance::drain() {
    service_manager_.stopping(config_.limits.drain_timeout + kStepPatience);
    log_->info("draining: no new connections, what is in flight is answered");
    asio::co_spawn(control_, server_->drain(config_.limits.drain_timeout), asio::use_future).get();
}

/// Front to back: nobody calls what is gone already.
void Appliance::take_apart() {
    if (taken_apart_) return;
    taken_apart_ = true;
    if (rotation_) rotation_->workers().stop();
    if (certificates_) certificates_->stop();
    if (purge_worker_) purge_worker_->stop();
    if (keys_) keys_->stop();
    control_.stop();
    if (control_thread_.joinable()) control_thread_.join();
    shards_.stop();
    if (keys_) keys_->close();
    if (principals_) principals_->close();
    if (accesses_) accesses_->close();
    if (access_key_uses_) access_key_uses_->close();
    if (session_keys_) session_keys_->close();
    if (usage_) usage_->close();
    if (cache_) cache_->close();
    if (audit_) audit_->close();
    if (database_) database_->close();
    if (hsm_) hsm_->close();
}

// ---- on the control thread ------------------------------------------------------------------------------

void Appliance::await_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
        if (error) return;
        signalled(signal);
        await_signal();
    });
}

void Appliance::signalled(int signal) {
    if (signal == SIGHUP) {
        reload();
        return;
    }
    {
        const std::lock_guard lock(state_mutex_);
        // Whoever asks twice does not want to wait.
        if (stopping_) ::_exit(kExitFailure);
        stopping_ = true;
    }
    stop_asked_.notify_all();
}

void Appliance::reload() {
    bool serving = false;
    {
        const std::lock_guard lock(state_mutex_);
        serving = starting_.empty();
    }
    if (!serving) {
        log_->warning("nothing to reload yet: cofferd is starting");
        return;
    }
    service_manager_.reloading();
    const bool keys = reload_keys(*identity_providers_, *log_);
    const bool done = server_->reload() && keys;
    {
        const std::lock_guard lock(state_mutex_);
        if (visible_audit_ != nullptr) {
            visible_audit_->note({.name = "ReloadFiles",
                                  .invoked_by = "cofferd",
                                  .details = {{"signal", "SIGHUP"}, {"done", done}},
                                  .source = "coffer"});
        }
    }
    if (server::has_changed(config_)) {
        log_->warning(
            "the configuration file has changed since the start, and only a restart takes it; "
            "certificates, revocation lists, listeners' policies and identity providers' keys were read "
            "again",
            {{"file", std::string_view(config_.file.native())}});
    }
    service_manager_.ready(done ? "serving" : "serving; the last reload failed, see the log");
}

void Appliance::watch() {
    const auto interval = ServiceManager::watchdog_interval();
    if (!interval) return;
    if (shards_.alive(kHangLimit)) service_manager_.alive();
    watchdog_.expires_after(*interval);
    watchdog_.async_wait([this](const boost::system::error_code& error) {
        if (!error) watch();
    });
}

std::optional<std::string> Appliance::revocation_list_at(std::string_view path) const {
    const std::lock_guard lock(state_mutex_);
    return visible_certificates_ == nullptr ? std::nullopt : visible_certificates_->list_at(path);
}

std::vector<server::Readiness> Appliance::readiness() const {
    const std::lock_guard lock(state_mutex_);
    std::vector<server::Readiness> parts;
    if (visible_hsm_ != nullptr) {
        const auto status = visible_hsm_->status();
        parts.push_back({"hsm", status.ready, status.reason});
    }
    if (visible_database_ != nullptr) {
        const bool reachable = visible_database_->reachable();
        parts.push_back({"database", reachable, reachable ? "" : "the database cannot be reached"});
    }
    if (visible_audit_ != nullptr) {
        const auto status = visible_audit_->status();
        parts.push_back({"audit", status.available, status.reason});
    }
    if (visible_principals_ != nullptr) {
        const auto reason = visible_principals_->nobody_known();
        parts.push_back({"principals", !reason, reason ? "everybody is refused: " + *reason : ""});
    }
    parts.push_back({"start", starting_.empty(), starting_});
    parts.push_back({"draining", !stopping_, stopping_ ? "the daemon is shutting down" : ""});
    return parts;
}

}  // namespace coffer::daemon
