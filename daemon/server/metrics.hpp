#pragma once
// What the daemon counts, in Prometheus' terms. docs/metrics.md describes each; names are part of the
// product's interface.

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/v1/frame.pb.h"

namespace coffer::server {

/// Thread-safe. What is counted for every request is found by number, not by name.
class Metrics {
public:
    /// `version` is shown by coffer_build_info.
    explicit Metrics(const std::string& version);
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    void request_done(v1::Request::OperationCase operation, v1::ErrorCode code,
                      std::chrono::nanoseconds took);
    void requests_in_flight(int change) { in_flight_->Increment(change); }

    void connection_opened(const std::string& listener);
    void connection_closed(const std::string& listener);
    /// A connection was turned away before its handshake: "limit", "network", or
    /// "accept_failed".
    void connection_refused(const std::string& listener, const std::string& reason);
    void handshake_done(const std::string& listener);
    void handshake_failed(const std::string& listener, const std::string& reason);
    /// The daemon ended a connection with a ConnectionError.
    void connection_error(const std::string& listener, v1::ConnectionError::Reason reason);

    /// A front door refused a request before any operation saw it. `error` is AWS's name.
    void request_refused(const std::string& listener, const std::string& error);

    void integrity_failure(const std::string& kind);
    void hsm_recovered(const std::string& recovery);
    void hsm_job(std::chrono::nanoseconds queued, std::chrono::nanoseconds ran);
    void database_job(std::chrono::nanoseconds queued, std::chrono::nanoseconds ran);
    /// The audit journal made so many records durable in one go.
    void audit_batch(std::size_t records, std::chrono::nanoseconds took);
    /// "journal", "checkpoint", "sink", "gap", "outbox".
    void audit_incident(const std::string& kind);
    /// A rotation of a secret ended: "succeeded", "failed" (until its next window), "left" (given up by hand,
    /// or taken over); or a try of it did: "retry", "interrupted".
    void rotation(const std::string& outcome);
    void reload(bool succeeded);

    /// `sample` is asked for families whenever the metrics are read, on the reading thread. It must not own
    /// anything that owns these metrics.
    void add_sampler(std::function<std::vector<prometheus::MetricFamily>()> sample);

    /// Everything, in Prometheus' text format.
    [[nodiscard]] std::string render() const;

private:
    /// Above the highest numbers of the schema.
    static constexpr std::size_t kOperations = 512;
    static constexpr std::size_t kCodes = 64;
    /// Made when it is first counted, and then found by number.
    struct Operation {
        std::atomic<prometheus::Histogram*> seconds = nullptr;
        std::array<std::atomic<prometheus::Counter*>, kCodes> by_code{};
    };
    prometheus::Histogram& seconds_of(std::size_t operation);
    prometheus::Counter& counter_of(std::size_t operation, std::size_t code);

    prometheus::Registry registry_;
    prometheus::Family<prometheus::Counter>& requests_;
    prometheus::Family<prometheus::Histogram>& request_seconds_;
    prometheus::Gauge* in_flight_;
    prometheus::Family<prometheus::Gauge>& connections_;
    prometheus::Family<prometheus::Counter>& connections_total_;
    prometheus::Family<prometheus::Counter>& connections_refused_;
    prometheus::Family<prometheus::Counter>& handshake_failures_;
    prometheus::Family<prometheus::Counter>& connection_errors_;
    prometheus::Family<prometheus::Counter>& requests_refused_;
    prometheus::Family<prometheus::Counter>& integrity_failures_;
    prometheus::Family<prometheus::Counter>& hsm_recoveries_;
    prometheus::Family<prometheus::Counter>& reloads_;
    prometheus::Family<prometheus::Counter>& audit_incidents_;
    prometheus::Family<prometheus::Counter>& rotations_;
    prometheus::Counter* audit_events_;
    prometheus::Histogram* audit_batch_seconds_;
    prometheus::Histogram* hsm_queue_seconds_;
    prometheus::Histogram* hsm_job_seconds_;
    prometheus::Histogram* database_queue_seconds_;
    prometheus::Histogram* database_job_seconds_;
    std::array<Operation, kOperations> operations_{};

    mutable std::mutex samplers_mutex_;
    std::vector<std::function<std::vector<prometheus::MetricFamily>()>> samplers_;
};

/// A family with one sample, for samplers.
[[nodiscard]] prometheus::MetricFamily gauge_family(std::string name, std::string help, double value);
[[nodiscard]] prometheus::MetricFamily counter_family(std::string name, std::string help, double value);

/// A ConnectionError's reason as a label: "malformed_frame".
[[nodiscard]] std::string reason_label(v1::ConnectionError::Reason reason);

/// A request that is being worked on, counted as such as long as this lives.
class RequestInFlight {
public:
    explicit RequestInFlight(std::shared_ptr<Metrics> metrics) : metrics_(std::move(metrics)) {
        metrics_->requests_in_flight(1);
    }
    RequestInFlight(const RequestInFlight&) = delete;
    RequestInFlight& operator=(const RequestInFlight&) = delete;
    ~RequestInFlight() { metrics_->requests_in_flight(-1); }

private:
    const std::shared_ptr<Metrics> metrics_;
};

}  // namespace coffer::server
