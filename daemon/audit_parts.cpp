#include "daemon/audit_parts.hpp"

#include <unistd.h>

#include <array>
#include <utility>

#include "daemon/audit/https_sink.hpp"
#include "daemon/audit/syslog_sink.hpp"
#include "daemon/audit_lookup/database_sink.hpp"
#include "daemon/audit_observers.hpp"
#include "daemon/base/thread_name.hpp"
#include "daemon/checkpoint_signer.hpp"

namespace coffer::daemon {

namespace {

constexpr std::chrono::hours kRetentionInterval{1};

audit::JournalConfig journal_config(const server::Config& config) {
    audit::JournalConfig journal;
    journal.directory = config.audit.directory;
    journal.node = config.node.name;
    journal.segment_bytes_max = config.audit.segment_size;
    journal.checkpoint_records = config.audit.checkpoint_records;
    journal.checkpoint_interval = config.audit.checkpoint_interval;
    journal.reserve_bytes = config.audit.reserve;
    journal.low_water_bytes = config.audit.low_water;
    return journal;
}

net::TlsTarget target_of(const server::AuditSinkConfig& sink) {
    return {.host = sink.host,
            .port = sink.port,
            .ca_file = sink.ca,
            .certificate_file = sink.certificate,
            .key_file = sink.key,
            .connect_timeout = sink.connect_timeout,
            .io_timeout = sink.io_timeout};
}

std::string host_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "-";
}

secrets::OutboxEvents outbox_events(std::shared_ptr<server::Metrics> metrics,
                                    std::shared_ptr<server::Log> log) {
    secrets::OutboxEvents events;
    const auto failure_of_each = [metrics, log](std::string_view what) {
        return
            [metrics, log, what = "integrity failure: " + std::string(what)](const std::vector<Uuid>& ids) {
                for (const auto& id : ids) {
                    metrics->integrity_failure("outbox");
                    const auto text = id.text();
                    log->error(what, {{"event_id", std::string_view(text)}});
                }
            };
    };
    events.forged = failure_of_each(
        "an event in the audit outbox was made or altered by somebody else than Coffer; it was removed and "
        "is not in the journal");
    events.replayed = failure_of_each(
        "an event that is in the journal was put back into the audit outbox, by hand or with an earlier "
        "state "
        "of the database; it was removed and not journaled again");
    events.forged_of_others = failure_of_each(
        "an event in the audit outbox under another node's name was made or altered by somebody else than "
        "Coffer; see who writes the table, then delete the row");
    events.left_by_other = [metrics, log](const std::string& node, std::size_t count) {
        metrics->audit_incident("outbox");
        log->warning(
            "events of changes have waited in the audit outbox for more than an hour for the node that made "
            "them; start it, or give its name and a fresh journal directory to a new node",
            {{"node", std::string_view(node)}, {"events", static_cast<std::int64_t>(count)}});
    };
    events.caught_up = [log](std::size_t count) {
        log->warning("events of changes that were committed and not journaled are in the journal now",
                     {{"events", static_cast<std::int64_t>(count)}});
    };
    events.failed = [metrics, log](const std::string& reason) {
        metrics->audit_incident("outbox");
        log->error("events of changes could not be moved from the outbox to the journal; tried again",
                   {{"reason", std::string_view(reason)}});
    };
    return events;
}

}  // namespace

std::shared_ptr<crypto::DerivedKeys> outbox_keys(crypto::Hsm& hsm, Deadline deadline) {
    return std::make_shared<crypto::DerivedKeys>(hsm.seals(), "audit-outbox", deadline);
}

secrets::EventMaker event_maker(const server::Config& config, const Clock& clock) {
    return {{config.node.region, config.node.account}, config.node.name, clock};
}

AuditParts::AuditParts(const server::Config& config, std::shared_ptr<const secrets::OutboxRows> rows,
                       crypto::Hsm& hsm, storage::Database& database, const Clock& clock,
                       std::shared_ptr<server::Metrics> metrics, std::shared_ptr<server::Log> log,
                       Deadline deadline)
    : database_(database),
      clock_(clock),
      node_(config.node.name),
      metrics_(std::move(metrics)),
      log_(std::move(log)),
      keep_for_(std::chrono::duration_cast<std::chrono::hours>(config.audit.keep_for)),
      database_keep_for_(config.audit.database ? std::optional(config.audit.database_keep_for)
                                               : std::nullopt),
      rows_(std::move(rows)),
      maker_(event_maker(config, clock)),
      journal_(audit::Journal::open(journal_config(config), std::make_shared<CheckpointSigner>(hsm),
                                    std::make_shared<JournalRecorder>(metrics_, log_), clock)),
      outbox_(std::make_unique<secrets::ChangeOutbox>(database, *journal_, *rows_,
                                                      outbox_events(metrics_, log_))) {
    outbox_->open(deadline);
    trail_ = std::make_unique<secrets::AuditTrail>(*journal_, *outbox_, *rows_, maker_);
    refusals_ = std::make_unique<secrets::RefusalJournal>(*journal_, maker_, clock);
    start_sinks(config);
    retention_ = std::jthread([this](const std::stop_token& stop) { keep_retention(stop); });
    name_thread(retention_, "audit-retain");
}

AuditParts::~AuditParts() {
    close();
}

void AuditParts::start_sinks(const server::Config& config) {
    const auto start = [&](std::unique_ptr<audit::Sink> sink) {
        audit::ShipperConfig shipping;
        shipping.state_directory = config.audit.state_directory;
        shippers_.push_back(std::make_unique<audit::Shipper>(std::move(shipping), *journal_, std::move(sink),
                                                             std::make_shared<SinkRecorder>(metrics_, log_)));
    };
    if (database_keep_for_) {
        start(std::make_unique<audit_lookup::DatabaseSink>(
            database_, storage::AuditJournalName{config.node.name, journal_->id()}, *database_keep_for_,
            clock_));
    }
    if (const auto& syslog = config.audit.syslog) {
        start(std::make_unique<audit::SyslogSink>("syslog", target_of(*syslog),
                                                  audit::SyslogIdentity{.host_name = host_name()}));
    }
    if (const auto& https = config.audit.https) {
        start(std::make_unique<audit::HttpsSink>("https", target_of(*https), https->path));
    }
}

void AuditParts::note(const secrets::ServiceAction& action) {
    journal_->append(
        maker_.of_service(action), audit::Admission::operator_action,
        [log = log_, name = action.name](const Outcome<audit::Receipt>& outcome) {
            if (outcome.has_value()) return;
            try {
                std::rethrow_exception(outcome.error());
            } catch (const std::exception& error) {
                log->error("what the daemon did could not be journaled",
                           {{"event", std::string_view(name)}, {"reason", std::string_view(error.what())}});
            }
        });
}

storage::AuditSigner AuditParts::signer() const {
    return {node_, journal_->id(), journal_->status().signing_generation, clock_.now()};
}

std::vector<audit::ShipperStatus> AuditParts::sinks() const {
    std::vector<audit::ShipperStatus> statuses;
    for (const auto& shipper : shippers_) statuses.push_back(shipper->status());
    return statuses;
}

void AuditParts::remove_old_segments(const std::vector<const audit::Shipper*>& shippers) {
    try {
        const auto removed = audit::apply_retention(*journal_, shippers, keep_for_, clock_);
        if (removed > 0) {
            log_->info("old audit segments were removed", {{"segments", static_cast<std::int64_t>(removed)}});
        }
    } catch (const std::exception& error) {
        metrics_->audit_incident("journal");
        log_->error("old audit segments could not be removed; tried again",
                    {{"reason", std::string_view(error.what())}});
    }
}

void AuditParts::drop_old_events(const std::stop_token& stop) {
    if (!database_keep_for_) return;
    try {
        const auto dropped = audit_lookup::drop_events(database_, clock_.now() - *database_keep_for_,
                                                       [&] { return stop.stop_requested(); });
        for (const auto& table : dropped) {
            log_->info("a day of audit events was removed from the database; journals keep theirs",
                       {{"table", std::string_view(table)}});
        }
    } catch (const std::exception& error) {
        log_->warning("old audit events could not be removed from the database; tried again",
                      {{"reason", std::string_view(error.what())}});
    }
}

void AuditParts::keep_retention(const std::stop_token& stop) {
    std::vector<const audit::Shipper*> shippers;
    for (const auto& shipper : shippers_) shippers.push_back(shipper.get());
    while (!stop.stop_requested()) {
        remove_old_segments(shippers);
        drop_old_events(stop);
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, stop, kRetentionInterval, [] { return false; });
    }
}

void AuditParts::close() {
    if (std::exchange(closed_, true)) return;
    retention_ = {};
    for (const auto& shipper : shippers_) shipper->stop();
    outbox_->close();
    refusals_->close();
    journal_->close();
}

}  // namespace coffer::daemon
