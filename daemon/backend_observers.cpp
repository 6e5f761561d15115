#include "daemon/backend_observers.hpp"

#include <fmt/format.h>

namespace coffer::daemon {

using server::counter_family;
using server::gauge_family;

void HsmRecorder::readiness_changed(bool ready, std::string reason) {
    if (ready) {
        log_->info("the token is ready");
    } else {
        log_->error("the token is not ready", {{"reason", std::string_view(reason)}});
    }
}

void HsmRecorder::recovered(std::string recovery, std::string function, unsigned long code) {
    metrics_->hsm_recovered(recovery);
    const std::string answer = fmt::format("{:#x}", code);
    log_->warning("the token was recovered", {{"anew", std::string_view(recovery)},
                                              {"function", std::string_view(function)},
                                              {"code", std::string_view(answer)}});
}

void HsmRecorder::job_done(std::chrono::nanoseconds queued, std::chrono::nanoseconds ran) {
    metrics_->hsm_job(queued, ran);
}

void HsmRecorder::integrity_failure(std::string what) {
    metrics_->integrity_failure("token");
    log_->error("integrity failure: the token did not accept stored data",
                {{"what", std::string_view(what)}});
}

void DatabaseRecorder::reachable_changed(bool reachable, std::string reason) {
    if (reachable && reason.empty()) {
        log_->info("the database is reachable");
    } else if (reachable) {
        log_->warning("the database only allows reads", {{"reason", std::string_view(reason)}});
    } else {
        log_->error("the database cannot be reached", {{"reason", std::string_view(reason)}});
    }
}

void DatabaseRecorder::job_done(std::chrono::nanoseconds queued, std::chrono::nanoseconds ran) {
    metrics_->database_job(queued, ran);
}

void DatabaseRecorder::integrity_failure(std::string what) {
    metrics_->integrity_failure("row");
    log_->error("integrity failure: a row's seal does not match; it was changed by somebody else than Coffer",
                {{"what", std::string_view(what)}});
}

std::vector<prometheus::MetricFamily> hsm_metrics(const crypto::HsmStatus& status) {
    return {gauge_family("coffer_hsm_ready", "1 while the token answers.", status.ready ? 1 : 0),
            gauge_family("coffer_hsm_epoch", "Raised by every recovery of the token.",
                         static_cast<double>(status.epoch)),
            gauge_family("coffer_hsm_queued_jobs", "Jobs that wait for the token.",
                         static_cast<double>(status.queued)),
            gauge_family("coffer_hsm_cached_data_keys", "Unwrapped data keys that are kept in the token.",
                         static_cast<double>(status.data_keys_cached))};
}

std::vector<prometheus::MetricFamily> database_metrics(const storage::Database& database) {
    return {gauge_family("coffer_database_reachable", "1 while the database answers.",
                         database.reachable() ? 1 : 0),
            gauge_family("coffer_database_queued_jobs", "Jobs that wait for a database connection.",
                         static_cast<double>(database.queued()))};
}

std::vector<prometheus::MetricFamily> cache_metrics(const storage::CacheStatistics& statistics) {
    const auto number = [](auto value) { return static_cast<double>(value); };
    return {
        counter_family("coffer_cache_hits_total", "Reads answered from the cache.", number(statistics.hits)),
        counter_family("coffer_cache_misses_total", "Reads that went to the database.",
                       number(statistics.misses)),
        counter_family("coffer_cache_invalidations_total", "Entries dropped because the secret changed.",
                       number(statistics.invalidations)),
        counter_family("coffer_cache_stale_served_total",
                       "Reads answered from the cache while the database was away.",
                       number(statistics.stale_served)),
        gauge_family("coffer_cache_bytes", "What the cache holds.", number(statistics.bytes)),
        gauge_family("coffer_cache_entries", "Entries of the cache.", number(statistics.entries)),
        gauge_family("coffer_cache_coherent", "1 while changes by other nodes are heard of (LISTEN).",
                     statistics.listening ? 1 : 0)};
}

std::vector<prometheus::MetricFamily> directory_metrics(const iam::DirectoryKeeper& keeper) {
    const auto directory = keeper.directory();
    const auto& records = directory->records();
    const auto number = [](auto value) { return static_cast<double>(value); };
    return {
        gauge_family("coffer_iam_revision", "Of the users, groups, roles and policies that are in force.",
                     number(directory->stored().revision)),
        gauge_family("coffer_iam_principals", "Users and roles that are believed.",
                     number(records.users.size() + records.roles.size())),
        gauge_family(
            "coffer_iam_not_believed",
            "Users, groups, roles and policies that somebody else than Coffer altered, removed or added.",
            number(records.faults.size())),
        gauge_family("coffer_iam_trusted",
                     "1 while what the database has of users, groups, roles and policies can be believed.",
                     keeper.distrust() ? 0 : 1),
        gauge_family(
            "coffer_iam_load_pending",
            "1 while users, groups, roles and policies could not be read: changes of them may not be "
            "in force on this node.",
            keeper.load_pending() ? 1 : 0)};
}

}  // namespace coffer::daemon
