#pragma once
// Each request's end as metrics and, where configured, as a line of the log; of parts that failed the line
// alone.

#include <memory>

#include "daemon/secrets/pipeline.hpp"
#include "daemon/server/log.hpp"
#include "daemon/server/metrics.hpp"
#include "daemon/server/rate_limit.hpp"

namespace coffer::server {

/// Thread-safe.
class RequestRecorder final : public secrets::RequestObserver {
public:
    RequestRecorder(std::shared_ptr<Metrics> metrics, std::shared_ptr<Log> log, RequestLog logged)
        : metrics_(std::move(metrics)), log_(std::move(log)), logged_(logged) {}

    void request_done(const secrets::CallContext& context, v1::Request::OperationCase operation,
                      v1::ErrorCode code, std::string_view internal, std::chrono::nanoseconds took) override;
    void part_failed(const secrets::CallContext& part, v1::ErrorCode code,
                     std::string_view internal) override;
    void integrity_failure(const secrets::CallContext& context, std::string_view what) override;

private:
    std::shared_ptr<Metrics> metrics_;
    std::shared_ptr<Log> log_;
    RequestLog logged_;
    /// Lines a second about requests of strangers (secrets::RequestRecord).
    TokenBucket stranger_lines_{10, 100};
};

}  // namespace coffer::server
