#include "daemon/aws/answer.hpp"

#include "daemon/aws/json_writer.hpp"
#include "proto/names.hpp"

namespace coffer::aws {

namespace {

constexpr unsigned kBadRequest = 400;
constexpr unsigned kRejectedClaim = 403;
constexpr unsigned kInternalError = 500;
constexpr unsigned kUnavailable = 503;

unsigned status_of(v1::ErrorCode code) noexcept {
    switch (code) {
        case v1::IDP_REJECTED_CLAIM:
            return kRejectedClaim;
        case v1::INTERNAL_SERVICE_ERROR:
            return kInternalError;
        case v1::SERVICE_UNAVAILABLE:
        case v1::DEADLINE_EXCEEDED:
            return kUnavailable;
        default:
            return kBadRequest;
    }
}

/// Whether AWS writes `Message`: all but what is refused by its front end.
bool is_of_the_service(std::string_view name) {
    const auto code = proto::error_code(name);
    return code && *code != v1::VALIDATION && *code != v1::THROTTLING && *code != v1::UNKNOWN_OPERATION &&
           *code != v1::EXPIRED_TOKEN;
}

}  // namespace

ErrorAnswer error_answer(const v1::Error& error) {
    return {status_of(error.code()), std::string(proto::error_name(error.code())), error.message()};
}

ErrorAnswer error_answer(const RequestRefused& refused) {
    return {refused.status(), std::string(refused.name()), refused.what(), refused.cause()};
}

void write_json_error(const ErrorAnswer& error, Bytes& out) {
    const auto append = [&out](std::string_view text) {
        const auto bytes = as_bytes(text);
        out.insert(out.end(), bytes.begin(), bytes.end());
    };
    append(R"({"__type":)");
    write_json_string(error.name, out);
    append(is_of_the_service(error.name) ? R"(,"Message":)" : R"(,"message":)");
    write_json_string(error.message, out);
    append("}");
}

}  // namespace coffer::aws
