#include "daemon/server/request_observer.hpp"

#include "daemon/secrets/request_record.hpp"
#include "proto/names.hpp"

namespace coffer::server {

namespace {

/// What an operator must look into, as opposed to what a caller did wrong.
bool is_our_fault(v1::ErrorCode code) noexcept {
    return code == v1::INTERNAL_SERVICE_ERROR || code == v1::DECRYPTION_FAILURE ||
           code == v1::ENCRYPTION_FAILURE;
}

}  // namespace

void RequestRecorder::request_done(const secrets::CallContext& context, v1::Request::OperationCase operation,
                                   v1::ErrorCode code, std::string_view internal,
                                   std::chrono::nanoseconds took) {
    metrics_->request_done(operation, code, took);
    const bool failed = code != v1::ERROR_CODE_UNSPECIFIED;
    const bool wanted = logged_ == RequestLog::all || (failed && logged_ != RequestLog::none) ||
                        (logged_ == RequestLog::writes && !proto::is_read_only(operation)) ||
                        (failed && is_our_fault(code));
    if (!wanted) return;
    const bool vouched = context.record && context.record->vouched;
    const std::string_view principal = vouched ? context.record->vouched->subject : context.caller.principal;
    const bool stranger = context.record && context.record->stranger;
    if (stranger && !stranger_lines_.take(std::chrono::steady_clock::now())) return;
    const double took_ms = std::chrono::duration<double, std::milli>(took).count();
    log_->write(is_our_fault(code) ? LogLevel::error : LogLevel::info, "request",
                {{"operation", proto::operation_name(operation)},
                 {"outcome", failed ? proto::error_name(code) : std::string_view("OK")},
                 {"principal", principal},
                 {"request_id", std::string_view(context.request_id)},
                 {"trace_id", std::string_view(context.trace_id)},
                 {"listener", std::string_view(context.caller.listener)},
                 {"source", std::string_view(context.caller.source_address)},
                 {"duration_ms", took_ms},
                 {"reason", internal}});
}

void RequestRecorder::part_failed(const secrets::CallContext& part, v1::ErrorCode code,
                                  std::string_view internal) {
    if (logged_ == RequestLog::none && !is_our_fault(code)) return;
    log_->write(is_our_fault(code) ? LogLevel::error : LogLevel::info, "part of a request",
                {{"operation", part.record->operation},
                 {"outcome", proto::error_name(code)},
                 {"principal", std::string_view(part.caller.principal)},
                 {"request_id", std::string_view(part.request_id)},
                 {"trace_id", std::string_view(part.trace_id)},
                 {"listener", std::string_view(part.caller.listener)},
                 {"source", std::string_view(part.caller.source_address)},
                 {"reason", internal}});
}

void RequestRecorder::integrity_failure(const secrets::CallContext& context, std::string_view what) {
    metrics_->integrity_failure("request");
    log_->error("integrity failure: stored data did not verify and was not used",
                {{"what", what},
                 {"principal", std::string_view(context.caller.principal)},
                 {"request_id", std::string_view(context.request_id)}});
}

}  // namespace coffer::server
