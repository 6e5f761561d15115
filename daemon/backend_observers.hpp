#pragma once
// What the token and the database report, as metrics and log lines; and their state as sampled metrics.

#include <memory>

#include "crypto/hsm.hpp"
#include "daemon/iam/directory_keeper.hpp"
#include "daemon/server/log.hpp"
#include "daemon/server/metrics.hpp"
#include "storage/database.hpp"
#include "storage/secret_cache.hpp"

namespace coffer::daemon {

/// Thread-safe.
class HsmRecorder final : public crypto::HsmObserver {
public:
    HsmRecorder(std::shared_ptr<server::Metrics> metrics, std::shared_ptr<server::Log> log)
        : metrics_(std::move(metrics)), log_(std::move(log)) {}

    void readiness_changed(bool ready, std::string reason) override;
    void recovered(std::string recovery, std::string function, unsigned long code) override;
    void job_done(std::chrono::nanoseconds queued, std::chrono::nanoseconds ran) override;
    void integrity_failure(std::string what) override;

private:
    std::shared_ptr<server::Metrics> metrics_;
    std::shared_ptr<server::Log> log_;
};

/// Thread-safe.
class DatabaseRecorder final : public storage::DatabaseObserver {
public:
    DatabaseRecorder(std::shared_ptr<server::Metrics> metrics, std::shared_ptr<server::Log> log)
        : metrics_(std::move(metrics)), log_(std::move(log)) {}

    void reachable_changed(bool reachable, std::string reason) override;
    void job_done(std::chrono::nanoseconds queued, std::chrono::nanoseconds ran) override;
    void integrity_failure(std::string what) override;

private:
    std::shared_ptr<server::Metrics> metrics_;
    std::shared_ptr<server::Log> log_;
};

/// For Metrics::add_sampler.
[[nodiscard]] std::vector<prometheus::MetricFamily> hsm_metrics(const crypto::HsmStatus& status);
[[nodiscard]] std::vector<prometheus::MetricFamily> database_metrics(const storage::Database& database);
[[nodiscard]] std::vector<prometheus::MetricFamily> cache_metrics(const storage::CacheStatistics& statistics);
[[nodiscard]] std::vector<prometheus::MetricFamily> directory_metrics(const iam::DirectoryKeeper& keeper);

}  // namespace coffer::daemon
