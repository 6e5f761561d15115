#pragma once
// What a job of the database gets to work with. The libpqxx types stay behind this header.

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/base/job_queue.hpp"
#include "storage/records.hpp"
#include "storage/seal_keeper.hpp"

namespace pqxx {
class transaction_base;
}

namespace coffer::storage {

/// A transaction on one connection. Used by one thread.
class ReadTransaction {
public:
    ReadTransaction(pqxx::transaction_base& tx, SealKeeper& seals, JobOptions options)
        : tx_(tx), seals_(seals), options_(options) {}
    ReadTransaction(const ReadTransaction&) = delete;
    ReadTransaction& operator=(const ReadTransaction&) = delete;

    [[nodiscard]] pqxx::transaction_base& sql() noexcept { return tx_; }
    [[nodiscard]] SealKeeper& seals() noexcept { return seals_; }
    [[nodiscard]] Deadline deadline() const noexcept { return options_.deadline; }

    /// For jobs that go on over a row whose seal is broken: the DatabaseObserver hears of it when the job
    /// is done.
    void report_integrity_failure(std::string what) { integrity_failures_.push_back(std::move(what)); }
    [[nodiscard]] const std::vector<std::string>& integrity_failures() const noexcept {
        return integrity_failures_;
    }

private:
    pqxx::transaction_base& tx_;
    SealKeeper& seals_;
    JobOptions options_;
    std::vector<std::string> integrity_failures_;
};

/// A sealed row as a transaction leaves it.
struct SealedRow {
    std::string table;
    std::string key;            ///< the row's primary key; several columns joined by '/'
    std::int64_t revision = 0;  ///< grows with every change of the row, its removal included
    Bytes seal;                 ///< empty: the row is gone
    /// It is gone and was damaged: its revision was not believed, and `revision` says nothing.
    bool discarded = false;
};

/// A version that had a value, and is gone.
struct DestroyedVersion {
    std::string secret_arn;
    std::string version;
};

/// A transaction that commits when its job returns. Remembers what it changed.
class WriteTransaction : public ReadTransaction {
public:
    using ReadTransaction::ReadTransaction;
    void secret_changed(std::string name) { changed_.push_back(std::move(name)); }
    [[nodiscard]] const std::vector<std::string>& changed_secrets() const noexcept { return changed_; }

    /// A secret whose row this transaction holds locked, as the tables have it now: what an update is
    /// compared with. Null when it was not locked in this transaction.
    [[nodiscard]] const StoredSecret* locked(SecretId id) const {
        const auto found = locked_.find(id);
        return found == locked_.end() ? nullptr : &found->second;
    }
    void remember_locked(const StoredSecret& secret) { locked_.insert_or_assign(secret.id, secret); }

    /// A sealed row was written or removed: what the change's audit event will say.
    void row_sealed(SealedRow row) { sealed_rows_.push_back(std::move(row)); }
    [[nodiscard]] const std::vector<SealedRow>& sealed_rows() const noexcept { return sealed_rows_; }

    /// A version was destroyed, by itself or with its secret: it is to have an audit event of its own.
    void version_destroyed(DestroyedVersion version) { destroyed_versions_.push_back(std::move(version)); }
    [[nodiscard]] const std::vector<DestroyedVersion>& destroyed_versions() const noexcept {
        return destroyed_versions_;
    }

    /// The event of all of that was stored along (audit_outbox.hpp), with the names of the secrets.
    void event_stored() noexcept {
        has_event_ = true;
        named_ = changed_.size();
    }
    /// Whether a stored event names every secret that it changes.
    [[nodiscard]] bool names_changes() const noexcept { return named_ == changed_.size(); }
    /// Whether it changes sealed rows and has no event of that.
    [[nodiscard]] bool lacks_event() const noexcept { return !sealed_rows_.empty() && !has_event_; }

private:
    std::vector<SealedRow> sealed_rows_;
    std::vector<DestroyedVersion> destroyed_versions_;
    bool has_event_ = false;
    std::size_t named_ = 0;
    std::vector<std::string> changed_;
    std::unordered_map<SecretId, StoredSecret> locked_;
};

}  // namespace coffer::storage
