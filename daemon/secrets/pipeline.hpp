#pragma once
// One request, whichever front door it came through: caller, limits, authorization, operation, and the one
// place where typed exceptions become the protocol's errors.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include "coffer/v1/frame.pb.h"
#include "daemon/secrets/call_context.hpp"
#include "daemon/secrets/refusals.hpp"

namespace coffer::secrets {

class AuditTrail;
class OperationSet;
class SecretsService;

/// Told how each request ended; for logs and metrics. Called on I/O threads; must not block or throw.
class RequestObserver {
public:
    virtual ~RequestObserver() = default;
    /// `internal` is what only operators may read (a failure's inner reason), empty mostly; never a secret.
    virtual void request_done(const CallContext& context, v1::Request::OperationCase operation,
                              v1::ErrorCode code, std::string_view internal,
                              std::chrono::nanoseconds took) = 0;
    /// A part of a request failed, by itself (RequestRecord::parts); `part` is its context.
    virtual void part_failed(const CallContext& part, v1::ErrorCode code, std::string_view internal) = 0;
    /// Stored data did not verify while a request was served.
    virtual void integrity_failure(const CallContext& context, std::string_view what) = 0;
};

/// Thread-safe.
class Pipeline {
public:
    /// `others` have operations besides the service's. Without `trail` no events are written; without
    /// `listeners` no policies are stored for them; `refusals` is told of strangers that were refused. All
    /// must outlive the pipeline.
    Pipeline(SecretsService& service, std::shared_ptr<RequestObserver> observer,
             std::vector<OperationSet*> others = {}, AuditTrail* trail = nullptr,
             std::shared_ptr<const access::ListenerPolicies> listeners = nullptr,
             RefusalObserver* refusals = nullptr)
        : service_(service),
          observer_(std::move(observer)),
          others_(std::move(others)),
          trail_(trail),
          listeners_(std::move(listeners)),
          refusals_(refusals) {}

    /// Answers `request`, once its audit event is on the disk. Never throws: whatever goes wrong is the
    /// response's error. The coroutine runs on the caller's executor; the request is destroyed (and with it
    /// its secret bytes) before the answer.
    boost::asio::awaitable<v1::Response> answer(CallContext context, std::unique_ptr<v1::Request> request);

private:
    /// Whose operation it is; null: the service's.
    [[nodiscard]] OperationSet* set_of(v1::Request::OperationCase operation) const noexcept;
    boost::asio::awaitable<void> carry_out(Call call, std::unique_ptr<v1::Request> request,
                                           v1::Response& response);

    void tell_failed_parts(const CallContext& call) const;
    void tell_refused(const CallContext& call, const v1::Response& response) const;

    /// Who has the operation besides the service; null for nobody.
    [[nodiscard]] OperationSet* other_with(v1::Request::OperationCase operation) const noexcept;

    SecretsService& service_;
    std::shared_ptr<RequestObserver> observer_;
    const std::vector<OperationSet*> others_;
    AuditTrail* trail_;
    const std::shared_ptr<const access::ListenerPolicies> listeners_;
    RefusalObserver* refusals_;
};

}  // namespace coffer::secrets
