#include "daemon/audit_observers.hpp"

#include <fmt/format.h>

namespace coffer::daemon {

using server::counter_family;
using server::gauge_family;

void JournalRecorder::availability_changed(bool available, std::string reason) {
    if (available) {
        log_->info("the audit journal takes events again");
    } else {
        log_->error("the audit journal takes no events: requests are refused",
                    {{"reason", std::string_view(reason)}});
    }
}

void JournalRecorder::low_water_changed(bool low, std::uint64_t free_bytes) {
    const auto free = static_cast<std::int64_t>(free_bytes);
    if (low) {
        log_->warning("the audit journal's disk is filling up", {{"free_bytes", free}});
    } else {
        log_->info("the audit journal's disk has room again", {{"free_bytes", free}});
    }
}

void JournalRecorder::incident(std::string what) {
    metrics_->audit_incident("journal");
    log_->error("the audit journal had trouble", {{"what", std::string_view(what)}});
}

void JournalRecorder::batch_written(std::size_t records, std::size_t, std::chrono::nanoseconds took) {
    metrics_->audit_batch(records, took);
}

void JournalRecorder::checkpoint_written(std::uint64_t sequence, std::string) {
    log_->debug("an audit checkpoint was signed", {{"sequence", static_cast<std::int64_t>(sequence)}});
}

void JournalRecorder::checkpoint_failed(std::string reason) {
    metrics_->audit_incident("checkpoint");
    log_->warning("an audit checkpoint could not be signed; it is tried again",
                  {{"reason", std::string_view(reason)}});
}

void SinkRecorder::delivered(std::string_view sink, std::uint64_t sequence, std::size_t) {
    log_->debug("audit events were handed over",
                {{"sink", sink}, {"sequence", static_cast<std::int64_t>(sequence)}});
}

void SinkRecorder::delivery_failed(std::string_view sink, std::string reason,
                                   std::chrono::milliseconds pause) {
    metrics_->audit_incident("sink");
    log_->warning(
        "audit events could not be handed over; they wait in the journal",
        {{"sink", sink}, {"reason", std::string_view(reason)}, {"next_try_ms", std::int64_t{pause.count()}}});
}

void SinkRecorder::gap(std::string_view sink, std::uint64_t first, std::uint64_t last) {
    metrics_->audit_incident("gap");
    log_->error("audit records were removed before this sink had them",
                {{"sink", sink},
                 {"first", static_cast<std::int64_t>(first)},
                 {"last", static_cast<std::int64_t>(last)}});
}

void SinkRecorder::forked(std::string_view sink, std::uint64_t sequence) {
    metrics_->audit_incident("fork");
    log_->error(
        "the audit journal is not the one that this sink has events of: its directory was put back as it was "
        "earlier, and goes on with numbers that the sink has seen. Events of the lost part are at the sinks "
        "and "
        "in the directory that was there before; everything in this one is handed over again",
        {{"sink", sink}, {"shipped_sequence", static_cast<std::int64_t>(sequence)}});
}

std::vector<prometheus::MetricFamily> journal_metrics(const audit::JournalStatus& status) {
    const auto number = [](auto value) { return static_cast<double>(value); };
    return {
        gauge_family("coffer_audit_available", "1 while the audit journal takes events.",
                     status.available ? 1 : 0),
        gauge_family("coffer_audit_low_water", "1 while the journal's disk has less room than low_water.",
                     status.low_water ? 1 : 0),
        gauge_family("coffer_audit_free_bytes", "Room on the journal's disk.", number(status.free_bytes)),
        gauge_family("coffer_audit_sequence", "Number of the journal's last record.",
                     number(status.sequence)),
        gauge_family("coffer_audit_signed_sequence",
                     "Number of the last record that a checkpoint of this run covers.",
                     number(status.signed_sequence)),
        gauge_family("coffer_audit_queued_events", "Events that wait for the disk.", number(status.queued)),
        counter_family("coffer_audit_refused_total", "Requests refused because they could not be recorded.",
                       number(status.refused))};
}

std::vector<prometheus::MetricFamily> sink_metrics(const std::vector<audit::ShipperStatus>& sinks,
                                                   std::uint64_t journaled) {
    prometheus::MetricFamily behind{"coffer_audit_sink_behind",
                                    "Records that a sink does not have yet.",
                                    prometheus::MetricType::Gauge,
                                    {}};
    prometheus::MetricFamily failing{
        "coffer_audit_sink_failing", "1 while a sink takes nothing.", prometheus::MetricType::Gauge, {}};
    for (const auto& sink : sinks) {
        prometheus::ClientMetric metric;
        metric.label = {{"sink", sink.sink}};
        metric.gauge.value = journaled > sink.sequence ? static_cast<double>(journaled - sink.sequence) : 0.0;
        behind.metric.push_back(metric);
        metric.gauge.value = sink.failure.empty() ? 0 : 1;
        failing.metric.push_back(metric);
    }
    return {behind, failing};
}

}  // namespace coffer::daemon
