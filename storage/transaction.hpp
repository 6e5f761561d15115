#pragma once
// What a job of the database gets to work with. The libpqxx types stay behind this header.

#include <memory>
#include <string>
#include <vector>

#include "daemon/base/job_queue.hpp"
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

private:
    pqxx::transaction_base& tx_;
    SealKeeper& seals_;
    JobOptions options_;
};

/// A transaction that commits when its job returns. Remembers which secrets it changed.
class WriteTransaction : public ReadTransaction {
public:
    using ReadTransaction::ReadTransaction;
    void secret_changed(std::string name) { changed_.push_back(std::move(name)); }
    [[nodiscard]] const std::vector<std::string>& changed_secrets() const noexcept { return changed_; }

private:
    std::vector<std::string> changed_;
};

}  // namespace coffer::storage
