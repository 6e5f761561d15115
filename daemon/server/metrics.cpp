#include "daemon/server/metrics.hpp"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <sstream>

#include "proto/names.hpp"

namespace coffer::server {

namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

/// From a tenth of a millisecond, a cached read, to ten seconds, the default deadline.
const prometheus::Histogram::BucketBoundaries& latency_buckets() {
    static const prometheus::Histogram::BucketBoundaries buckets{
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
    return buckets;
}

double seconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

prometheus::MetricFamily one_sample(std::string name, std::string help, prometheus::MetricType type,
                                    prometheus::ClientMetric metric) {
    prometheus::MetricFamily family;
    family.name = std::move(name);
    family.help = std::move(help);
    family.type = type;
    family.metric.push_back(std::move(metric));
    return family;
}

std::string code_label(v1::ErrorCode code) {
    return code == v1::ERROR_CODE_UNSPECIFIED ? "OK" : std::string(proto::error_name(code));
}

/// Numbers that are no operation share the name of the one that is none.
std::string operation_label(std::size_t operation) {
    return std::string(proto::operation_name(static_cast<v1::Request::OperationCase>(operation)));
}

prometheus::Histogram& histogram(prometheus::Registry& registry, const std::string& name,
                                 const std::string& help) {
    return BuildHistogram().Name(name).Help(help).Register(registry).Add({}, latency_buckets());
}

}  // namespace

Metrics::Metrics(const std::string& version)
    : requests_(BuildCounter()
                    .Name("coffer_requests_total")
                    .Help("Requests answered, by operation and error code (OK when there was none).")
                    .Register(registry_)),
      request_seconds_(BuildHistogram()
                           .Name("coffer_request_duration_seconds")
                           .Help("From a request's arrival to its answer.")
                           .Register(registry_)),
      in_flight_(&BuildGauge()
                      .Name("coffer_requests_in_flight")
                      .Help("Requests that are being worked on.")
                      .Register(registry_)
                      .Add({})),
      connections_(BuildGauge()
                       .Name("coffer_connections")
                       .Help("Open connections, handshakes included.")
                       .Register(registry_)),
      connections_total_(BuildCounter()
                             .Name("coffer_connections_total")
                             .Help("Connections whose handshake was done.")
                             .Register(registry_)),
      connections_refused_(BuildCounter()
                               .Name("coffer_connections_refused_total")
                               .Help("Connections turned away before their handshake.")
                               .Register(registry_)),
      handshake_failures_(BuildCounter()
                              .Name("coffer_tls_handshake_failures_total")
                              .Help("TLS handshakes that failed, by reason.")
                              .Register(registry_)),
      connection_errors_(BuildCounter()
                             .Name("coffer_connection_errors_total")
                             .Help("Connections that the daemon ended, by ConnectionError reason.")
                             .Register(registry_)),
      requests_refused_(BuildCounter()
                            .Name("coffer_requests_refused_total")
                            .Help("Requests to AWS listeners that were refused before any operation saw "
                                  "them, by AWS's error name.")
                            .Register(registry_)),
      integrity_failures_(
          BuildCounter()
              .Name("coffer_integrity_failures_total")
              .Help("Stored data that did not verify, by kind. Anything but 0 wants a person.")
              .Register(registry_)),
      hsm_recoveries_(BuildCounter()
                          .Name("coffer_hsm_recoveries_total")
                          .Help("Recoveries of the token, by what was made anew.")
                          .Register(registry_)),
      reloads_(BuildCounter()
                   .Name("coffer_tls_reloads_total")
                   .Help("Reloads of certificates, CAs and CRLs, by result.")
                   .Register(registry_)),
      audit_incidents_(
          BuildCounter()
              .Name("coffer_audit_incidents_total")
              .Help("What went wrong with the audit journal or a sink and was got around, by kind.")
              .Register(registry_)),
      rotations_(BuildCounter()
                     .Name("coffer_rotations_total")
                     .Help("Rotations of secrets and tries of them that ended, by outcome.")
                     .Register(registry_)),
      audit_events_(&BuildCounter()
                         .Name("coffer_audit_records_total")
                         .Help("Records that were made durable in the audit journal.")
                         .Register(registry_)
                         .Add({})),
      audit_batch_seconds_(&histogram(registry_, "coffer_audit_batch_seconds",
                                      "How long making a batch of audit records durable took.")),
      hsm_queue_seconds_(
          &histogram(registry_, "coffer_hsm_queue_seconds", "How long jobs waited for the token.")),
      hsm_job_seconds_(
          &histogram(registry_, "coffer_hsm_job_seconds", "How long the token worked on a job.")),
      database_queue_seconds_(&histogram(registry_, "coffer_database_queue_seconds",
                                         "How long jobs waited for a database connection.")),
      database_job_seconds_(&histogram(registry_, "coffer_database_job_seconds",
                                       "How long a database job took, commit included.")) {
    BuildGauge()
        .Name("coffer_build_info")
        .Help("1; the label tells the version.")
        .Register(registry_)
        .Add({{"version", version}})
        .Set(1);
}

prometheus::Histogram& Metrics::seconds_of(std::size_t operation) {
    auto& known = operations_[operation].seconds;
    if (auto* found = known.load(std::memory_order_acquire)) return *found;
    // Whoever is second gets the same one.
    auto& made = request_seconds_.Add({{"operation", operation_label(operation)}}, latency_buckets());
    known.store(&made, std::memory_order_release);
    return made;
}

prometheus::Counter& Metrics::counter_of(std::size_t operation, std::size_t code) {
    auto& known = operations_[operation].by_code[code];
    if (auto* found = known.load(std::memory_order_acquire)) return *found;
    auto& made = requests_.Add(
        {{"operation", operation_label(operation)}, {"code", code_label(static_cast<v1::ErrorCode>(code))}});
    known.store(&made, std::memory_order_release);
    return made;
}

void Metrics::request_done(v1::Request::OperationCase operation, v1::ErrorCode code,
                           std::chrono::nanoseconds took) {
    auto number = static_cast<std::size_t>(operation);
    if (number >= kOperations) number = 0;
    auto code_number = static_cast<std::size_t>(code);
    if (code_number >= kCodes) code_number = static_cast<std::size_t>(v1::INTERNAL_SERVICE_ERROR);
    counter_of(number, code_number).Increment();
    seconds_of(number).Observe(seconds(took));
}

void Metrics::connection_opened(const std::string& listener) {
    connections_.Add({{"listener", listener}}).Increment();
}
void Metrics::connection_closed(const std::string& listener) {
    connections_.Add({{"listener", listener}}).Decrement();
}
void Metrics::connection_refused(const std::string& listener, const std::string& reason) {
    connections_refused_.Add({{"listener", listener}, {"reason", reason}}).Increment();
}
void Metrics::handshake_done(const std::string& listener) {
    connections_total_.Add({{"listener", listener}}).Increment();
}
void Metrics::handshake_failed(const std::string& listener, const std::string& reason) {
    handshake_failures_.Add({{"listener", listener}, {"reason", reason}}).Increment();
}
void Metrics::connection_error(const std::string& listener, v1::ConnectionError::Reason reason) {
    connection_errors_.Add({{"listener", listener}, {"reason", reason_label(reason)}}).Increment();
}
void Metrics::request_refused(const std::string& listener, const std::string& error) {
    requests_refused_.Add({{"listener", listener}, {"error", error}}).Increment();
}
void Metrics::integrity_failure(const std::string& kind) {
    integrity_failures_.Add({{"kind", kind}}).Increment();
}
void Metrics::hsm_recovered(const std::string& recovery) {
    hsm_recoveries_.Add({{"recovery", recovery}}).Increment();
}
void Metrics::hsm_job(std::chrono::nanoseconds queued, std::chrono::nanoseconds ran) {
    hsm_queue_seconds_->Observe(seconds(queued));
    hsm_job_seconds_->Observe(seconds(ran));
}
void Metrics::database_job(std::chrono::nanoseconds queued, std::chrono::nanoseconds ran) {
    database_queue_seconds_->Observe(seconds(queued));
    database_job_seconds_->Observe(seconds(ran));
}
void Metrics::audit_batch(std::size_t records, std::chrono::nanoseconds took) {
    audit_events_->Increment(static_cast<double>(records));
    audit_batch_seconds_->Observe(seconds(took));
}
void Metrics::audit_incident(const std::string& kind) {
    audit_incidents_.Add({{"kind", kind}}).Increment();
}
void Metrics::rotation(const std::string& outcome) {
    rotations_.Add({{"outcome", outcome}}).Increment();
}
void Metrics::reload(bool succeeded) {
    reloads_.Add({{"result", succeeded ? "done" : "failed"}}).Increment();
}

void Metrics::add_sampler(std::function<std::vector<prometheus::MetricFamily>()> sample) {
    const std::lock_guard lock(samplers_mutex_);
    samplers_.push_back(std::move(sample));
}

std::string Metrics::render() const {
    auto families = registry_.Collect();
    {
        const std::lock_guard lock(samplers_mutex_);
        for (const auto& sample : samplers_) {
            auto sampled = sample();
            std::move(sampled.begin(), sampled.end(), std::back_inserter(families));
        }
    }
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families);
    return std::move(out).str();
}

prometheus::MetricFamily gauge_family(std::string name, std::string help, double value) {
    prometheus::ClientMetric metric;
    metric.gauge.value = value;
    return one_sample(std::move(name), std::move(help), prometheus::MetricType::Gauge, std::move(metric));
}

prometheus::MetricFamily counter_family(std::string name, std::string help, double value) {
    prometheus::ClientMetric metric;
    metric.counter.value = value;
    return one_sample(std::move(name), std::move(help), prometheus::MetricType::Counter, std::move(metric));
}

std::string reason_label(v1::ConnectionError::Reason reason) {
    std::string label = v1::ConnectionError::Reason_Name(reason);
    std::transform(label.begin(), label.end(), label.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
    return label;
}

}  // namespace coffer::server
