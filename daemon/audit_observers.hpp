#pragma once
// What the audit journal and its sinks report, as metrics and log lines.

#include <memory>
#include <vector>

#include "daemon/audit/journal.hpp"
#include "daemon/audit/shipper.hpp"
#include "daemon/server/log.hpp"
#include "daemon/server/metrics.hpp"

namespace coffer::daemon {

/// Thread-safe.
class JournalRecorder final : public audit::JournalObserver {
public:
    JournalRecorder(std::shared_ptr<server::Metrics> metrics, std::shared_ptr<server::Log> log)
        : metrics_(std::move(metrics)), log_(std::move(log)) {}

    void availability_changed(bool available, std::string reason) override;
    void low_water_changed(bool low, std::uint64_t free_bytes) override;
    void incident(std::string what) override;
    void batch_written(std::size_t records, std::size_t bytes, std::chrono::nanoseconds took) override;
    void checkpoint_written(std::uint64_t sequence, std::string json) override;
    void checkpoint_failed(std::string reason) override;

private:
    std::shared_ptr<server::Metrics> metrics_;
    std::shared_ptr<server::Log> log_;
};

/// Thread-safe.
class SinkRecorder final : public audit::ShipperObserver {
public:
    SinkRecorder(std::shared_ptr<server::Metrics> metrics, std::shared_ptr<server::Log> log)
        : metrics_(std::move(metrics)), log_(std::move(log)) {}

    void delivered(std::string_view sink, std::uint64_t sequence, std::size_t records) override;
    void delivery_failed(std::string_view sink, std::string reason, std::chrono::milliseconds pause) override;
    void gap(std::string_view sink, std::uint64_t first, std::uint64_t last) override;
    void forked(std::string_view sink, std::uint64_t sequence) override;

private:
    std::shared_ptr<server::Metrics> metrics_;
    std::shared_ptr<server::Log> log_;
};

/// For Metrics::add_sampler.
[[nodiscard]] std::vector<prometheus::MetricFamily> journal_metrics(const audit::JournalStatus& status);
[[nodiscard]] std::vector<prometheus::MetricFamily> sink_metrics(
    const std::vector<audit::ShipperStatus>& sinks, std::uint64_t journaled);

}  // namespace coffer::daemon
