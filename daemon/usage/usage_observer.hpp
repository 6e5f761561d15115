#pragma once
// Counts every request that was answered, on its way to whoever else is told.

#include <memory>

#include "daemon/base/time.hpp"
#include "daemon/secrets/pipeline.hpp"
#include "storage/usage_recorder.hpp"

namespace coffer::usage {

/// The principal of requests of nobody: certificates that are no user's and no role's.
inline constexpr std::string_view kNobody = "(nobody)";

/// Thread-safe.
class UsageObserver final : public secrets::RequestObserver {
public:
    /// `recorder` and `clock` must outlive it.
    UsageObserver(std::shared_ptr<secrets::RequestObserver> next, storage::UsageRecorder& recorder,
                  const Clock& clock)
        : next_(std::move(next)), recorder_(recorder), clock_(clock) {}

    void request_done(const secrets::CallContext& context, v1::Request::OperationCase operation,
                      v1::ErrorCode code, std::string_view internal, std::chrono::nanoseconds took) override;
    /// Counted when the whole is: it is one request.
    void part_failed(const secrets::CallContext& part, v1::ErrorCode code,
                     std::string_view internal) override {
        next_->part_failed(part, code, internal);
    }
    void integrity_failure(const secrets::CallContext& context, std::string_view what) override {
        next_->integrity_failure(context, what);
    }

private:
    const std::shared_ptr<secrets::RequestObserver> next_;
    storage::UsageRecorder& recorder_;
    const Clock& clock_;
};

}  // namespace coffer::usage
