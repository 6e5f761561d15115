#pragma once
// The audit journal in the running daemon: journal, outbox, sinks, retention, made and taken apart in order.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "crypto/hsm.hpp"
#include "daemon/audit/journal.hpp"
#include "daemon/audit/shipper.hpp"
#include "daemon/base/time.hpp"
#include "daemon/secrets/audit_trail.hpp"
#include "daemon/secrets/change_outbox.hpp"
#include "daemon/secrets/refusal_journal.hpp"
#include "daemon/server/config.hpp"
#include "daemon/server/log.hpp"
#include "daemon/server/metrics.hpp"
#include "storage/database.hpp"
#include "storage/token_key_repository.hpp"

namespace coffer::daemon {

/// The keys of the outbox, from the token. Blocks. Throws what the token throws.
[[nodiscard]] std::shared_ptr<crypto::DerivedKeys> outbox_keys(crypto::Hsm& hsm, Deadline deadline);

/// What events say of this node.
[[nodiscard]] secrets::EventMaker event_maker(const server::Config& config, const Clock& clock);

class AuditParts {
public:
    /// Opens the journal, journals what the node's last run left in the outbox, and starts the sinks. Blocks
    /// until `deadline` at most. Everything must outlive it. Throws what audit::Journal::open() throws, and
    /// what the database and the token throw.
    AuditParts(const server::Config& config, std::shared_ptr<const secrets::OutboxRows> rows,
               crypto::Hsm& hsm, storage::Database& database, const Clock& clock,
               std::shared_ptr<server::Metrics> metrics, std::shared_ptr<server::Log> log, Deadline deadline);
    ~AuditParts();
    AuditParts(const AuditParts&) = delete;
    AuditParts& operator=(const AuditParts&) = delete;

    [[nodiscard]] secrets::AuditTrail& trail() noexcept { return *trail_; }
    [[nodiscard]] secrets::RefusalObserver& refusals() noexcept { return *refusals_; }
    [[nodiscard]] audit::JournalStatus status() const { return journal_->status(); }
    /// Which generation of the audit key signs the journal.
    [[nodiscard]] storage::AuditSigner signer() const;
    [[nodiscard]] std::vector<audit::ShipperStatus> sinks() const;

    /// Journals what the daemon itself did, in its own time. Does not wait; the log tells when it fails.
    void note(const secrets::ServiceAction& action);

    /// To be called when nobody asks for anything any more, while database and token are still there.
    void close();

private:
    void start_sinks(const server::Config& config);
    void keep_retention(const std::stop_token& stop);
    void remove_old_segments(const std::vector<const audit::Shipper*>& shippers);
    void drop_old_events(const std::stop_token& stop);

    storage::Database& database_;
    const Clock& clock_;
    const std::string node_;
    const std::shared_ptr<server::Metrics> metrics_;
    const std::shared_ptr<server::Log> log_;
    const std::chrono::hours keep_for_;
    const std::optional<std::chrono::milliseconds>
        database_keep_for_;  ///< nothing: no events are copied there
    const std::shared_ptr<const secrets::OutboxRows> rows_;
    const secrets::EventMaker maker_;
    std::unique_ptr<audit::Journal> journal_;
    std::unique_ptr<secrets::ChangeOutbox> outbox_;
    std::unique_ptr<secrets::AuditTrail> trail_;
    std::unique_ptr<secrets::RefusalJournal> refusals_;
    std::vector<std::unique_ptr<audit::Shipper>> shippers_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::jthread retention_;
    bool closed_ = false;
};

}  // namespace coffer::daemon
